import * as z from 'zod';
import { Claims } from './claims.ts';
import type { Config, PushEntry, SourceConfig } from './config.ts';
import { duration } from './duration.ts';
import { readFields } from './fields.ts';
import { missing, wrongKind } from './issues.ts';
import type { KnownProviders } from './known-providers.ts';
import { isMapping } from './place.ts';
import type { Place } from './place.ts';
import { byPosition, problemAtKey } from './problem.ts';
import type { Problem } from './problem.ts';
import { pushEntry, readPushEntry } from './push-entry.ts';
import { checkLoops } from './push-loops.ts';
import { readYaml } from './read-yaml.ts';
import type { ConfigFile } from './read-yaml.ts';
import { readRecipients, recipientMap } from './recipients.ts';
import { readSecretEntry, secretEntry } from './secret-entry.ts';
import { readSource, sourceName } from './source.ts';
import { DEFAULT_THRESHOLD, threshold } from './threshold.ts';

/** `problems` are sorted by file, line and column. */
export type LoadResult =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export interface ParseOptions {
  readonly providers: KnownProviders;
  /** Where the agent itself lives, which no entry may target; `hikyaku` by default. */
  readonly agentNamespace?: string;
}

const DEFAULT_RESYNC_MS = 600_000;

export const configFile = z.strictObject({
  version: z
    .literal(1, { error: 'must be `1`: this hikyaku reads version 1' })
    .optional()
    .describe('Version of the grammar'),
  resync: duration('How often Secrets are put again though nothing changed; `10m` by default').optional(),
  hold: z
    .union([z.literal('off'), z.strictObject({ lostSecrets: threshold })])
    .optional()
    .describe(
      'When more Secrets than this (`{ lostSecrets: 50% }` by default) would be deleted at once, a person is asked first',
    ),
  providers: z
    .record(sourceName, z.unknown())
    .optional()
    .describe('The sources: configured providers, by a name of your choice'),
  secrets: z.array(secretEntry).optional().describe('The Kubernetes Secrets'),
  pushes: z.array(pushEntry).optional().describe('Kubernetes Secrets whose keys are kept at a source too'),
  recipients: recipientMap.optional(),
});

/**
 * Reads the files of one configuration together. All problems of all files are reported at once. Asynchronous
 * because providers are loaded when they are used, and their schemas may be; reads nothing else but what it is given.
 */
export async function parseConfig(files: readonly ConfigFile[], options: ParseOptions): Promise<LoadResult> {
  return joinFiles(files, options, []);
}

/** As {@link parseConfig}, when some files could not be read at all: `earlier` says which. */
export async function joinFiles(
  files: readonly ConfigFile[],
  { providers, agentNamespace = 'hikyaku' }: ParseOptions,
  earlier: readonly Problem[],
): Promise<LoadResult> {
  const problems: Problem[] = [...earlier];
  const roots: Place[] = [];
  for (const file of files) {
    const { root, problems: fileProblems } = readYaml(file);
    problems.push(...fileProblems);
    if (root !== undefined) roots.push(root);
  }
  const fields = roots.map((root) => ({
    root,
    ...readFields(root, configFile, problems, ['recipients', 'providers', 'secrets', 'pushes']),
  }));
  for (const word of ['resync', 'hold'] as const) refuseSecond(roots, word, problems);

  const isComplete =
    earlier.length === 0 && roots.length === files.length && roots.every(({ value }) => isMapping(value));
  const recipientPlaces = readNames(roots, 'recipients', 'recipient', problems);
  const recipients = readRecipients(recipientPlaces, problems);
  const knownRecipients = isComplete && roots.every((root) => namesAll(root, 'recipients')) ? recipients : undefined;
  const places = readNames(roots, 'providers', 'source', problems);
  if (isComplete) for (const word of ['providers', 'secrets'] as const) requireOnce(roots, word, problems);

  const sources = new Map<string, SourceConfig>();
  for (const [name, place] of places) {
    const source = await readSource(name, place, providers, knownRecipients, problems);
    if (source !== undefined) sources.set(name, source);
  }

  const namesKnown =
    isComplete &&
    roots.every((root) => namesAll(root, 'providers')) &&
    roots.some(({ children }) => children.has('providers'));
  const context = {
    names: namesKnown ? new Set(places.keys()) : undefined,
    recipients: knownRecipients,
    agentNamespace,
    taken: new Claims(),
  };
  const secrets = itemsOf(roots, 'secrets', problems).flatMap((entry) => readSecretEntry(entry, context, problems));
  const pushContext = { ...context, taken: new Claims() };
  const pushes: { readonly push: PushEntry; readonly place: Place }[] = [];
  for (const place of itemsOf(roots, 'pushes', problems)) {
    const push = readPushEntry(place, pushContext, problems);
    if (push !== undefined) pushes.push({ push, place });
  }
  checkLoops(pushes, secrets, problems);

  if (problems.length > 0) return { ok: false, problems: problems.toSorted(byPosition) };
  const config: Config = {
    resyncMs: fields.find(({ resync }) => resync !== undefined)?.resync ?? DEFAULT_RESYNC_MS,
    hold: fields.find(({ hold }) => hold !== undefined)?.hold ?? { lostSecrets: DEFAULT_THRESHOLD },
    recipients,
    sources,
    secrets,
    pushes: pushes.map(({ push }) => push),
  };
  return { ok: true, config };
}

