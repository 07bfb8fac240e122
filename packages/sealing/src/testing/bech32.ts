const ALPHABET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';

/** The text of bytes in Bech32 (BIP 173), to make keys that age would not. */
export function bech32(prefix: string, bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const words = (bits.match(/.{1,5}/g) ?? []).map((part) => Number.parseInt(part.padEnd(5, '0'), 2));
  const codes = Array.from(prefix, (letter) => letter.charCodeAt(0));
  const start = [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31), ...words];
  const sum = polymod([...start, 0, 0, 0, 0, 0, 0]) ^ 1;
  const check = [5, 4, 3, 2, 1, 0].map((index) => (sum >> (5 * index)) & 31);
  return `${prefix}1${[...words, ...check].map((word) => ALPHABET[word]).join('')}`;
}

function polymod(words: readonly number[]): number {
  const generator = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
  return words.reduce((sum, word) => {
    const top = sum >>> 25;
    const next = ((sum & 0x1ffffff) << 5) ^ word;
    return generator.reduce((all, term, bit) => (((top >> bit) & 1) === 1 ? all ^ term : all), next);
  }, 1);
}
