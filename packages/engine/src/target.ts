import type { CallOptions } from '@hikyaku/core';
import type { DesiredSecret } from './render.ts';
import type { InventoryEntry } from './inventory.ts';
import type { SecretId } from './secret-spec.ts';

/** Where desired Secrets are written. Implementations guard every write so that a deposed writer's late request fails. */
export interface Target {
  /** What `put` would write, as comparable text that tells nothing about the values. */
  fingerprint(desired: DesiredSecret): Fingerprint;
  /**
   * Makes the Secret exactly equal to `desired`: keys, type, labels and annotations. `entry` is what the inventory knows; a
   * stale one costs requests, never data. Writes nothing where the Secret is equal already. Throws a {@link TargetError};
   * `GONE` before it makes a Secret anew under an entry that names the uid of another.
   * With `existing: 'merge'` only the keys of `desired` are put into a Secret that is there, and those of `entry` that are not wanted any
   * more are taken out; every other key stays. `UNANNOUNCED` before it puts what the entry does not say, as {@link InventoryKey.intended}.
   */
  put(desired: DesiredSecret, entry: InventoryEntry | undefined, options: CallOptions): Promise<PutResult>;
  /**
   * Deletes a Secret of ours, or takes our keys out of one that they were merged into. One that is gone, or is not ours any more, is an
   * answer and not an error.
   */
  remove(entry: InventoryEntry, options: CallOptions): Promise<RemoveResult>;
  /** What is there now, for a plan; writes nothing. `desired` is absent where the Secret would go. */
  observe(
    id: SecretId,
    desired: DesiredSecret | undefined,
    entry: InventoryEntry | undefined,
    options: CallOptions,
  ): Promise<Observation>;
  /** A command by which a person finds out who else writes it. */
  howToFindOthers(id: SecretId): string;
  /** Yields each namespace that exists or appears, until the signal aborts; reconnects by itself. */
  namespaces?(options: CallOptions): AsyncIterable<string>;
}

/**
 * Of what a Secret holds: `shape` covers type, labels, annotations and immutability; `keys` has one text per key. Where keys are merged
 * into it: of our keys alone, and always of the same shape.
 */
export interface Fingerprint {
  readonly shape: string;
  readonly keys: ReadonlyMap<string, string>;
}

export interface PutResult {
  /**
   * `repaired`: somebody else had changed or deleted it; `adopted`: its owner had handed it over by our label, or a crash had lost its uid.
   */
  readonly outcome: 'created' | 'updated' | 'unchanged' | 'repaired' | 'adopted' | 'recreated';
  readonly uid: string;
  readonly resourceVersion: string;
  /** Who else has written what is there, where that could be seen. */
  readonly others?: readonly string[];
}

/** `withdrawn`: our keys are out of somebody else's Secret. */
export type RemoveResult = 'deleted' | 'withdrawn' | 'absent' | 'foreign';

export type Observation =
  | { readonly state: 'absent' }
  /** `actual` where it may be read; `drifted`: somebody changed it since it was applied. */
  | { readonly state: 'ours'; readonly actual?: Fingerprint; readonly drifted: boolean }
  | { readonly state: 'refused'; readonly error: TargetError };

/**
 * | code | means |
 * | --- | --- |
 * | `FOREIGN` | a Secret of that name, or a key of it, exists and is not ours |
 * | `ABSENT` | the Secret into which keys are to be merged does not exist |
 * | `NAMESPACE_MISSING` | the namespace does not exist, or is being deleted |
 * | `UNCHANGEABLE` | its type, the data of an immutable Secret, or whose it is, would have to change |
 * | `NOT_GRANTED` | the grants do not allow it |
 * | `FORBIDDEN` | the account lacks the right |
 * | `INVALID` | the target refuses it as it is (too large, malformed) |
 * | `GONE` | it has to be made again under another uid: put it once more with an entry that names none, and that is saved |
 * | `UNANNOUNCED` | put it once more with an entry that says which keys it is about to put, and that is saved |
 * | `CONFLICT` | somebody else keeps changing it |
 * | `UNAVAILABLE` | the target cannot be reached or fails |
 */
export type TargetErrorCode =
  | 'FOREIGN'
  | 'ABSENT'
  | 'NAMESPACE_MISSING'
  | 'UNCHANGEABLE'
  | 'NOT_GRANTED'
  | 'FORBIDDEN'
  | 'INVALID'
  | 'GONE'
  | 'UNANNOUNCED'
  | 'CONFLICT'
  | 'UNAVAILABLE';

/** The message says what failed, on which Secret and what to do; it never holds a value. */
export class TargetError extends Error {
  override readonly name = 'TargetError';
  readonly code: TargetErrorCode;
  /** Milliseconds from now, where the target told. */
  readonly retryAfterMs?: number;

  constructor(code: TargetErrorCode, message: string, options: { readonly retryAfterMs?: number } = {}) {
    super(message);
    this.code = code;
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
  }
}