/** The entries of a map that may stand in several files, by name. */
function readNames(
  roots: readonly Place[],
  word: 'providers' | 'recipients',
  what: string,
  problems: Problem[],
): ReadonlyMap<string, Place> {
  const places = new Map<string, Place>();
  for (const { children } of roots) {
    const map = children.get(word);
    if (map === undefined) continue;
    if (!isMapping(map.value)) {
      if (map.whole) problems.push(wrongKind(map, 'a mapping'));
      continue;
    }
    for (const [name, place] of map.children) {
      const first = places.get(String(name));
      if (first === undefined) places.set(String(name), place);
      else {
        const where = `first in ${first.file}:${first.keyPosition.line}`;
        problems.push(
          problemAtKey(
            place,
            `the ${what} \`${name}\` is named twice: ${where}`,
            'remove one, or give it another name',
          ),
        );
      }
    }
  }
  return places;
}

/** The items of a list that may stand in several files. */
function itemsOf(roots: readonly Place[], word: 'secrets' | 'pushes', problems: Problem[]): readonly Place[] {
  return roots.flatMap(({ children }) => {
    const list = children.get(word);
    if (list === undefined) return [];
    if (Array.isArray(list.value)) return [...list.children.values()];
    if (list.whole) {
      problems.push({
        ...wrongKind(list, 'a list'),
        ...(list.value === null && { suggestion: `write \`${word}: []\` when there are none` }),
      });
    }
    return [];
  });
}

function namesAll({ children }: Place, word: 'providers' | 'recipients'): boolean {
  const map = children.get(word);
  // A key that was refused may have been one of the names.
  return map === undefined || (map.whole && isMapping(map.value));
}

function requireOnce(roots: readonly Place[], word: 'providers' | 'secrets', problems: Problem[]): void {
  const [first] = roots;
  if (first === undefined || roots.some(({ children, whole }) => children.has(word) || !whole)) return;
  const suggestion =
    word === 'secrets'
      ? 'write `secrets: []` when there are none'
      : 'name the sources there; write `providers: {}` when there are none';
  problems.push(missing(first, word, suggestion));
}

function refuseSecond(roots: readonly Place[], word: string, problems: Problem[]): void {
  const [first, ...others] = roots.flatMap(({ children }) => children.get(word) ?? []);
  if (first === undefined) return;
  for (const other of others) {
    const where = `first in ${first.file}:${first.keyPosition.line}`;
    problems.push(problemAtKey(other, `\`${word}\` stands in two files: ${where}`, 'remove one'));
  }
}
