import type { Clock } from '@hikyaku/core';
import { isWell } from '@hikyaku/engine';
import type { Changes, PushRecord, RestartRecord, SecretRecord, SourceRecord } from '@hikyaku/engine';
import type { NewRecord } from '../records.ts';
import { sourceState } from '../status/moments.ts';

/** Something that happened: to one thing, or in the same moment to many. */
export interface Change {
  readonly number: number;
  /** Milliseconds of the wall clock. */
  readonly at: number;
  readonly kind: 'secret' | 'source' | 'push' | 'restart' | 'config';
  /** The first few. */
  readonly names: readonly string[];
  readonly more: number;
  readonly isWell: boolean;
  readonly word: string;
  /** `+A`, `~B`, `-C`; the first few, of one thing. */
  readonly keys: readonly string[];
  readonly message?: string;
}

type News = Omit<Change, 'number' | 'at' | 'names' | 'more'> & { readonly name: string };

const KEPT = 100;
const NAMES = 3;
const KEYS = 12;
/** What happens to many by one cause is one line. */
const TOGETHER_MS = 5_000;

/** The latest changes of this process, from the records, within a bound. */
export class RecentChanges {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #states = new Map<string, string>();
  #changes: readonly Change[] = [];
  #count = 0;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** The latest first. */
  get latest(): readonly Change[] {
    return this.#changes;
  }

  note(said: NewRecord): void {
    if (said.kind === 'secret') this.#secret(said.record);
    else if (said.kind === 'source') this.#source(said.record);
    else if (said.kind === 'push') this.#push(said.record);
    else if (said.kind === 'restart') this.#restart(said.record);
  }

  /** `problem`: why the one that is there is not taken. */
  config({ digest, problem }: { readonly digest: string; readonly problem?: string | undefined }): void {
    const state = `${digest} ${problem ?? ''}`;
    const before = this.#turn('config', state);
    if (before === state || (before === undefined && problem === undefined)) return;
    const [message] = problem?.split('\n') ?? [];
    this.#add({
      kind: 'config',
      name: digest.slice(0, 12),
      isWell: problem === undefined,
      word: problem === undefined ? 'in force' : 'goes on, as the new one is refused',
      keys: [],
      ...(message !== undefined && { message }),
    });
  }

  #secret({ id, state, outcome, changes, messages }: SecretRecord): void {
    const before = this.#turn(`secret ${id}`, state);
    const written = outcome === undefined ? undefined : WRITTEN[outcome];
    const about = { kind: 'secret', name: id } as const;
    if (written !== undefined && isWell(state))
      return this.#add({ ...about, isWell: true, word: written, keys: outcome === 'created' ? [] : keysOf(changes) });
    this.#turned(about, before, { state, messages });
  }

  #source(record: SourceRecord): void {
    const state = sourceState(record);
    const name = record.source;
    const before = this.#turn(`source ${name}`, state);
    const { error } = record;
    // One that is read again after it was known is no news; nor is the first read.
    if (state !== 'failing' && before !== 'failing') return;
    this.#turned({ kind: 'source', name }, before, { state, messages: error === undefined ? [] : [error.message] });
  }

  #push({ id, state, changes, messages }: PushRecord): void {
    const before = this.#turn(`push ${id}`, state);
    if (changes !== undefined && isWell(state))
      return this.#add({ kind: 'push', name: id, isWell: true, word: 'pushed', keys: keysOf(changes) });
    this.#turned({ kind: 'push', name: id }, before, { state, messages });
  }

  #restart({ workload, state, messages }: RestartRecord): void {
    const before = this.#turn(`restart ${workload}`, state);
    const about = { kind: 'restart', name: workload } as const;
    if (state === 'restarted') this.#add({ ...about, isWell: true, word: 'restarted', keys: [] });
    else if (state !== 'left' || messages.length > 0) this.#turned(about, before, { state, messages });
  }

  /** Of what has come into another state. */
  #turned(
    about: Pick<News, 'kind' | 'name'>,
    before: string | undefined,
    { state, messages }: { readonly state: string; readonly messages: readonly string[] },
  ): void {
    if (before === state) return;
    const good = isWell(state as SecretRecord['state']) || state === 'ok';
    if (before === undefined && (good || state === 'waiting')) return;
    const [message] = messages;
    const word = state === 'synced' || state === 'ok' || state === 'pushed' ? `${state} again` : state;
    this.#add({ ...about, isWell: good, word, keys: [], ...(message !== undefined && { message }) });
  }

  #turn(id: string, state: string): string | undefined {
    const before = this.#states.get(id);
    // What is over is not kept for ever.
    if (state === 'removed' || state === 'left') this.#states.delete(id);
    else this.#states.set(id, state);
    return before;
  }

  #add({ name, ...news }: News): void {
    const at = this.#clock.now();
    const [last, ...others] = this.#changes;
    const isTogether =
      last !== undefined &&
      at - last.at < TOGETHER_MS &&
      last.kind === news.kind &&
      last.word === news.word &&
      last.message === news.message &&
      !last.names.includes(name);
    if (isTogether) {
      const isRoom = last.names.length < NAMES;
      const names = isRoom ? [...last.names, name] : last.names;
      this.#changes = [{ ...last, names, more: last.more + (isRoom ? 0 : 1), keys: [] }, ...others];
      return;
    }
    const change = { ...news, number: ++this.#count, at, names: [name], more: 0 };
    this.#changes = [change, ...this.#changes.slice(0, KEPT - 1)];
  }
}

function keysOf({ added = [], changed = [], removed = [] }: Partial<Changes> = {}): readonly string[] {
  const keys = [
    ...added.map((key) => `+${key}`),
    ...changed.map((key) => `~${key}`),
    ...removed.map((key) => `-${key}`),
  ];
  return keys.length <= KEYS ? keys : [...keys.slice(0, KEYS), `and ${keys.length - KEYS} more`];
}

const WRITTEN: Readonly<Record<NonNullable<SecretRecord['outcome']>, string | undefined>> = {
  created: 'created',
  updated: 'updated',
  repaired: 'repaired: somebody had changed or deleted it',
  adopted: 'taken over',
  recreated: 'deleted and created again',
  deleted: 'deleted',
  withdrawn: 'keys taken out, the Secret stays',
  unchanged: undefined,
  absent: undefined,
  foreign: undefined,
};
