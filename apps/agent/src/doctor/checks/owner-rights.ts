import type { Config } from '@hikyaku/config';
import type { CallOptions } from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';
import type { KubeClient } from '@hikyaku/kube-client';
import { MERGE_LABEL } from '@hikyaku/kubernetes';
import type { OwnerRight } from '../../grants/owner-role.ts';
import { readSecretMeta } from '../../release/find-secrets.ts';
import { UserError } from '../../user-error.ts';
import { AccessReviews } from '../access-reviews.ts';
import type { Check } from '../diagnose.ts';
import type { Examination } from '../examination.ts';
import { fine, found } from '../finding.ts';
import type { Finding } from '../finding.ts';
import { RESTARTS } from './install.ts';

/** Whether owners of Secrets have given what pushes, merges and references to Secrets need, and whether restarts are allowed. */
export const ownerRights: Check = {
  name: 'rights from owners',
  async run(examination, options) {
    const here = await examination.here(options);
    const client = await examination.client(options);
    if (client === undefined || here === undefined || here instanceof UserError) return [];
    const reviews = await AccessReviews.ofAgent(examination, options);
    if (reviews === undefined) return [];
    const wanted = wantedRights(here.config, examination.agent);
    const roles = await Promise.all([...wanted].map((one) => roleFinding(one, examination, reviews, options)));
    const merges = here.config.secrets.filter(({ existing }) => existing === 'merge');
    const labels = await Promise.all(
      merges.map(({ namespace, name }) => labelFinding(`${namespace}/${name}`, examination, client, options)),
    );
    const restarts = here.config.secrets.some(({ restart }) => restart !== undefined)
      ? [await restartFinding(examination, reviews, options)]
      : [];
    return [...roles, ...labels.flat(), ...restarts];
  },
};

interface Wanted {
  readonly id: string;
  readonly right: OwnerRight;
  readonly what: string;
}

function wantedRights({ secrets, pushes, sources }: Config, agent: string): readonly Wanted[] {
  const used = new Set([
    ...secrets.flatMap(({ bulk, items }) => [...bulk, ...items.values()].map(({ source }) => source)),
    ...pushes.map(({ source }) => source),
  ]);
  const references = [...sources.values()]
    .filter(({ name }) => used.has(name))
    .flatMap(({ name: source, credentials }) =>
      [...credentials.values()].flatMap((one): readonly Wanted[] => {
        if (!('secretRef' in one)) return [];
        const { namespace = agent, name } = one.secretRef;
        const what = `the credential of ${source}`;
        return namespace === agent ? [] : [{ id: `${namespace}/${name}`, right: 'read', what }];
      }),
    );
  const wanted: readonly Wanted[] = [
    ...pushes.map(({ namespace, name, source }) => ({
      id: `${namespace}/${name}`,
      right: 'watch' as const,
      what: `a push to ${source}`,
    })),
    ...secrets
      .filter(({ existing }) => existing === 'merge')
      .map(({ namespace, name }) => ({ id: `${namespace}/${name}`, right: 'merge' as const, what: 'a merge' })),
    ...references,
  ];
  return [...new Map(wanted.map((one) => [`${one.id} ${one.right}`, one])).values()];
}

async function roleFinding(
  { id, right, what }: Wanted,
  { agent, lines }: Examination,
  reviews: AccessReviews,
  options: CallOptions,
): Promise<Finding> {
  const [namespace = '', name = ''] = id.split('/');
  const verbs = right === 'watch' ? ['get', 'list', 'watch'] : ['get'];
  const answers = await Promise.all(
    verbs.map((verb) => reviews.ask({ verb, resource: 'secrets', namespace, name }, options)),
  );
  if (answers.every(({ allowed }) => allowed)) return fine(`Secret ${id}`, `its owner lets the agent ${right} it`);
  const own = agent === 'hikyaku' ? '' : ` --namespace ${agent}`;
  return found('OWNER_ROLE_MISSING', `Secret ${id}`, `the agent may not ${right} it, which ${what} needs`, {
    advice: 'its owner gives the Role',
    command: `hikyaku rights role ${id} --${right}${own} | ${lines.kubectl('apply -f -')}`,
  });
}

async function labelFinding(
  id: string,
  { agent, lines }: Examination,
  client: KubeClient,
  options: CallOptions,
): Promise<readonly Finding[]> {
  const [namespace = '', name = ''] = id.split('/');
  const meta = await readSecretMeta(client, id, options).catch((error: unknown) => {
    if (isKubeError(error) && (error.code === 'FORBIDDEN' || error.code === 'NOT_FOUND')) return undefined;
    throw error;
  });
  if (meta === undefined) return [];
  const before = meta.labels?.[MERGE_LABEL];
  const agents = before === undefined ? [] : before.split('.');
  if (agents.includes(agent)) return [fine(`Secret ${id}`, `carries ${MERGE_LABEL}`)];
  const value = [...agents, agent].join('.');
  const overwrite = before === undefined ? '' : ' --overwrite';
  return [
    found(
      'MERGE_LABEL_MISSING',
      `Secret ${id}`,
      `does not carry ${MERGE_LABEL}=${agent}, so that nothing can be merged into it`,
      {
        advice: 'its owner sets the label',
        command: lines.kubectl(`label secret ${name} --namespace ${namespace} ${MERGE_LABEL}=${value}${overwrite}`),
      },
    ),
  ];
}

async function restartFinding({ lines }: Examination, reviews: AccessReviews, options: CallOptions): Promise<Finding> {
  const kinds = ['deployments', 'statefulsets', 'daemonsets'];
  const answers = await Promise.all(
    kinds.map((resource) => reviews.ask({ verb: 'patch', group: 'apps', resource }, options)),
  );
  if (answers.every(({ allowed }) => allowed)) return fine('restarts', 'the agent has the rights for them');
  return found(
    'RESTARTS_NOT_ALLOWED',
    'restarts',
    'the config asks for restarts, and the agent has no rights for them',
    {
      advice: 'apply their own file, or take `restart` out of the config',
      command: lines.kubectl(`apply -f ${RESTARTS}`),
    },
  );
}
