import { isKubeError } from '@hikyaku/kube-client';
import { probePolicy } from '@hikyaku/kubernetes';
import type { Check } from '../diagnose.ts';
import { fine, found } from '../finding.ts';
import { IF_RENEWED, RIGHTS } from './install.ts';

/** Whether the API server limits what the agent writes: asked by a dry run, with the agent's own account only. */
export const policy: Check = {
  name: 'policy',
  async run(examination, options) {
    const client = await examination.client(options);
    if (client === undefined || !(await examination.isAgent(options))) return [];
    const { agent, lines } = examination;
    try {
      const state = await probePolicy(client, agent, options);
      // Without grants it refuses everything, which is for the check of the grants to say.
      if (state !== 'missing') return [fine('policy hikyaku-own', 'the API server enforces it')];
    } catch (error) {
      if (isKubeError(error) && (error.code === 'FORBIDDEN' || error.code === 'NOT_FOUND')) return [];
      throw error;
    }
    return [
      found(
        'POLICY_NOT_ENFORCED',
        'policy hikyaku-own',
        'the API server does not limit which Secrets this account writes',
        {
          advice: `have somebody apply the rights again; it is in force some seconds later. ${IF_RENEWED}`,
          command: lines.kubectl(`apply -f ${RIGHTS}`),
        },
      ),
    ];
  },
};
