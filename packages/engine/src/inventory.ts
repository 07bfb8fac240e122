import type { CallOptions } from '@hikyaku/core';
import type { OwedRestart } from './owed-restart.ts';
import type { Existing, SecretId } from './secret-spec.ts';

/**
 * What this agent made. A hint, not a proof: deletion needs the uid, and the target's own check, on the live object. A lost
 * inventory prunes nothing and empties nothing.
 */
export interface Inventory {
  readonly entries: ReadonlyMap<SecretId, InventoryEntry>;
  set(entry: InventoryEntry): void;
  remove(id: SecretId): void;
  /** Reads it again, keeping what was set or removed here since the last save. */
  reload(options: CallOptions): Promise<void>;
  /** Whether something changed since the last save. */
  readonly unsaved: boolean;
  /** Writes it where something changed since the last save. */
  save(options: CallOptions): Promise<void>;
}

export interface InventoryEntry {
  readonly id: SecretId;
  /** Absent until the Secret is known to have been written. */
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly shape?: string;
  /** The keys that this agent owns. */
  readonly keys: ReadonlyMap<string, InventoryKey>;
  readonly existing: Existing;
  readonly whenRemoved: 'delete' | 'keep';
  /** Stays until everything that uses it was restarted. */
  readonly owedRestart?: OwedRestart;
  /** Becomes the owed one when what is about to be put has been put; entered before that. */
  readonly announcedRestart?: OwedRestart;
}

export interface InventoryKey {
  readonly source: string;
  /** Of what was put last. */
  readonly fingerprint?: string;
  /**
   * Of what was to be put into somebody else's Secret since the last put that is known to have come through, entered before each write:
   * after a crash it tells our key from theirs.
   */
  readonly intended?: readonly string[];
}
