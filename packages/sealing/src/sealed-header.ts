import { readStanzas } from './age-header.ts';
import { decodeArmor } from './armor.ts';
import { headerOf } from './bind-stanza.ts';
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

/** Without a key. Throws a SealedError. */
export async function readHeader(text: string): Promise<SealedHeader> {
  return headerOf(readStanzas(decodeArmor(text)));
}
