import { expect, test } from 'vitest';
import { decodeArmor, encodeArmor } from './armor.ts';

const bytes = Buffer.from(Array.from({ length: 200 }, (_, index) => index));
const text = encodeArmor(bytes);

test('armor has lines of 64 characters between its markers', () => {
  expect(text).toMatch(
    /^-----BEGIN AGE ENCRYPTED FILE-----\n([^\n]{64}\n){4}[^\n]{1,64}\n-----END AGE ENCRYPTED FILE-----\n$/,
  );
  expect(Buffer.from(decodeArmor(text)).equals(bytes)).toBe(true);
});

test.each([
  ['indented', text.replaceAll(/^/gm, '        ')],
  ['with CRLF', text.replaceAll('\n', '\r\n')],
  ['folded into one line', text.replaceAll('\n', ' ')],
  ['folded into other lines', text.replaceAll('\n', '').replaceAll(/[A-Za-z0-9+/=]{50}/g, '$&\n  ')],
  ['without an end of its last line', text.trimEnd()],
  ['with blank lines around it', `\n\n${text}\n\n`],
  ['with tabs', text.replaceAll('\n', '\t\n\t')],
])('armor %s is read', (_title, other) => {
  expect(Buffer.from(decodeArmor(other)).equals(bytes)).toBe(true);
});

test.each([
  ['nothing', ''],
  ['words before it', `token: ${text}`],
  ['words after it', `${text}token`],
  ['two of them', text + text],
  ['a header of PEM', text.replace('\n', '\nVersion: 1\n\n')],
  ['another base64', text.replaceAll('+', '-').replace('A', '_')],
  ['padding within', text.replace(/\n/, '\nAA==')],
  ['an END that is another', text.replace('END AGE', 'END PGP')],
])('%s is damage', (_title, other) => {
  expect(() => decodeArmor(other)).toThrow(expect.objectContaining({ code: 'DAMAGED' }));
});

test('a text without end is refused before it is read, and one made to be slow is not', () => {
  const started = performance.now();
  for (const hostile of [
    text + ' '.repeat(5_000_000),
    '-----BEGIN AGE ENCRYPTED FILE-----' + ' '.repeat(4_000_000),
    '-----BEGIN AGE ENCRYPTED FILE-----'.repeat(100_000),
    '-----BEGIN' + '\n'.repeat(4_000_000) + 'AGE',
    '-----BEGIN AGE ENCRYPTED FILE-----' + '-----END '.repeat(400_000) + '-----',
    '-----BEGIN AGE ENCRYPTED FILE-----' + 'A'.repeat(4_000_000) + '-----',
  ])
    expect(() => decodeArmor(hostile)).toThrow(expect.objectContaining({ code: 'DAMAGED' }));
  expect(performance.now() - started).toBeLessThan(5000);
});
