import { SecretValue } from '@hikyaku/core';
import { readStanzas } from './age-header.ts';
import type { Stanza } from './age-header.ts';
import { decodeArmor } from './armor.ts';
import { headerOf } from './bind-stanza.ts';
import { recipientOf } from './identities.ts';
import { fingerprintOf } from './recipients.ts';
import { LARGEST_VALUE } from './seal.ts';
import { SealedError } from './sealed-error.ts';
import type { SealedHeader } from './sealed-header.ts';

/** In a message; a stranger may have written thousands. */
const MOST_NAMES = 10;

export interface Opened {
  readonly value: SecretValue;
  /** Authenticated. */
  readonly header: SealedHeader;
}

/**
 * With the first identity that opens it. A file without a binding opens too, and says so by its header; `checkBinding` is what
 * decides. Throws a SealedError.
 */
export async function open(text: string, identities: readonly string[]): Promise<Opened> {
  const file = decodeArmor(text);
  // For its words; the stanzas that count are those of the library, which have been authenticated.
  readStanzas(file);
  const { fileKey, stanzas } = await unwrap(file, identities);
  const header = headerOf(stanzas);
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  decrypter.addIdentity({ unwrapFileKey: () => fileKey });
  const value = await decrypter.decrypt(file).catch(() => {
    throw new SealedError('DAMAGED', 'truncated, or its value was changed after it was sealed');
  });
  if (value.length > LARGEST_VALUE)
    throw new SealedError('TOO_LARGE', `its value has more than ${LARGEST_VALUE} bytes`);
  return { value: SecretValue.of(value), header };
}

/** The file's own key, and its stanzas as they were authenticated with it. */
async function unwrap(
  file: Uint8Array,
  identities: readonly string[],
): Promise<{ readonly fileKey: Uint8Array; readonly stanzas: readonly Stanza[] }> {
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  let stanzas: readonly Stanza[] | undefined;
  let noneFits = false;
  decrypter.addIdentity({ unwrapFileKey: (all: readonly Stanza[]) => ((stanzas = all), null) });
  for (const identity of identities) {
    try {
      decrypter.addIdentity(identity);
    } catch {
      throw new SealedError('INVALID_KEY', 'a private key is not one of age');
    }
  }
  decrypter.addIdentity({ unwrapFileKey: () => ((noneFits = true), null) });
  try {
    const fileKey = await decrypter.decryptHeader(file);
    return { fileKey, stanzas: stanzas ?? [] };
  } catch (error) {
    if (stanzas !== undefined && noneFits) throw await notForThisKey(stanzas, identities);
    // The library gives no codes.
    const isMac = error instanceof Error && error.message === 'invalid header HMAC';
    throw new SealedError(
      'DAMAGED',
      isMac ? 'bad header MAC: it was changed after it was sealed' : 'its header is damaged',
    );
  }
}

async function notForThisKey(stanzas: readonly Stanza[], identities: readonly string[]): Promise<SealedError> {
  const own = await Promise.all(identities.map(async (identity) => fingerprintOf(await recipientOf(identity))));
  const mine = own.length === 1 ? `my key is ${own[0]}` : `my keys are ${own.join(', ') || 'none'}`;
  return new SealedError('NOT_FOR_THIS_KEY', `sealed for ${namesIn(stanzas)}, ${mine}`);
}

/** Not authenticated, as nobody here can do that, but of names and fingerprints only. */
function namesIn(stanzas: readonly Stanza[]): string {
  try {
    const names = [...headerOf(stanzas).recipients].map(([name, keys]) => `${name} (fp ${keys.join(', ')})`);
    const more = names.length - MOST_NAMES;
    const shown = [...names.slice(0, MOST_NAMES), ...(more > 0 ? [`${more} more`] : [])];
    return shown.join(', ') || 'keys that it does not name';
  } catch {
    return 'keys that it does not name';
  }
}
