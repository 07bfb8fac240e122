const ALPHABET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];

/**
 * How many bytes a key of age in lower case has, and the prefix before them. Undefined where it is not written as Bech32
 * (BIP 173, without its limit of 90 characters): another letter, a wrong checksum.
 */
export function readBech32(text: string): { readonly prefix: string; readonly byteLength: number } | undefined {
  const separator = text.lastIndexOf('1');
  const prefix = text.slice(0, separator);
  const words = Array.from(text.slice(separator + 1), (letter) => ALPHABET.indexOf(letter));
  if (separator < 1 || words.length < 6 || words.includes(-1) || !/^[a-z0-9-]+$/.test(prefix)) return undefined;
  const codes = Array.from(prefix, (letter) => letter.charCodeAt(0));
  if (checksum([...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31), ...words]) !== 1)
    return undefined;
  const bits = (words.length - 6) * 5;
  const unused = bits % 8;
  const last = words[words.length - 7] ?? 0;
  // Otherwise one key could be written in several ways.
  if (unused > 4 || (last & ((1 << unused) - 1)) !== 0) return undefined;
  return { prefix, byteLength: (bits - unused) / 8 };
}

function checksum(words: readonly number[]): number {
  let sum = 1;
  for (const word of words) {
    const top = sum >>> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ word;
    for (const [bit, term] of GENERATOR.entries()) if (((top >> bit) & 1) === 1) sum ^= term;
  }
  return sum;
}
