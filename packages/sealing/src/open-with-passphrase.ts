import { SecretValue } from '@hikyaku/core';
import { SealedError } from './sealed-error.ts';

/** A file of `age -p`, armored or not, such as one of identities. Takes about a second and a quarter of a GiB, as it is meant to. Throws a SealedError. */
export async function openWithPassphrase(file: Uint8Array, passphrase: string): Promise<SecretValue> {
  const { armor, Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase);
  try {
    const text = Buffer.from(file).toString('latin1');
    const bytes = text.startsWith('age-encryption.org/') ? file : armor.decode(text);
    return SecretValue.of(await decrypter.decrypt(bytes));
  } catch (error) {
    // The library has no codes.
    if (error instanceof Error && error.message.startsWith('no identity matched'))
      throw new SealedError('NOT_FOR_THIS_KEY', 'it has another one, or none');
    throw new SealedError('DAMAGED', 'the file is damaged');
  }
}
