import { fingerprintOf } from '@hikyaku/sealing';
import { printable } from '../output/printable.ts';
import type { Holder } from './debt.ts';
import type { RecipientKeys } from './recipients-for.ts';

/** `home, cabin and me (backup)` */
export function recipientNames(recipients: readonly RecipientKeys[]): string {
  return listOf(recipients.map(({ name, backup }) => (backup ? `${name} (backup)` : name)));
}

/** `cabin (5f0c9e…)`, with the whole fingerprint, to be compared. */
export function keyText({ name, fingerprint }: Holder): string {
  return `${printable(name)} (${fingerprint})`;
}

/** `a, b and c` */
export function listOf(texts: readonly string[]): string {
  const last = texts.at(-1);
  if (last === undefined) return 'nobody';
  return texts.length === 1 ? last : `${texts.slice(0, -1).join(', ')} and ${last}`;
}

/** For JSON. */
export function recipientJson({ name, keys, backup }: RecipientKeys): object {
  return { name, fingerprints: keys.map(fingerprintOf), backup };
}
