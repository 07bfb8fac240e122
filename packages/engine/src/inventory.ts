import type { CallOptions } from '@hikyaku/core';
import type { SecretId } from './secret-spec.ts';

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
  readonly whenRemoved: 'delete' | 'keep';
}

export interface InventoryKey {
  readonly source: string;
  readonly fingerprint?: string;
}
