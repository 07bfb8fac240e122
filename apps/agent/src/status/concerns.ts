import { isWell } from '@hikyaku/engine';
import type { HoldStatus, SourceStatus, StatusDocument } from '@hikyaku/kubernetes';
import { approveLine, scopeText } from '../output/hold-text.ts';
import { printable } from '../output/printable.ts';

export type ConcernKind = 'config' | 'source' | 'secret' | 'push' | 'restart' | 'hold';

/** Something that a person should know. */
export interface Concern {
  /** The same as long as it is about the same thing: its kind and its name. */
  readonly id: string;
  readonly kind: ConcernKind;
  /** CamelCase: of which sort it is. */
  readonly reason: string;
  /** Of the source, `namespace/name` of the Secret, …; `problem` and `cluster` of the config. */
  readonly name: string;
  /** What is wrong, on which thing, and what to do; one line. */
  readonly message: string;
}

/** Pure: of everything that is not as it should be, in the order of the status. What is only on its way is left out. */
export function concernsOf(status: StatusDocument): readonly Concern[] {
  const { config, sources, secrets, pushes, restarts, holds } = status;
  return [
    ...(config.problem === undefined ? [] : [configProblem(config.problem)]),
    ...((config.undecided ?? 0) === 0 ? [] : [unknownCluster(config.undecided ?? 0)]),
    ...Object.entries(sources).flatMap(([name, source]) => sourceConcern(name, source) ?? []),
    ...Object.entries(secrets).flatMap(([name, { state, messages = [] }]) =>
      isWell(state) || isOpen(state, messages, sources)
        ? []
        : concern('secret', name, `Secret${camel(state)}`, [...messages, ...approvals(holds, name)]),
    ),
    ...Object.entries(pushes).flatMap(([name, { state, messages = [] }]) =>
      isWell(state) || isOpen(state, messages, sources)
        ? []
        : concern('push', name, `Push${camel(state)}`, [...messages, ...approvals(holds, name)]),
    ),
    ...Object.entries(restarts).flatMap(([name, { state, messages = [] }]) =>
      // The turn of one that waits comes by itself.
      isWell(state) || state === 'waiting' ? [] : concern('restart', name, `Restart${camel(state)}`, messages),
    ),
    ...holds.map((hold) =>
      concern('hold', hold.scope, 'Held', [
        `held of ${scopeText(hold.scope)}: ${hold.messages.join('; ')}`,
        `look at it, and let it go, with ${approveLine(hold.scope)}`,
      ]),
    ),
  ];
}

/** Ids of what nothing is known of yet, well or not: what was said of it before still stands. */
export function openQuestions({ sources, secrets, pushes }: StatusDocument): ReadonlySet<string> {
  const open = (kind: ConcernKind, entries: StatusDocument['secrets'] | StatusDocument['pushes']) =>
    Object.entries(entries).flatMap(([name, { state, messages = [] }]) =>
      isOpen(state, messages, sources) ? [concernId(kind, name)] : [],
    );
  return new Set([
    ...Object.entries(sources).flatMap(([name, { state }]) => (state === 'unread' ? [concernId('source', name)] : [])),
    ...open('secret', secrets),
    ...open('push', pushes),
  ]);
}

/** What is to be said of a concern that is over. */
export function overText({ kind, name }: Pick<Concern, 'kind' | 'name'>, status: StatusDocument): string {
  switch (kind) {
    case 'config':
      return name === 'problem' ? 'the config that is there is in force' : 'all entries of the config are decided on';
    case 'source':
      return name in status.sources ? `source ${name} is read again` : `source ${name} is not used any more`;
    case 'secret':
      return name in status.secrets ? `Secret ${name} is as it should be` : `Secret ${name} is no more of the config`;
    case 'push':
      return name in status.pushes ? `push ${name} is as it should be` : `push ${name} is no more of the config`;
    case 'restart':
      return `${name} is not to be restarted any more`;
    case 'hold':
      return `nothing is held of ${scopeText(name)} any more`;
  }
}

export function concernId(kind: ConcernKind, name: string): string {
  return `${kind} ${name}`;
}

/** Of a thing that nothing has been said of yet, or only that its source is being read. */
function isOpen(state: string, messages: readonly string[], sources: StatusDocument['sources']): boolean {
  if (state !== 'waiting') return false;
  return messages.every((message) => {
    const [, source] = /^(\S+) has not been read yet$/.exec(message) ?? [];
    if (source !== undefined) return isBeingRead(sources[source]);
    return /^\d+ secrets? (?:is|are) still to be read$/.test(message) && Object.values(sources).some(isBeingRead);
  });
}

function isBeingRead(source: SourceStatus | undefined): boolean {
  return source?.state === 'unread' || source?.state === 'reading';
}

function configProblem(problem: string): Concern {
  return concern('config', 'problem', 'ConfigRefused', [
    `the config that is there is not in force, the last good one goes on: ${problem.split('\n').filter(Boolean).join('; ')}`,
  ]);
}

function unknownCluster(entries: number): Concern {
  const what = entries === 1 ? 'an entry of the config that is' : `${entries} entries of the config that are`;
  return concern('config', 'cluster', 'ClusterUnknown', [
    `left alone: ${what} for certain clusters only, and it is not known which one this is; run hikyaku recipients add, or start the agent with --cluster NAME`,
  ]);
}

function sourceConcern(name: string, { state, stuck, code, message }: SourceStatus): Concern | undefined {
  if (state !== 'failing' && stuck !== true) return undefined;
  const reason = stuck === true ? 'Stuck' : camel(code ?? 'failing');
  return concern('source', name, `Source${reason}`, [
    ...(message === undefined ? [] : [message]),
    ...(stuck === true ? ['the last read had no end and was given up'] : []),
  ]);
}

function approvals(holds: readonly HoldStatus[], id: string): readonly string[] {
  return holds
    .filter(({ changes }) => changes.some((change) => change.id === id))
    .map(({ scope }) => approveLine(scope));
}

function concern(kind: ConcernKind, name: string, reason: string, texts: readonly string[]): Concern {
  // kubectl prints it as it is.
  const text = printable(texts.join('; '));
  const named = kind === 'config' || kind === 'hold' || hasWord(text, name);
  const what = kind === 'secret' ? `Secret ${name}` : kind === 'restart' ? name : `${kind} ${name}`;
  const message = named ? text : text === '' ? `${what} is not as it should be` : `${what}: ${text}`;
  return { id: concernId(kind, name), kind, reason, name, message };
}

/** A source may be called `a`. */
function hasWord(text: string, word: string): boolean {
  return ` ${text.replaceAll(/[;:,()"]/g, ' ')} `.includes(` ${word} `);
}

/** `RATE_LIMITED` and `kept` to `RateLimited` and `Kept`. */
function camel(word: string): string {
  return word
    .toLowerCase()
    .split('_')
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .join('');
}
