import * as z from 'zod';
import { bulkItem, readBulkItem } from './bulk-item.ts';
import type { Claims } from './claims.ts';
import { clusterNames, readClusters } from './clusters.ts';
import type { Clusters } from './clusters.ts';
import type { BulkItem, DataItem, SecretEntry } from './config.ts';
import { dataItem, readDataItem } from './data-item.ts';
import type { ItemContext } from './data-item.ts';
import { readFields, readValue } from './fields.ts';
import { wrongKind } from './issues.ts';
import { dnsLabel, dnsSubdomain, secretKey } from './kubernetes-names.ts';
import { readAnnotations, readLabels } from './labels.ts';
import { isMapping } from './place.ts';
import type { Place } from './place.ts';
import { problemAt, problemAtKey } from './problem.ts';
import type { Problem } from './problem.ts';
import type { KnownRecipients } from './recipients.ts';
import { restart } from './restart.ts';
import { missingKeysOf, refusedTypeReason } from './secret-type.ts';
import { sourceOf } from './source-of.ts';
import type { SourceNames } from './source-of.ts';

const namespace = dnsLabel();

export const secretEntry = z.strictObject({
  name: dnsSubdomain().describe('Name of the Kubernetes Secret'),
  namespace: namespace.optional().describe('Its namespace; or `namespaces`'),
  namespaces: z
    .array(namespace)
    .min(1, { error: 'must name at least one' })
    .optional()
    .describe('Its namespaces; or `namespace`'),
  clusters: clusterNames,
  from: z
    .string()
    .optional()
    .describe('Name of the source; with neither `data` nor `dataFrom` everything it has goes into the Secret'),
  dataFrom: z
    .array(bulkItem)
    .min(1, { error: 'is empty, which never means everything: remove it for everything of `from`' })
    .optional()
    .describe('Many keys at once'),
  data: z
    .record(secretKey(), dataItem)
    .optional()
    .meta({ minProperties: 1, description: 'By key of the Kubernetes Secret: which secret it holds' }),
  keyNames: z
    .enum(['strict', 'underscore'])
    .default('strict')
    .describe('What happens to names that Kubernetes refuses: an error, or `_` for each refused character'),
  type: z
    .string()
    .min(1, { error: 'must be a type of Secret' })
    .default('Opaque')
    .describe('Type of the Kubernetes Secret'),
  labels: z.record(z.string(), z.string()).default({}).describe('Labels of the Secret'),
  annotations: z.record(z.string(), z.string()).default({}).describe('Annotations of the Secret'),
  immutable: z.boolean().default(false).describe('Kubernetes refuses changes of the data'),
  existing: z
    .enum(['refuse', 'merge'])
    .default('refuse')
    .describe(
      '`refuse`: the whole Secret is ours, one of somebody else is left alone; `merge`: our keys go into somebody else’s Secret',
    ),
  whenRemoved: z
    .enum(['delete', 'keep'])
    .default('delete')
    .describe('What happens to the Secret, or to the keys merged into it, when its entry leaves the file'),
  recreate: z.boolean().default(false).describe('Delete and make it again when its type or immutable data changed'),
  restart,
});

export interface EntryContext {
  readonly names: SourceNames;
  readonly recipients: KnownRecipients;
  readonly agentNamespace: string;
  /** The Secrets of the entries read so far, `namespace/name`. This entry's are added. */
  readonly taken: Claims;
}

/** Reads one item of `secrets`: a Secret for each of its namespaces. What it gives is only good when `problems` stays empty. */
export function readSecretEntry(place: Place, context: EntryContext, problems: Problem[]): readonly SecretEntry[] {
  const fields = readFields(place, secretEntry, problems, [
    'namespace',
    'namespaces',
    'data',
    'dataFrom',
    'labels',
    'annotations',
    'clusters',
  ]);
  if (!isMapping(place.value)) return [];
  const { name, type = 'Opaque', from: own } = fields;

  const { existing = 'refuse' } = fields;
  if (existing === 'merge') checkMerge(place, problems);
  const from = sourceOf(place, own, undefined, context.names, problems);
  const itemContext = { from: place.children.has('from') ? from : undefined, names: context.names };
  const bulk = readDataFrom(place, itemContext, problems);
  const items = readData(place, itemContext, problems);
  if (!place.children.has('data') && !place.children.has('dataFrom')) {
    if (itemContext.from !== undefined) bulk.push({ source: from, include: ['*'], exclude: [] });
    else if (place.whole) {
      problems.push(
        problemAt(
          place,
          'this entry says neither `from` nor `data` nor `dataFrom`',
          'with `from` alone it is everything of that source',
        ),
      );
    }
  }
  if (existing === 'refuse')
    checkType(place, type, bulk.length === 0 && !place.children.has('dataFrom') ? items : undefined, problems);

  const clusters = readClusters(place, context.recipients, problems);
  const entry = {
    ...(clusters && { clusters }),
    bulk,
    items,
    type,
    keyNames: fields.keyNames ?? 'strict',
    labels: readLabels(place.children.get('labels'), problems),
    annotations: readAnnotations(place.children.get('annotations'), problems),
    immutable: fields.immutable ?? false,
    existing,
    whenRemoved: fields.whenRemoved ?? 'delete',
    recreate: fields.recreate ?? false,
    ...restartOf(fields.restart),
    position: place.position,
  } as const;
  return readNamespaces(place, context.agentNamespace, problems).map((namespacePlace) => {
    const entryNamespace = String(namespacePlace.value);
    if (name !== undefined) claim(`${entryNamespace}/${name}`, clusters, place, context.taken, problems);
    return { namespace: entryNamespace, name: name ?? '', ...entry };
  });
}

