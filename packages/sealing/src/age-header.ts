import { SealedError } from './sealed-error.ts';

export interface Stanza {
  readonly args: readonly string[];
  readonly body: Uint8Array;
}

/** Bytes: hundreds of post-quantum keys. */
const LONGEST_HEADER = 2 * 1024 * 1024;
const NONCE_AND_TAG = 32;

/**
 * The stanzas of an age file (https://c2sp.org/age), not authenticated: that takes a key. Read here, without the library, as a
 * check of a config must not need it. Throws a SealedError.
 */
export function readStanzas(file: Uint8Array): readonly Stanza[] {
  const lines = new Lines(file.subarray(0, LONGEST_HEADER));
  if (lines.next() !== 'age-encryption.org/v1')
    throw new SealedError('DAMAGED', 'its first line says no version of age that is known here');
  const stanzas: Stanza[] = [];
  let line = lines.next();
  for (; line.startsWith('-> '); line = lines.next()) {
    const args = line.slice(3).split(' ');
    if (args.includes('')) throw new SealedError('DAMAGED', 'its header is damaged');
    stanzas.push({ args, body: readBody(lines) });
  }
  if (!/^--- [A-Za-z0-9+/]{43}$/.test(line) || stanzas.length === 0)
    throw new SealedError('DAMAGED', 'its header is damaged');
  if (file.length - lines.offset < NONCE_AND_TAG) throw new SealedError('DAMAGED', 'truncated: its value is cut off');
  return stanzas;
}

function readBody(lines: Lines): Uint8Array {
  const parts: Buffer[] = [];
  for (;;) {
    const line = lines.next();
    const part = Buffer.from(line, 'base64');
    if (line.length > 64 || part.toString('base64').replace(/=+$/, '') !== line)
      throw new SealedError('DAMAGED', 'its header is damaged');
    parts.push(part);
    if (line.length < 64) return Buffer.concat(parts);
  }
}

class Lines {
  readonly #text: string;
  offset = 0;

  constructor(bytes: Uint8Array) {
    this.#text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  }

  next(): string {
    const end = this.#text.indexOf('\n', this.offset);
    if (end === -1) throw new SealedError('DAMAGED', 'truncated: its header is cut off');
    const line = this.#text.slice(this.offset, end);
    if (!/^[\x20-\x7e]*$/.test(line)) throw new SealedError('DAMAGED', 'its header is damaged');
    this.offset = end + 1;
    return line;
  }
}
