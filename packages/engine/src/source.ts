import { isProviderError, ProviderError } from '@hikyaku/core';
import type { CallOptions, Clock, ReadRequest, Secret, SecretRef, SecretsClient, Snapshot } from '@hikyaku/core';
import { backoffMs, jitter } from './backoff.ts';
import type { SecretSpec } from './secret-spec.ts';

/** What of a source the config asks for. */
export interface Demand {
  readonly all: boolean;
  readonly refs: readonly SecretRef[];
}

/** How the last read ended. */
export interface SourceState {
  /** Absent: nothing is known yet. Values that could not be read are those of the last good read. */
  readonly snapshot?: Snapshot;
  /** Why the last read failed, or failed in part. */
  readonly error?: ProviderError;
  readonly failures: number;
  /** When the last read that succeeded began, on the monotonic clock. */
  readonly readAt?: number;
}

export interface SourceOptions {
  readonly name: string;
  readonly refreshMs: number;
  readonly demand: Demand;
  readonly connect: () => Promise<SecretsClient>;
  readonly clock: Clock;
  readonly random?: () => number;
}

/** A service that asks for more is asked again all the same, in case it was a mistake. */
const LONGEST_RETRY_AFTER_MS = 3_600_000;

/** One configured provider. All Secrets that use it share one read per refresh. */
export class Source {
  readonly name: string;
  readonly #options: SourceOptions;
  #client: SecretsClient | undefined;
  #answer: Snapshot | undefined;
  /** What the state's snapshot was made of. */
  #accepted: Snapshot | undefined;
  #state: SourceState = { failures: 0 };

  constructor(options: SourceOptions) {
    this.name = options.name;
    this.#options = options;
  }

  get state(): SourceState {
    return this.#state;
  }

  /** Reads once. Never throws but for the signal: what went wrong is in the state. `onChange` is called for each new snapshot, also for a partial one. */
  async refresh(onChange: () => void, { signal }: CallOptions): Promise<void> {
    const request: ReadRequest = {
      ...this.#options.demand,
      signal,
      ...(this.#answer && { previous: this.#answer }),
      progress: (partial) => this.#accept(partial, onChange, this.#state.failures),
    };
    try {
      const startedAt = this.#options.clock.monotonic();
      this.#client ??= await this.#options.connect();
      const answer = await this.#client.read(request);
      this.#answer = answer;
      this.#accept(answer, onChange, 0, startedAt);
    } catch (error) {
      signal.throwIfAborted();
      this.#state = { ...this.#state, error: toProviderError(error), failures: this.#state.failures + 1 };
    }
  }

  /** Milliseconds until the next read. */
  nextDelayMs(): number {
    const { refreshMs, random = Math.random } = this.#options;
    const { error, failures } = this.#state;
    const retryAfterMs = Math.min(error?.retryAfterMs ?? 0, LONGEST_RETRY_AFTER_MS);
    if (failures === 0 || error === undefined) return Math.max(retryAfterMs, jitter(refreshMs, 0.1, random));
    const backoff = error.retryable
      ? { firstMs: 1_000, mostMs: Math.max(refreshMs, 60_000) }
      : { firstMs: Math.max(refreshMs, 5_000), mostMs: 600_000 };
    return Math.max(retryAfterMs, Math.min(backoffMs(backoff, failures, random), 600_000));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client?.[Symbol.asyncDispose]?.();
  }

  #accept(answer: Snapshot, onChange: () => void, failures: number, readAt = this.#state.readAt): void {
    const before = this.#state.snapshot;
    const error = [...(answer.unknown?.values() ?? [])].find(({ code }) => code !== 'PENDING');
    const snapshot = before !== undefined && answer === this.#accepted ? before : withLastGood(answer, before);
    this.#accepted = answer;
    this.#state = { snapshot, failures, ...(error && { error }), ...(readAt !== undefined && { readAt }) };
    if (snapshot !== before) onChange();
  }
}

/** Values that could not be read now are those of before. */
function withLastGood(answer: Snapshot, before: Snapshot | undefined): Snapshot {
  if (answer.unknown === undefined || answer.unknown.size === 0) return answer;
  const secrets = new Map<string, Secret>(answer.secrets);
  const unknown = new Map(answer.unknown);
  for (const id of answer.unknown.keys()) {
    const secret = before?.secrets.get(id);
    if (secret === undefined) continue;
    secrets.set(id, secret);
    unknown.delete(id);
  }
  return { secrets, unknown };
}

function toProviderError(error: unknown): ProviderError {
  if (isProviderError(error)) return error;
  // A bug of the provider: its text could hold anything, so only its kind is shown.
  const kind = error instanceof Error ? error.name : typeof error;
  return new ProviderError(
    'INVALID_RESPONSE',
    `the provider failed with an unexpected ${kind}; this is a bug of the provider`,
    { cause: error },
  );
}

/** What all specs together ask of each source. */
export function demands(specs: readonly SecretSpec[]): ReadonlyMap<string, Demand> {
  const wanted = new Map<string, { all: boolean; refs: Map<string, SecretRef> }>();
  function of(source: string): { all: boolean; refs: Map<string, SecretRef> } {
    const demand = wanted.get(source) ?? { all: false, refs: new Map() };
    wanted.set(source, demand);
    return demand;
  }
  for (const { bulk, items } of specs) {
    for (const { source } of bulk) of(source).all = true;
    for (const { source, ref } of items.values()) of(source).refs.set(JSON.stringify(ref), ref);
  }
  return new Map([...wanted].map(([source, { all, refs }]) => [source, { all, refs: [...refs.values()] }]));
}
