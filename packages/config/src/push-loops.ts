import { overlap } from './clusters.ts';
import type { BulkItem, Position, PushEntry, SecretEntry } from './config.ts';
import { matchesGlob } from './key-globs.ts';
import { nameOf } from './place.ts';
import type { Place } from './place.ts';
import { problemAtKey } from './problem.ts';
import type { Problem } from './problem.ts';

/**
 * A secret that is pulled into the very key it is pushed from would go round: each side would follow the other, and what a
 * person changes at one could be set back by the other. Where names only show when the source is read, a loop that is
 * possible is a loop.
 */
export function checkLoops(
  pushes: readonly { readonly push: PushEntry; readonly place: Place }[],
  secrets: readonly SecretEntry[],
  problems: Problem[],
): void {
  for (const { push, place } of pushes) {
    for (const secret of secrets) {
      if (secret.namespace !== push.namespace || secret.name !== push.name) continue;
      if (!overlap(push.clusters, secret.clusters)) continue;
      const loop = findLoop(push, secret);
      if (loop === undefined) continue;
      const { name, pulled, how } = loop;
      const at = place.children.get('data')?.children.get(name ?? '') ?? place.children.get('to') ?? place;
      const what = name === undefined ? `\`${push.source}\`` : `${nameOf([name])} of \`${push.source}\``;
      problems.push(
        problemAtKey(
          at,
          `a loop: ${what} is pulled into ${push.namespace}/${push.name} ${how} (${pulled.file}:${pulled.line}), and pushed back from there`,
          'remove one of the two',
        ),
      );
    }
  }
}

interface Loop {
  /** Absent: any of them. */
  readonly name?: string;
  readonly pulled: Position;
  readonly how: string;
}

function findLoop({ source, data }: PushEntry, { bulk, items, keyNames, position }: SecretEntry): Loop | undefined {
  for (const [key, item] of items) {
    const name = item.ref.name;
    const pushedFrom = data === undefined ? name : data.get(name);
    if (item.source === source && pushedFrom === key)
      return { name, pulled: item.position, how: `as ${nameOf([key])}` };
  }
  for (const item of bulk) {
    if (item.source !== source) continue;
    // Whatever it brings would be pushed back, under its own or under yet another name.
    if (data === undefined) return { pulled: position, how: 'in bulk' };
    for (const [name, key] of data)
      if (mayBecome(item, name, key, keyNames)) return { name, pulled: position, how: `in bulk, as ${nameOf([key])}` };
  }
  return undefined;
}

/** Whether a bulk item may bring the secret `name` in under `key`. */
function mayBecome(
  { include, exclude, as, transform }: BulkItem,
  name: string,
  key: string,
  keyNames: SecretEntry['keyNames'],
): boolean {
  const glob = include.find((candidate) => matchesGlob(candidate, name));
  if (glob === undefined || exclude.some((candidate) => matchesGlob(candidate, name))) return false;
  // Transforms change case and what stands between the words, and nothing else.
  if (transform !== undefined) return lettersOf(key) === (transform === 'tf-var' ? 'tfvar' : '') + lettersOf(name);
  const wanted = as === undefined ? name : as.replace('*', () => whatTheStarMatched(glob, name));
  return key === (keyNames === 'underscore' ? wanted.replaceAll(/[^-._a-zA-Z0-9]/g, '_') : wanted);
}

/** `as` only goes with globs of one star. */
function whatTheStarMatched(glob: string, name: string): string {
  const star = glob.indexOf('*');
  return name.slice(star, name.length - (glob.length - star - 1));
}

function lettersOf(text: string): string {
  return text.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}
