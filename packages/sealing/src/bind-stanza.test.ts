import { inspect } from 'node:util';
import { Encrypter, Stanza } from 'age-encryption';
import { beforeAll, expect, test } from 'vitest';
import { encodeArmor } from './armor.ts';
import { generateIdentity, parseIdentities } from './identities.ts';
import { open } from './open.ts';
import { SealedError } from './sealed-error.ts';
import { readHeader } from './sealed-header.ts';

const FINGERPRINT = '0123456789abcdef01234567';
const GOOD = {
  v: 1,
  use: 'doppler/token',
  to: ['https://api.doppler.com'],
  at: '2026-03-01T00:00:00.000Z',
  rcpt: { home: [FINGERPRINT] },
  seen: { home: [FINGERPRINT] },
};
let recipient: string;
let identities: readonly string[];

beforeAll(async () => {
  const key = await generateIdentity();
  recipient = key.recipient;
  identities = parseIdentities(key.file);
});

/** A file with a right MAC, as a recipient who means harm could make it. */
async function fileWith(...stanzas: readonly Stanza[]): Promise<string> {
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  encrypter.addRecipient({ wrapFileKey: () => [...stanzas] });
  return encodeArmor(await encrypter.encrypt('value'));
}

function bind(body: unknown, ...args: readonly string[]): Stanza {
  const text = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
  return new Stanza(['hikyaku.dev/bind', ...(args.length === 0 ? ['v1'] : args)], Uint8Array.from(Buffer.from(text)));
}

async function bothFail(text: string): Promise<string> {
  const errors: unknown[] = await Promise.all([
    readHeader(text).catch((error: unknown) => error),
    open(text, identities).catch((error: unknown) => error),
  ]);
  const messages = errors.map((error) => {
    expect(error).toBeInstanceOf(SealedError);
    expect(error).toMatchObject({ code: 'DAMAGED' });
    return error instanceof Error ? error.message : '';
  });
  expect(messages[1]).toBe(messages[0]);
  return messages[0] ?? '';
}

test('a good one is read, beside stanzas of others', async () => {
  const text = await fileWith(new Stanza(['example.com/other', 'x'], Uint8Array.of(1)), bind(GOOD));
  expect((await readHeader(text)).binding).toEqual({ use: 'doppler/token', to: ['https://api.doppler.com'] });
  expect((await open(text, identities)).value.text()).toBe('value');
});

test('two of them, of any version, are damage', async () => {
  expect(await bothFail(await fileWith(bind(GOOD), bind(GOOD)))).toBe('it says more than once what it is for');
  expect(await bothFail(await fileWith(bind(GOOD), bind('', 'v2')))).toBe('it says more than once what it is for');
});

test('another version asks for a newer hikyaku', async () => {
  for (const args of [['v2'], ['v1', 'more'], ['V1']])
    expect(await bothFail(await fileWith(bind(GOOD, ...args)))).toMatch(/use a newer one$/);
});

const names = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`n${index}`, [FINGERPRINT]]));

test.each<[string, unknown]>([
  ['nothing', ''],
  ['no JSON', '{'],
  ['no UTF-8', Uint8Array.of(0x22, 0xff, 0x22)],
  ['null', 'null'],
  ['a list', '[]'],
  ['a number', '1e999'],
  ['deep lists', '['.repeat(60_000)],
  ['deep objects', '{"a":'.repeat(12_000)],
  ['another version within', { ...GOOD, v: 2 }],
  ['no use', { ...GOOD, use: undefined }],
  ['a use of another kind', { ...GOOD, use: ['doppler/token'] }],
  ['a use that moves a cursor', { ...GOOD, use: 'doppler/\u001B[2Jtoken' }],
  ['a use that turns text around', { ...GOOD, use: 'doppler/\u202Etoken' }],
  ['an endless use', { ...GOOD, use: 'a'.repeat(301) }],
  ['an origin with a path', { ...GOOD, to: ['https://api.doppler.com/'] }],
  ['an origin of another kind', { ...GOOD, to: ['file://'] }],
  ['an origin in capitals', { ...GOOD, to: ['https://API.doppler.com'] }],
  ['origins out of order', { ...GOOD, to: ['https://b', 'https://a'] }],
  ['an origin twice', { ...GOOD, to: ['https://a', 'https://a'] }],
  ['origins as a text', { ...GOOD, to: 'https://a' }],
  ['a CA of another kind', { ...GOOD, ca: 'md5-x' }],
  ['no time', { ...GOOD, at: 'yesterday' }],
  ['a day that is none', { ...GOOD, at: '2026-02-30T00:00:00.000Z' }],
  ['a time that could be another', { ...GOOD, at: '2026-03-01' }],
  ['recipients as a list', { ...GOOD, rcpt: [] }],
  ['recipients that are null', { ...GOOD, rcpt: null }],
  ['a recipient without keys', { ...GOOD, rcpt: { home: [] } }],
  ['a fingerprint that is none', { ...GOOD, rcpt: { home: ['x'] } }],
  ['a fingerprint that is an object', { ...GOOD, rcpt: { home: [{ toString: 'x' }] } }],
  ['a name that moves a cursor', { ...GOOD, seen: { '\u001B[2J': [FINGERPRINT] } }],
  ['a name of the prototype', JSON.stringify(GOOD).replace('"rcpt":{', `"rcpt":{"__proto__":["${FINGERPRINT}"],`)],
  ['a name twice', JSON.stringify(GOOD).replace('"rcpt":{', `"rcpt":{"home":["${FINGERPRINT}"],`)],
  ['the prototype itself', JSON.stringify(GOOD).replace('{', '{"__proto__":{"polluted":true},')],
  ['a field twice', JSON.stringify(GOOD).replace('{', '{"use":"webhook/token",')],
  ['a field more', { ...GOOD, more: 1 }],
  ['other white space', JSON.stringify(GOOD, undefined, 1)],
  ['another order', Object.fromEntries(Object.entries(GOOD).toReversed())],
  ['something after it', `${JSON.stringify(GOOD)} `],
  ['more than its limit', { ...GOOD, rcpt: names(2000) }],
])('%s is damage, and nothing of it is shown', async (_title, body) => {
  expect(await bothFail(await fileWith(bind(body)))).toBe('what it says about its use cannot be read');
  expect(Object.prototype).not.toHaveProperty('polluted');
});

test('who cannot open it is not shown what a stranger wrote there', async () => {
  const other = parseIdentities((await generateIdentity()).file);
  const text = await fileWith(bind({ ...GOOD, rcpt: { '\u001B[2Jevil': [FINGERPRINT] } }));
  const error: unknown = await open(text, other).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'NOT_FOR_THIS_KEY' });
  expect(inspect(error)).not.toContain('evil');
});

test('a name such as constructor is a name', async () => {
  const text = await fileWith(bind({ ...GOOD, rcpt: { constructor: [FINGERPRINT] } }));
  expect([...(await readHeader(text)).recipients.keys()]).toEqual(['constructor']);
});
