import { SecretValue } from '@hikyaku/core';
import { readStanzas } from './age-header.ts';
import { decodeArmor, isArmored } from './armor.ts';
import { readBech32 } from './bech32.ts';
import { SealedError } from './sealed-error.ts';

/** Characters of a file of identities. */
const LONGEST_FILE = 1024 * 1024;

/**
 * The identities of a file as `age-keygen` writes it: one per line, comments and blank lines left out. Throws a SealedError,
 * also when there is none.
 */
export function parseIdentities(text: string): readonly string[] {
  if (text.length > LONGEST_FILE) throw new SealedError('INVALID_KEY', 'it is too long for a file of identities');
  if (isProtected(text)) throw new SealedError('INVALID_KEY', 'it is protected by a passphrase');
  const identities: string[] = [];
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    const word = line.trim();
    if (word === '' || word.startsWith('#')) continue;
    const problem = identityProblem(word);
    if (problem !== undefined) throw new SealedError('INVALID_KEY', `line ${index + 1} ${problem}`);
    identities.push(word);
  }
  if (identities.length === 0) throw new SealedError('INVALID_KEY', 'there is no identity of age in it');
  return identities;
}

/** Never quotes it. */
function identityProblem(word: string): string | undefined {
  if (word.startsWith('AGE-PLUGIN-')) return 'is the identity of a plug-in, which only the `age` command can use';
  if (!/^AGE-SECRET-KEY-(PQ-)?1[A-Z0-9]+$/.test(word)) return 'is no identity of age';
  const read = readBech32(word.toLowerCase());
  const isWhole = read !== undefined && /^age-secret-key-(pq-)?$/.test(read.prefix) && read.byteLength === 32;
  return isWhole ? undefined : 'is a damaged identity: its checksum is wrong';
}

/** The public key of an identity. Throws a SealedError. */
export async function recipientOf(identity: string): Promise<string> {
  if (identityProblem(identity) !== undefined) throw new SealedError('INVALID_KEY', 'a private key is not one of age');
  const { identityToRecipient } = await import('age-encryption');
  return identityToRecipient(identity);
}

/** A new X25519 identity, as the text of a file of `age-keygen`, and its public key. */
export async function generateIdentity(): Promise<{ readonly file: string; readonly recipient: string }> {
  const { generateX25519Identity, identityToRecipient } = await import('age-encryption');
  const identity = await generateX25519Identity();
  const recipient = await identityToRecipient(identity);
  const created = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  return { file: `# created: ${created}\n# public key: ${recipient}\n${identity}\n`, recipient };
}

/** Whether a file was made with `age -p`: {@link openWithPassphrase} opens it. */
export function isProtected(file: string | Uint8Array): boolean {
  try {
    return readStanzas(ageFileIn(file)).some(({ args }) => args[0] === 'scrypt');
  } catch {
    return false;
  }
}

/**
 * What a file holds that `age -p` made, armored or not: mostly identities, for {@link parseIdentities}. Takes about a second and
 * 256 MiB, which is what makes guessing costly. Throws a SealedError.
 */
export async function openWithPassphrase(file: string | Uint8Array, passphrase: string): Promise<SecretValue> {
  const bytes = ageFileIn(file);
  if (!isProtected(bytes)) throw new SealedError('INVALID_KEY', 'it is not protected by a passphrase');
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase);
  const opened = await decrypter.decrypt(bytes).catch(() => {
    throw new SealedError('INVALID_KEY', 'the passphrase is wrong, or the file is damaged');
  });
  return SecretValue.of(opened);
}

function ageFileIn(file: string | Uint8Array): Uint8Array {
  const text = typeof file === 'string' ? file : Buffer.from(file).toString('latin1');
  if (isArmored(text)) return decodeArmor(text);
  return typeof file === 'string' ? Buffer.from(file) : file;
}
