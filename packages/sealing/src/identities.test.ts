import { Encrypter } from 'age-encryption';
import { expect, test } from 'vitest';
import { encodeArmor } from './armor.ts';
import { generateIdentity, isProtected, openWithPassphrase, parseIdentities, recipientOf } from './identities.ts';
import { fingerprintOf, isRecipient, recipientProblem } from './recipients.ts';
import { bech32 } from './testing/bech32.ts';

test('a new identity is a file of age-keygen', async () => {
  const { file, recipient } = await generateIdentity();
  expect(file).toMatch(
    /^# created: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n# public key: age1[a-z0-9]{58}\nAGE-SECRET-KEY-1[A-Z0-9]{58}\n$/,
  );
  const [identity = ''] = parseIdentities(file);
  expect(await recipientOf(identity)).toBe(recipient);
  expect(file).toContain(recipient);
});

test('comments, blank lines, CRLF, indentation and several keys are read', async () => {
  const [one, two] = [await generateIdentity(), await generateIdentity()];
  const keys = [...parseIdentities(one.file), ...parseIdentities(two.file)];
  expect(parseIdentities(one.file + two.file)).toEqual(keys);
  expect(parseIdentities(`\uFEFF${one.file}\n\n  # more\n${two.file}`.replaceAll('\n', '\r\n'))).toEqual(keys);
  expect(parseIdentities((one.file + two.file).replaceAll(/^/gm, '    '))).toEqual(keys);
  expect(parseIdentities(keys.join('\n'))).toEqual(keys);
});

test('a line that is no identity is named by its number and never quoted', async () => {
  const { file } = await generateIdentity();
  const [identity = ''] = parseIdentities(file);
  const lines: Readonly<Record<string, string>> = {
    'line 4 is no identity of age': 'hunter2',
    'line 4 is a damaged identity: its checksum is wrong': identity.replace(/.$/, (last) => (last === 'Q' ? 'P' : 'Q')),
    'line 4 is the identity of a plug-in, which only the `age` command can use': 'AGE-PLUGIN-YUBIKEY-1QQQ',
  };
  for (const [message, line] of Object.entries(lines))
    expect(() => parseIdentities(file + line)).toThrow(expect.objectContaining({ code: 'INVALID_KEY', message }));
  expect(() => parseIdentities(identity.toLowerCase())).toThrow(/no identity/);
  expect(() => parseIdentities(bech32('age-secret-key-', new Uint8Array(31)).toUpperCase())).toThrow(/damaged/);
});

test.each([
  ['nothing', ''],
  ['only comments', '# public key: age1\n\n'],
  ['a public key', 'age1rmqj0p3z'],
  ['no end', '#'.repeat(2_000_000)],
])('%s is no file of identities', (_title, text) => {
  expect(() => parseIdentities(text)).toThrow(expect.objectContaining({ code: 'INVALID_KEY' }));
});

test('a file that a passphrase protects opens with it, armored or not', async () => {
  const { file } = await generateIdentity();
  const encrypter = new Encrypter();
  encrypter.setPassphrase('correct horse');
  encrypter.setScryptWorkFactor(10);
  const bytes = await encrypter.encrypt(file);
  const text = encodeArmor(bytes);
  for (const given of [bytes, text, Buffer.from(text)]) {
    expect(isProtected(given)).toBe(true);
    expect((await openWithPassphrase(given, 'correct horse')).text()).toBe(file);
    await expect(openWithPassphrase(given, 'wrong')).rejects.toMatchObject({ code: 'INVALID_KEY' });
  }
  expect(() => parseIdentities(text)).toThrow('it is protected by a passphrase');
  expect(isProtected(file)).toBe(false);
  await expect(openWithPassphrase(file, 'correct horse')).rejects.toThrow('it is not protected by a passphrase');
});

test('a public key of each kind is one', async () => {
  for (const [prefix, length] of [
    ['age', 32],
    ['age1pq', 1216],
    ['age1tag', 33],
    ['age1tagpq', 1249],
  ] as const)
    expect(recipientProblem(bech32(prefix, new Uint8Array(length).fill(7)))).toBeUndefined();
  expect(isRecipient((await generateIdentity()).recipient)).toBe(true);
});

test('what is no public key says why, and is not quoted', async () => {
  const { file, recipient } = await generateIdentity();
  const [identity = ''] = parseIdentities(file);
  const problems: Readonly<Record<string, RegExp>> = {
    '': /no public key/,
    hunter2: /no public key/,
    [identity]: /^is a private key: write its public key/,
    'ssh-ed25519 AAAAC3Nza': /key of SSH/,
    [recipient.slice(0, -1)]: /mistyped or cut off/,
    [recipient.toUpperCase()]: /no public key/,
    [` ${recipient}`]: /no public key/,
    [bech32('age', new Uint8Array(31))]: /another length/,
    [bech32('age1yubikey', new Uint8Array(33))]: /plug-in.*age1tag/,
    [`age1${'q'.repeat(100_000)}`]: /no public key/,
  };
  for (const [text, problem] of Object.entries(problems)) {
    expect(recipientProblem(text)).toMatch(problem);
    expect(recipientProblem(text)).not.toContain(text || 'age1q');
  }
});

test('every slip of one letter in a public key is noticed', async () => {
  const { recipient } = await generateIdentity();
  for (let index = 0; index < recipient.length; index += 1)
    for (const letter of 'qpzry9x8gf2tvdw0s3jn54khce6mua7l1') {
      const other = recipient.slice(0, index) + letter + recipient.slice(index + 1);
      expect(isRecipient(other)).toBe(other === recipient);
    }
});

test('a fingerprint is 24 hexadecimal digits, and another for each key', async () => {
  const keys = await Promise.all([generateIdentity(), generateIdentity()]);
  const [one, two] = keys.map(({ recipient }) => fingerprintOf(recipient));
  expect(one).toMatch(/^[0-9a-f]{24}$/);
  expect(one).not.toBe(two);
});
