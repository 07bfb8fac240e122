import * as z from 'zod';
import type { Claims } from './claims.ts';
import { clusterNames, readClusters } from './clusters.ts';
import type { Clusters } from './clusters.ts';
import type { PushEntry } from './config.ts';
import { readFields, readValue } from './fields.ts';
import { missing, wrongKind } from './issues.ts';
import { dnsLabel, dnsSubdomain, secretKey } from './kubernetes-names.ts';
import { isMapping, nameOf } from './place.ts';
import type { Place } from './place.ts';
import { problemAt, problemAtKey } from './problem.ts';
import type { Problem } from './problem.ts';
import type { KnownRecipients } from './recipients.ts';
import { checkSource } from './source-of.ts';
import type { SourceNames } from './source-of.ts';

const remoteName = z
  .string()
  .min(1, { error: 'must name a secret of the source' })
  .refine((text) => !text.includes('\0'), { error: 'must not hold the character U+0000' });

const origin = z.strictObject({
  namespace: dnsLabel().describe('Namespace of the Secret'),
  secret: dnsSubdomain().describe('Name of the Secret'),
});

export const pushEntry = z.strictObject({
  from: origin.describe('The Kubernetes Secret; in a pod its owner must let the agent read it'),
  clusters: clusterNames,
  to: z.string().describe('Name of the source, whose provider must be one that can write'),
  data: z.record(remoteName, secretKey()).optional().meta({
    minProperties: 1,
    description: 'By name at the source: the key of the Secret; by default all keys, each under its own name',
  }),
  update: z
    .enum(['always', 'ifAbsent'])
    .default('always')
    .describe('Keep what is at the source equal to the Secret, or only make what is not there'),
  whenRemoved: z
    .enum(['keep', 'delete'])
    .default('keep')
    .describe(
      'What happens at the source to a key that is not pushed any more; `delete` only touches what this agent pushed',
    ),
});

export interface PushContext {
  readonly names: SourceNames;
  readonly recipients: KnownRecipients;
  readonly agentNamespace: string;
  /** Where each push, and each name at a source, was first said. This entry's are added. */
  readonly taken: Claims;
}

/** Reads one item of `pushes`. What it gives is only good when `problems` stays empty. */
export function readPushEntry(place: Place, context: PushContext, problems: Problem[]): PushEntry | undefined {
  const {
    to,
    update = 'always',
    whenRemoved = 'keep',
  } = readFields(place, pushEntry, problems, ['from', 'data', 'clusters']);
  if (!isMapping(place.value)) return undefined;
  const target = place.children.get('to');
  if (target !== undefined && to !== undefined) checkSource(target, to, context.names, problems);
  const clusters = readClusters(place, context.recipients, problems);
  const from = readOrigin(place, context, problems);
  const data = readData(place, problems);
  if (to === undefined || from === undefined) return undefined;

  const push = `${from.namespace}/${from.name}`;
  const second = `the Secret \`${push}\` is pushed to \`${to}\` twice`;
  const { taken } = context;
  claim(`${push} ${to}`, clusters, target ?? place, second, 'put both into one entry', taken, problems);
  for (const [name, item] of place.children.get('data')?.children ?? []) {
    const twice = `${nameOf([name])} of \`${to}\` is pushed twice`;
    claim(`${to}\0${name}`, clusters, item, twice, 'remove one, or give it another name', taken, problems);
  }
  return {
    ...from,
    ...(clusters && { clusters }),
    source: to,
    ...(data && { data }),
    update,
    whenRemoved,
    position: place.position,
  };
}

function readOrigin(
  place: Place,
  { agentNamespace }: PushContext,
  problems: Problem[],
): Pick<PushEntry, 'namespace' | 'name'> | undefined {
  const from = place.children.get('from');
  if (from === undefined) {
    if (place.whole) problems.push(missing(place, 'from', 'write `from: { namespace: NAMESPACE, secret: NAME }`'));
    return undefined;
  }
  const { namespace, secret } = readFields(from, origin, problems);
  if (namespace === agentNamespace) {
    problems.push(
      problemAt(
        from.children.get('namespace') ?? from,
        `\`${agentNamespace}\` is the namespace of the agent itself, and nothing of it is ever pushed`,
      ),
    );
  }
  return namespace === undefined || secret === undefined ? undefined : { namespace, name: secret };
}

function readData(place: Place, problems: Problem[]): ReadonlyMap<string, string> | undefined {
  const data = place.children.get('data');
  if (data === undefined) return undefined;
  const items = new Map<string, string>();
  if (!data.whole) return items;
  if (data.value === null || (isMapping(data.value) && data.children.size === 0)) {
    problems.push(
      problemAt(data, '`data` is empty, which never means everything', 'remove `data:` to push all keys of the Secret'),
    );
  } else if (!isMapping(data.value)) problems.push(wrongKind(data, 'a mapping'));
  for (const [name, item] of isMapping(data.value) ? data.children : []) {
    const nameProblem = remoteName.safeParse(String(name)).error?.issues[0]?.message;
    if (nameProblem !== undefined) problems.push(problemAtKey(item, `a name of \`data\` ${nameProblem}`));
    const key = readValue(item, secretKey(), problems);
    if (key !== undefined) items.set(String(name), key);
  }
  return items;
}

function claim(
  what: string,
  clusters: Clusters,
  place: Place,
  message: string,
  suggestion: string,
  taken: Claims,
  problems: Problem[],
): void {
  const first = taken.claim(what, clusters, place.keyPosition);
  if (first !== undefined)
    problems.push(problemAtKey(place, `${message}: first in ${first.file}:${first.line}`, suggestion));
}
