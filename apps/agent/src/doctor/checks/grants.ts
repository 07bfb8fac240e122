import { formatProblems, GRANTS_CONFIG_MAP, readGrantsData } from '@hikyaku/config';
import { isKubeError } from '@hikyaku/kube-client';
import { checkGrants } from '../../grants/check-grants.ts';
import { printable } from '../../output/printable.ts';
import { UserError } from '../../user-error.ts';
import type { Check } from '../diagnose.ts';
import { fine, found } from '../finding.ts';

/** Whether the cluster has grants, they can be read, and they cover the config. */
export const grants: Check = {
  name: 'grants',
  async run(examination, options) {
    const client = await examination.client(options);
    if (client === undefined) return [];
    const { agent, lines } = examination;
    const thing = `ConfigMap ${agent}/${GRANTS_CONFIG_MAP}`;
    const apply = {
      advice: 'whoever approves what the agent may do looks at it, and applies it',
      command: `${lines.hikyaku('grants --config-map')} | ${lines.kubectl('apply -f -')}`,
    };
    const live = await client.configMaps.get(agent, GRANTS_CONFIG_MAP, options).catch((error: unknown) => {
      if (isKubeError(error) && error.code === 'NOT_FOUND') return undefined;
      throw error;
    });
    if (live === undefined) return [found('GRANTS_MISSING', thing, 'is not there: every write is refused', apply)];
    const reading = readGrantsData(live.data ?? {}, 'grants.yaml');
    if (reading.problems.length > 0) {
      const [first = ''] = formatProblems(reading.problems).split('\n');
      return [found('GRANTS_INVALID', thing, `its grants.yaml cannot be read: ${printable(first)}`, apply)];
    }
    const disagreeing = reading.disagreeing.map((word) =>
      found(
        'GRANTS_DISAGREE',
        thing,
        `grants.yaml and the key ${word} beside it differ, and the API server goes by the key`,
        apply,
      ),
    );
    const here = await examination.here(options);
    if (here === undefined || here instanceof UserError) return disagreeing;
    const check = await checkGrants(here.config, examination.options, { ...reading, where: thing });
    const missing = (check?.missing ?? []).map(({ entry, message, line, code }) =>
      found('NOT_GRANTED', printable(entry), `${printable(message)} (${code})`, {
        ...apply,
        ...(line !== undefined && {
          advice: `whoever approves it writes into grants.yaml: ${printable(line)}, or takes all that the config needs`,
        }),
      }),
    );
    if (disagreeing.length + missing.length > 0) return [...disagreeing, ...missing];
    return [fine(thing, 'covers the config')];
  },
};
