import type { CallOptions } from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';
import type { KubeClient } from '@hikyaku/kube-client';
import { count } from '../../output/count.ts';
import { shellWord } from '../../output/shell-word.ts';
import { UserError } from '../../user-error.ts';
import type { CommandLines } from '../command-lines.ts';
import type { Check } from '../diagnose.ts';
import { differenceOf, expectedObjects, pathOf } from '../expected-objects.ts';
import type { Difference, ExpectedObject, RightsFile } from '../expected-objects.ts';
import { fine, found } from '../finding.ts';
import type { Finding, Remedy } from '../finding.ts';

/** Whether what the install makes is there, and says what this version has. */
export const install: Check = {
  name: 'install',
  async run(examination, options) {
    const client = await examination.client(options);
    if (client === undefined) return [];
    const { agent, lines } = examination;
    const isAgent = await examination.isAgent(options);
    const here = await examination.here(options);
    const wantsRestarts =
      here !== undefined &&
      !(here instanceof UserError) &&
      here.config.secrets.some(({ restart }) => restart !== undefined);
    const files: readonly RightsFile[] = [RIGHTS, ...(wantsRestarts ? [RESTARTS] : [])];
    const all = files.flatMap((file) => expectedObjects(agent, file).map((object) => ({ ...object, file })));
    // The agent may look at these, and only by name.
    const objects = isAgent ? all.filter(({ kind }) => kind === 'ConfigMap' || kind === 'Lease') : all;
    const looked = await Promise.all(objects.map((object) => look(client, object, options)));
    const remedy = (file: RightsFile) => applying(file, lines);
    const isMissing = looked.some(({ object, state }) => object.kind === 'Namespace' && state === 'missing');
    if (isMissing) {
      const thing = `namespace ${agent}`;
      return [
        found(
          'NAMESPACE_MISSING',
          thing,
          `does not exist: no agent ${agent} is installed in this cluster`,
          remedy(RIGHTS),
        ),
      ];
    }
    const findings = looked.flatMap(({ object, state, difference }): readonly Finding[] => {
      const thing = nameOf(object);
      if (state === 'missing') {
        const { advice, ...more } = remedy(object.file);
        const told = { ...more, advice: hasParameters(object) ? `${advice}. ${IF_RENEWED}` : advice };
        return [found('OBJECT_MISSING', thing, 'is not there', told)];
      }
      if (state !== 'differs') return [];
      const message = `is not as this version has it (${difference?.pointer ?? ''})`;
      const isAdded = difference?.added === true;
      return [
        found('OBJECT_DIFFERS', thing, message, isAdded ? removing(object, difference, lines) : remedy(object.file)),
      ];
    });
    const unseen = looked.filter(({ state }) => state === 'forbidden').map(({ object }) => object.kind);
    if (unseen.length > 0) {
      findings.push(
        found('CANNOT_LOOK', 'install', `you may not get these: ${[...new Set(unseen)].join(', ')}`, {
          advice: 'look with a kubeconfig that may, such as that of an administrator',
        }),
      );
    }
    const well = looked.filter(({ state }) => state === 'well').length;
    if (findings.length > 0 || well === 0) return findings;
    return [fine('install', `${count(well, 'object')} as this version has ${well === 1 ? 'it' : 'them'}`)];
  },
};

export const RIGHTS: RightsFile = 'deploy/rights-own.yaml';
export const RESTARTS: RightsFile = 'deploy/rights-restarts.yaml';

/** An API server that has seen a policy go and come keeps the parameters that it knew (docs/rights.md, «What is left over»). */
export const IF_RENEWED =
  'If it was there before, restart the API servers then: until that, later changes of hikyaku-grants have no effect';

function hasParameters({ spec }: ExpectedObject): boolean {
  return typeof spec === 'object' && spec !== null && ('paramKind' in spec || 'paramRef' in spec);
}

/** Applying changes nothing that the agent has written. */
export function applying(file: RightsFile, { kubectl }: CommandLines): Remedy {
  return { advice: 'apply the rights again: what the agent wrote stays', command: kubectl(`apply -f ${file}`) };
}

/** What somebody has added stays when the file is applied: `kubectl apply` takes away only what it has brought. */
function removing(
  { kind, metadata: { name, namespace } }: FromFile,
  { pointer }: Difference,
  { kubectl }: CommandLines,
): Remedy {
  const where = namespace === undefined ? '' : ` --namespace ${namespace}`;
  const patch = shellWord(JSON.stringify([{ op: 'remove', path: pointer }]));
  return {
    advice: 'find out who has added it, and take it away',
    command: kubectl(`patch ${kind.toLowerCase()} ${name}${where} --type=json --patch=${patch}`),
  };
}

type FromFile = ExpectedObject & { readonly file: RightsFile };

interface Looked {
  readonly object: FromFile;
  readonly state: 'well' | 'missing' | 'differs' | 'forbidden';
  readonly difference?: Difference;
}

async function look(client: KubeClient, object: FromFile, { signal }: CallOptions): Promise<Looked> {
  try {
    const { body } = await client.request('GET', pathOf(object), { signal });
    const live = body as ExpectedObject;
    // What is written into the others is the agent's.
    const parts = (
      ['rules', 'roleRef', 'subjects', ...(object.kind === 'Lease' ? [] : ['spec' as const])] as const
    ).filter((part) => object[part] !== undefined);
    const difference = parts
      .map((part) => differenceOf(object[part], live[part], `/${part}`))
      .find((one) => one !== undefined);
    return difference === undefined ? { object, state: 'well' } : { object, state: 'differs', difference };
  } catch (error) {
    if (!isKubeError(error)) throw error;
    if (error.code === 'NOT_FOUND') return { object, state: 'missing' };
    if (error.code === 'FORBIDDEN') return { object, state: 'forbidden' };
    throw error;
  }
}

function nameOf({ kind, metadata: { name, namespace } }: ExpectedObject): string {
  return namespace === undefined ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}
