import { SealedError } from './sealed-error.ts';

const BEGIN = '-----BEGIN AGE ENCRYPTED FILE-----';
const END = '-----END AGE ENCRYPTED FILE-----';
const ARMOR = /^-----BEGIN\s+AGE\s+ENCRYPTED\s+FILE-----([A-Za-z0-9+/=\s]*)-----END\s+AGE\s+ENCRYPTED\s+FILE-----$/;

/** Characters: four times what the largest value needs. */
const LONGEST_TEXT = 4 * 1024 * 1024;

export function encodeArmor(file: Uint8Array): string {
  const lines =
    Buffer.from(file)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `${[BEGIN, ...lines, END].join('\n')}\n`;
}

/**
 * The bytes of an armored age file. Lines may have been indented, folded into one, or end in CRLF, as happens in YAML; all else
 * is as strict as the format. Throws a SealedError.
 */
export function decodeArmor(text: string): Uint8Array {
  if (text.length > LONGEST_TEXT) throw new SealedError('DAMAGED', `it is longer than ${LONGEST_TEXT} characters`);
  const trimmed = text.trim();
  if (!/^-----BEGIN\s+AGE\s/.test(trimmed))
    throw new SealedError('DAMAGED', `it is no armored age file: it must begin with ${BEGIN}`);
  if (!trimmed.endsWith('-----') || !/-----END\s/.test(trimmed))
    throw new SealedError('DAMAGED', `truncated: it must end with ${END}`);
  const base64 = ARMOR.exec(trimmed)?.[1]?.replaceAll(/\s+/g, '');
  if (base64 === undefined)
    throw new SealedError('DAMAGED', 'between its first and its last line stands more than base64');
  const bytes = Buffer.from(base64, 'base64');
  // Node is lenient; each value is to have one way to be written.
  if (bytes.toString('base64') !== base64) throw new SealedError('DAMAGED', 'its base64 is damaged');
  return bytes;
}

/** Whether it is meant to be an age file in text. */
export function isArmored(text: string): boolean {
  return /^\s*-----BEGIN\s+AGE\s/.test(text);
}
