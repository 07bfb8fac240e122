import type { CallOptions } from './call-options.ts';
import type { ProviderError } from './provider-error.ts';
import type { SecretValue } from './secret-value.ts';

/**
 * An open connection to one source. The engine runs one `read` at a time per client; `list` and `write` may overlap it.
 * An optional method that is there is the capability: there are no flags to disagree with it.
 */
export interface SecretsClient extends Partial<AsyncDisposable> {
  /**
   * Reads what was asked for. Returns `request.previous` itself (the same object) when nothing changed, and throws a
   * {@link ProviderError} when nothing at all can be said; single secrets that failed go into {@link Snapshot.unknown}.
   * One that neither ends nor calls `progress` for five minutes is given up: its signal aborts, and what it still says is not heard.
   */
  read(request: ReadRequest): Promise<Snapshot>;

  /** Names and versions, no values. */
  list?(options: CallOptions): Promise<readonly SecretInfo[]>;

  /** Applies what it can, one result per change, in the order of `changes`. A thrown error means: outcome unknown, read before retrying. */
  write?(changes: readonly SecretChange[], options: CallOptions): Promise<readonly WriteResult[]>;

  /** Yields when something may have changed. Returning means: not offered here, poll. Throwing means: reconnect later. */
  watch?(options: CallOptions): AsyncIterable<void>;
}

export interface ReadRequest extends CallOptions {
  /** Everything the source has is wanted, besides `refs`; where `wants` is there, only the names that it takes. */
  readonly all: boolean;
  /** Whether a name matters to `all`. What does not matter may be left out, where leaving it out saves requests. */
  readonly wants?: (name: string) => boolean;
  /** Secrets wanted by name: the latest version, or a pinned one. */
  readonly refs: readonly SecretRef[];
  /**
   * What the last read returned, or last handed over, also before a restart; of the same {@link SourceDescription.identity}. It has a `revision` only if the answer
   * "unchanged" would answer this very request.
   */
  readonly previous?: Snapshot;
  /**
   * Hands over what is known so far (the rest in `unknown`, with the code `PENDING`): it is used at once, so that progress survives.
   * With `all`, call it only once every name is known: a name that is in neither map counts as gone.
   */
  progress(partial: Snapshot): void;
}

/** Names a secret of a source. Both are opaque text; without a version it is the latest. A name holds no U+0000. */
export interface SecretRef {
  readonly name: string;
  readonly version?: string;
}

/** The key of a ref in the maps of a {@link Snapshot}: the name itself for the latest version, distinct for every pinned one. */
export function refId(ref: SecretRef): string {
  return ref.version === undefined ? ref.name : `${ref.name}\0${ref.version}`;
}

/**
 * What a source holds. A secret that was asked for and is in neither map does not exist; that is knowledge, and may end in
 * its removal, so never leave out what could not be read. More than was asked for is allowed. Keys are `refId(ref)`.
 */
export interface Snapshot {
  readonly secrets: ReadonlyMap<string, Secret>;
  /** Could not be read now: what was last known stays in use. */
  readonly unknown?: ReadonlyMap<string, ProviderError>;
  /** Opaque; compared and stored, never shown (it may be a hash of values). */
  readonly revision?: string;
}

export interface Secret {
  readonly value: SecretValue;
  /** As the service names it; compared by inequality only. */
  readonly version?: string;
  /** When the value was fetched, milliseconds since 1970. */
  readonly readAt?: number;
}

export interface SecretInfo {
  readonly name: string;
  readonly version?: string;
}

/**
 * `ifVersion`: apply only while the secret has this version; `null`: only while it does not exist; else `CONFLICT`. Where there
 * are no versions, a condition on one is `UNSUPPORTED`. To remove what does not exist is applied already: no error.
 */
export type SecretChange = { readonly name: string; readonly ifVersion?: string | null } & (
  | { readonly value: SecretValue }
  | { readonly remove: true }
);

export interface WriteResult {
  readonly name: string;
  /** The version that the write made, where the service says it. */
  readonly version?: string;
  /** Absent: the change was applied. */
  readonly error?: ProviderError;
}
