import type { SecretValue } from '@hikyaku/core';
import type { Binding } from './binding.ts';

/** What can be read of a sealed value without a key. Nothing of it is authenticated before the value is opened. */
export interface SealedHeader {
  /** Absent: it was not sealed by hikyaku. */
  readonly binding?: Binding;
  /** When the value was sealed first: ISO 8601, UTC. Kept when only the recipients change. */
  readonly sealedAt?: string;
  /** Who can open it: fingerprints of their keys, by the name under `recipients:`. */
  readonly recipients: ReadonlyMap<string, readonly string[]>;
  /** Everybody who could open this same value since it was sealed, also those who cannot any more. */
  readonly seen: ReadonlyMap<string, readonly string[]>;
}

export interface SealOptions {
  /** Age recipients, by the name under `recipients:`. */
  readonly recipients: ReadonlyMap<string, readonly string[]>;
  readonly binding: Binding;
  /** Of the header before, where it is the same value: what `sealedAt` and `seen` go on from. */
  readonly before?: SealedHeader;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface Opened {
  readonly value: SecretValue;
  /** Authenticated. */
  readonly header: SealedHeader;
}

/** One age file, armored, that each recipient opens, also with plain `age -d`. Throws a SealedError. */
export async function seal(_value: SecretValue, _options: SealOptions): Promise<string> {
  throw new Error('being written');
}

/** Without a key. Throws a SealedError. */
export async function readHeader(_text: string): Promise<SealedHeader> {
  throw new Error('being written');
}

/** With the first identity that opens it. Throws a SealedError. */
export async function open(_text: string, _identities: readonly string[]): Promise<Opened> {
  throw new Error('being written');
}
