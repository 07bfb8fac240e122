import type { CallOptions, SecretValue } from '@hikyaku/core';
import type { SecretId } from './secret-spec.ts';

/** What this agent has pushed where. A hint, not a proof: nothing is written over or removed but what still looks as it was pushed. */
export interface PushInventory {
  /** By id. */
  readonly entries: ReadonlyMap<string, PushedKey>;
  /** Comparable text of a value; tells nothing about it. */
  fingerprint(id: string, value: SecretValue): string;
  set(entry: PushedKey): void;
  remove(id: string): void;
  /** Reads it again, keeping what was set or removed here since the last save. Throws TargetError. */
  reload(options: CallOptions): Promise<void>;
  readonly unsaved: boolean;
  /** Throws TargetError. */
  save(options: CallOptions): Promise<void>;
}

/** One secret of a source that was pushed, or was found equal. */
export interface PushedKey {
  /** `source/name`. */
  readonly id: string;
  /** Of the source's description: with another one it is another place. */
  readonly identity: string;
  readonly from: SecretId;
  readonly whenRemoved: 'keep' | 'delete';
  /** Of what both had when they were last seen equal. */
  readonly fingerprint?: string;
  /** The source's, of then. */
  readonly version?: string;
  /** Of a value on its way: it may have arrived. */
  readonly writing?: string;
  /** By this agent; only then it may be removed. */
  readonly written: boolean;
}

export function pushedId(source: string, name: string): string {
  return `${source}/${name}`;
}