function restartOf(said: boolean | readonly string[] | undefined): Pick<SecretEntry, 'restart'> {
  if (said === undefined || said === false) return {};
  return { restart: said === true || [...new Set(said)] };
}

/** The places that name the entry's namespaces, the good ones. */
function readNamespaces(place: Place, agentNamespace: string, problems: Problem[]): readonly Place[] {
  const one = place.children.get('namespace');
  const several = place.children.get('namespaces');
  if (one !== undefined && several !== undefined) {
    problems.push(problemAtKey(several, '`namespace` and `namespaces` exclude each other', 'keep one of them'));
    return [];
  }
  if (one === undefined && several === undefined) {
    if (place.whole)
      problems.push(
        problemAt(place, '`namespace` is missing', 'name one with `namespace`, or several with `namespaces`'),
      );
    return [];
  }
  if (several !== undefined && (!Array.isArray(several.value) || several.value.length === 0)) {
    readValue(several, secretEntry.shape.namespaces, problems);
    return [];
  }
  const seen = new Set<unknown>();
  return (one === undefined ? [...(several?.children.values() ?? [])] : [one]).filter((candidate) => {
    if (readValue(candidate, namespace, problems) === undefined) return false;
    if (candidate.value === agentNamespace) {
      problems.push(
        problemAt(
          candidate,
          `\`${agentNamespace}\` is the namespace of the agent itself, where it keeps what it must remember`,
          'use another namespace',
        ),
      );
      return false;
    }
    if (seen.has(candidate.value)) {
      problems.push(
        problemAt(candidate, `the namespace \`${String(candidate.value)}\` stands here twice`, 'remove one'),
      );
      return false;
    }
    seen.add(candidate.value);
    return true;
  });
}

function readDataFrom(place: Place, context: ItemContext, problems: Problem[]): BulkItem[] {
  const dataFrom = place.children.get('dataFrom');
  if (dataFrom === undefined) return [];
  if (isEmpty(dataFrom)) neverEverything(dataFrom, problems);
  else if (dataFrom.whole && !Array.isArray(dataFrom.value)) problems.push(wrongKind(dataFrom, 'a list'));
  return [...dataFrom.children.values()].flatMap((item) =>
    Array.isArray(dataFrom.value) ? (readBulkItem(item, context, problems) ?? []) : [],
  );
}

function readData(place: Place, context: ItemContext, problems: Problem[]): ReadonlyMap<string, DataItem> {
  const items = new Map<string, DataItem>();
  const data = place.children.get('data');
  if (data === undefined) return items;
  if (isEmpty(data)) neverEverything(data, problems);
  else if (!isMapping(data.value)) {
    if (data.whole) problems.push(wrongKind(data, 'a mapping'));
    return items;
  }
  for (const [key, itemPlace] of data.children) {
    const item = readDataItem(itemPlace, context, problems);
    if (item !== undefined) items.set(String(key), item);
  }
  return items;
}

function isEmpty({ value, whole }: Place): boolean {
  if (!whole) return false;
  return value === null || (typeof value === 'object' && Object.keys(value).length === 0);
}

function neverEverything(place: Place, problems: Problem[]): void {
  const word = String(place.path.at(-1));
  problems.push(
    problemAt(
      place,
      `\`${word}\` is empty, which never means everything`,
      `remove \`${word}:\` for everything of \`from\`, or say what belongs there`,
    ),
  );
}

/** What is the owner's of a Secret that keys are merged into. */
const OWNERS_WORDS = ['type', 'labels', 'annotations', 'immutable', 'recreate'] as const;

function checkMerge(place: Place, problems: Problem[]): void {
  for (const word of OWNERS_WORDS) {
    const said = place.children.get(word);
    if (said === undefined) continue;
    const reason = `\`${word}\` is up to the owner of a Secret with \`existing: merge\`: only keys are put into it`;
    problems.push(problemAtKey(said, reason, `remove \`${word}\``));
  }
}

function checkType(
  place: Place,
  type: string,
  items: ReadonlyMap<string, DataItem> | undefined,
  problems: Problem[],
): void {
  const typePlace = place.children.get('type');
  if (typePlace === undefined) return;
  const reason = refusedTypeReason(type);
  if (reason !== undefined) problems.push(problemAt(typePlace, `a Secret of type \`${type}\` is refused: ${reason}`));
  // Which keys a bulk item brings is known only when its source was read, and a bad item may have been one of them.
  if (items === undefined || items.size !== place.children.get('data')?.children.size) return;
  for (const keys of missingKeysOf(type, new Set(items.keys()))) {
    problems.push(problemAt(typePlace, `a Secret of type \`${type}\` needs ${keys} in \`data\``));
  }
}

function claim(secret: string, clusters: Clusters, entry: Place, taken: Claims, problems: Problem[]): void {
  const named = entry.children.get('name') ?? entry;
  const first = taken.claim(secret, clusters, named.position);
  if (first === undefined) return;
  problems.push(
    problemAt(
      named,
      `the Secret \`${secret}\` stands here twice: first in ${first.file}:${first.line}`,
      clusters === undefined
        ? 'remove one, or give it another name'
        : 'remove one, or let the `clusters` of each be others than those of the other',
    ),
  );
}
