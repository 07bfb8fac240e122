import type { CallOptions, Clock, ReadRequest, Secret, SecretsClient, Snapshot } from '@hikyaku/core';
import { ProviderError } from '@hikyaku/core';
import { backoffMs } from './backoff.ts';
import { closeClient, LAST_WORDS_MS } from './close-client.ts';
import { wantsName } from './demand.ts';
import type { Demand } from './demand.ts';
import { giveUpWhenSilent, OVERDUE, OVERDUE_MS } from './give-up.ts';
import { scheduleTimer } from './schedule-timer.ts';
import type { ScheduleTimer } from './schedule-timer.ts';
import type { Schedule } from './schedule.ts';
import { restore, toStored } from './stored-snapshot.ts';
import type { Restored, SnapshotArchive, StoredSnapshot } from './stored-snapshot.ts';
import { toProviderError } from './to-provider-error.ts';

/** How the last read ended. */
export interface SourceState {
  /** Absent: nothing is known yet. Values that could not be read are those of the last good read. */
  readonly snapshot?: Snapshot;
  /** Why the last read failed, or failed in part. */
  readonly error?: ProviderError;
  readonly stored: Stored;
  readonly failures: number;
  /** The last read had no end and was given up. */
  readonly stuck?: true;
  /** When the last read that succeeded began, on the monotonic clock. */
  readonly readAt?: number;
}

/**
 * The ids whose values were kept before this process started and have not been read since: something newer may have been applied.
 * `all`: nothing was read, so that also what is absent may be there.
 */
export type Stored = ReadonlySet<string> | 'all';

export function isStored(stored: Stored, id: string): boolean {
  return stored === 'all' || stored.has(id);
}

export interface SourceOptions {
  readonly name: string;
  readonly schedule: Schedule;
  readonly demand: Demand;
  /** Where its last good data is kept; `identity` says which data that is. */
  readonly kept?: { readonly identity: string; readonly archive: SnapshotArchive };
  readonly connect: () => Promise<SecretsClient>;
  /** Of the same data and the same demand, under other settings: what it knows is known here. */
  readonly before?: Source;
  readonly clock: Clock;
  readonly random?: () => number;
}

/** A service that asks for more is asked again all the same, in case it was a mistake. */
const LONGEST_RETRY_AFTER_MS = 3_600_000;
/** After a read that could not tell everything. */
const INCOMPLETE_BACKOFF = { firstMs: 10_000, mostMs: 60_000 };
/** While a read goes on, what it has brought so far is kept this often. */
const KEEP_EVERY_MS = 5_000;
/** What failures of a source without an interval go by. */
const USUAL_MS = 60_000;

/** One configured provider. All Secrets that use it share one read per refresh. */
export class Source {
  readonly name: string;
  readonly #options: Omit<SourceOptions, 'before'>;
  /** Until everything has been read once. */
  #restored: Restored | undefined;
  #client: SecretsClient | undefined;
  #answer: Snapshot | undefined;
  /** What the state's snapshot was made of. */
  #accepted: Snapshot | undefined;
  /** In a row. */
  #incompleteReads = 0;
  /** What was last handed over to be kept. */
  #keeping: { readonly of: Snapshot; readonly stored: StoredSnapshot } | undefined;
  #state: SourceState = { failures: 0, stored: new Set() };
  readonly #timer: ScheduleTimer;
  /** On the monotonic clock: what the last read was told or brought does not let the next one be sooner, or lets it be. */
  #notBefore = -Infinity;
  #again = Infinity;

  constructor(options: SourceOptions) {
    // One that held on to the one before it would hold on to all of them.
    const { before, ...own } = options;
    this.name = options.name;
    this.#options = own;
    const { kept, demand, schedule, clock, random = Math.random } = options;
    this.#timer = scheduleTimer(schedule, { clock, random });
    if (before === undefined) {
      this.#restored = kept && restore(kept.archive.take(options.name), kept.identity, demand);
      this.#answer = this.#restored?.previous;
    } else {
      this.#restored = before.#restored;
      this.#answer = before.#answer;
      this.#accepted = before.#accepted;
      this.#state = { ...before.#state, failures: 0 };
    }
  }

  get state(): SourceState {
    return this.#state;
  }

