import type { CallOptions } from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';
import type { KubeClient } from '@hikyaku/kube-client';
import { count } from '../../output/count.ts';
import { UserError } from '../../user-error.ts';
import type { Check } from '../diagnose.ts';
import { fine, found } from '../finding.ts';

/** Whether the namespaces of the entries exist. */
export const namespaces: Check = {
  name: 'namespaces',
  async run(examination, options) {
    const here = await examination.here(options);
    const client = await examination.client(options);
    if (client === undefined || here === undefined || here instanceof UserError) return [];
    const wanted = [...new Set(here.config.secrets.map(({ namespace }) => namespace))].toSorted();
    const exist = await Promise.all(wanted.map((name) => existsIn(client, name, options)));
    const missing = wanted.filter((_, index) => exist[index] === false);
    const entries = (namespace: string) => here.config.secrets.filter((entry) => entry.namespace === namespace).length;
    if (missing.length === 0)
      return wanted.length === 0
        ? []
        : [
            fine(
              'namespaces',
              `${count(wanted.length, 'namespace')} of the entries ${wanted.length === 1 ? 'exists' : 'exist'}`,
            ),
          ];
    return missing.map((name) =>
      found(
        'TARGET_NAMESPACE_MISSING',
        `namespace ${name}`,
        `does not exist; ${count(entries(name), 'Secret')} for it ${entries(name) === 1 ? 'waits' : 'wait'}`,
        {
          advice: 'whoever owns it makes it; the agent notices at once',
          command: examination.lines.kubectl(`create namespace ${name}`),
        },
      ),
    );
  },
};

async function existsIn(client: KubeClient, name: string, options: CallOptions): Promise<boolean> {
  try {
    await client.namespaces.get(name, options);
    return true;
  } catch (error) {
    if (isKubeError(error) && error.code === 'NOT_FOUND') return false;
    throw error;
  }
}