  /** Reads once. Never throws but for the signal: what went wrong is in the state. `onChange` is called for each new snapshot, also for a partial one. */
  async refresh(onChange: () => void, { signal }: CallOptions): Promise<void> {
    const { demand, clock, connect } = this.#options;
    using keeping = this.#keepWhileReading(signal);
    let isReading = true;
    const read = async (options: CallOptions & { readonly alive: () => void }): Promise<Snapshot> => {
      const client = this.#client ?? (await connect());
      if (!isReading) {
        await client[Symbol.asyncDispose]?.();
        throw new Error('connected too late');
      }
      this.#client = client;
      return client.read({
        refs: demand.refs,
        all: demand.bulk.length > 0,
        wants: (name) => wantsName(demand, name),
        signal: options.signal,
        ...(this.#answer && { previous: this.#answer }),
        progress: (partial) => {
          if (!isReading) return;
          options.alive();
          this.#answer = partial;
          this.#accept(partial, onChange);
          keeping.changed();
        },
      } satisfies ReadRequest);
    };
    await this.#timer.begin();
    try {
      const startedAt = clock.monotonic();
      const ended = await giveUpWhenSilent(read, { clock, signal, silenceMs: OVERDUE_MS, lastWordsMs: LAST_WORDS_MS });
      if (ended.value === undefined) {
        // Whatever it still says is not listened to, and the next read has a client of its own.
        isReading = false;
        if (ended.isDeaf) this.#leaveClient();
        this.#fail(new ProviderError('UNAVAILABLE', OVERDUE), onChange, true);
      } else {
        const answer = ended.value;
        this.#answer = answer;
        this.#incompleteReads = (answer.unknown?.size ?? 0) > 0 ? this.#incompleteReads + 1 : 0;
        this.#accept(answer, onChange, { readAt: startedAt });
      }
    } catch (error) {
      signal.throwIfAborted();
      this.#fail(toProviderError(error), onChange);
    } finally {
      isReading = false;
    }
    this.#planNext();
    await this.#keep(signal);
  }

  /** Not before the first read. */
  get canBeWatched(): boolean {
    return this.#client?.watch !== undefined;
  }

  /** Follows changes, where the provider can. */
  watch(options: CallOptions): AsyncIterable<void> {
    if (this.#client?.watch === undefined) throw new TypeError(`${this.name} cannot be watched`);
    return this.#client.watch(options);
  }

  /** How many milliseconds the source has asked to be left alone, for itself or for one of its secrets. */
  get askedToWaitMs(): number {
    const { failures, error } = this.#state;
    let askedMs = 0;
    // Nothing is larger than NaN, or smaller, which is what some providers make of a header.
    for (const { retryAfterMs = 0 } of failures > 0 && error ? [error] : (this.#accepted?.unknown?.values() ?? []))
      if (retryAfterMs > askedMs) askedMs = retryAfterMs;
    return Math.min(askedMs, LONGEST_RETRY_AFTER_MS);
  }

  /** Milliseconds until the next read, as the clocks are now; zero when it is due. */
  nextDelayMs(): number {
    const now = this.#options.clock.monotonic();
    const dueMs = this.#state.failures > 0 ? Infinity : this.#timer.leftMs;
    return Math.max(0, this.#notBefore - now, Math.min(dueMs, this.#again - now));
  }

  /** Whether its times are those of a clock that may jump: then it is asked again and again how long it takes. */
  get goesByTheClock(): boolean {
    return 'cron' in this.#options.schedule;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closeClient(this.#client, this.#options.clock);
  }

  #planNext(): void {
    const { schedule, clock, random = Math.random } = this.#options;
    const { error, failures } = this.#state;
    this.#timer.end();
    const now = clock.monotonic();
    this.#notBefore = now + this.askedToWaitMs;
    this.#again = Infinity;
    if (failures > 0 && error !== undefined) {
      const usualMs = 'everyMs' in schedule ? schedule.everyMs : USUAL_MS;
      const backoff = error.retryable
        ? { firstMs: 1_000, mostMs: Math.max(usualMs, 60_000) }
        : { firstMs: Math.max(usualMs, 5_000), mostMs: 600_000 };
      this.#again = now + Math.min(backoffMs(backoff, failures, random), 600_000);
    } else if ([...(this.#accepted?.unknown?.values() ?? [])].some(({ retryable }) => retryable)) {
      // What is missing is made up for sooner than on an interval of an hour.
      this.#again = now + backoffMs(INCOMPLETE_BACKOFF, this.#incompleteReads, random);
    }
  }

  #leaveClient(): void {
    const client = this.#client;
    this.#client = undefined;
    void closeClient(client, this.#options.clock);
  }

  /** While a read goes on, what went wrong with the one before is still said. */
  #accept(answer: Snapshot, onChange: () => void, ended?: { readonly readAt: number }): void {
    const before = this.#state.snapshot;
    const error = [...(answer.unknown?.values() ?? [])].find(({ code }) => code !== 'PENDING');
    const { snapshot, stored } =
      before !== undefined && answer === this.#accepted
        ? { snapshot: before, stored: this.#state.stored }
        : this.#filled(answer);
    if ((answer.unknown?.size ?? 0) === 0) this.#restored = undefined;
    this.#accepted = answer;
    this.#state = {
      ...(ended === undefined ? this.#state : { ...ended, failures: 0 }),
      snapshot,
      stored,
      ...(error && { error }),
    };
    if (snapshot !== before) onChange();
  }

  /** With the values of before for what could not be read now. */
  #filled(answer: Snapshot): { readonly snapshot: Snapshot; readonly stored: Stored } {
    const { snapshot: before, stored } = this.#state;
    const { snapshot, filled } = withLastGood(answer, before ?? this.#restored?.previous);
    return { snapshot, stored: new Set(filled.filter((id) => before === undefined || isStored(stored, id))) };
  }

  #fail(error: ProviderError, onChange: () => void, isStuck = false): void {
    const { stuck: _, ...before } = this.#state;
    const failed = { ...before, error, failures: before.failures + 1, ...(isStuck && { stuck: true as const }) };
    const { lastGood } = this.#restored ?? {};
    if (before.snapshot !== undefined || lastGood === undefined) {
      this.#state = failed;
      return;
    }
    this.#state = { ...failed, snapshot: lastGood, stored: 'all' };
    onChange();
  }

  async #keep(signal: AbortSignal): Promise<void> {
    const { kept, demand } = this.#options;
    const { snapshot } = this.#state;
    const answer = this.#accepted;
    if (kept === undefined || answer === undefined || snapshot === undefined) return;
    if (this.#keeping?.of !== snapshot) {
      // Values of before that fill a gap are not what the revision stands for.
      const whole = (answer.unknown?.size ?? 0) === 0;
      const revision = whole && answer.revision !== undefined ? { revision: answer.revision } : {};
      const stored = toStored(kept.identity, demand, { ...snapshot, ...revision });
      this.#keeping = { of: snapshot, stored };
    }
    await kept.archive.keep(this.name, this.#keeping.stored, { signal });
  }

  #keepWhileReading(signal: AbortSignal): { changed(): void } & Disposable {
    const done = new AbortController();
    let waiting = false;
    return {
      changed: () => {
        if (waiting || this.#options.kept === undefined) return;
        waiting = true;
        this.#options.clock
          .sleep(KEEP_EVERY_MS, { signal: AbortSignal.any([signal, done.signal]) })
          .then(() => {
            waiting = false;
            return this.#keep(signal);
          })
          .catch(() => {}); // the read has ended, and what it brought is kept then
      },
      [Symbol.dispose]: () => done.abort(),
    };
  }
}

/** Values that could not be read now are those of before; `filled` says which. */
function withLastGood(
  answer: Snapshot,
  before: Snapshot | undefined,
): { readonly snapshot: Snapshot; readonly filled: readonly string[] } {
  const secrets = new Map<string, Secret>(answer.secrets);
  const unknown = new Map(answer.unknown);
  const filled: string[] = [];
  for (const id of unknown.keys()) {
    const secret = before?.secrets.get(id);
    if (secret === undefined) continue;
    secrets.set(id, secret);
    unknown.delete(id);
    filled.push(id);
  }
  return { snapshot: filled.length > 0 ? { secrets, unknown } : answer, filled };
}
