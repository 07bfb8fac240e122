import { inspect } from 'node:util';
import { SecretValue } from '@hikyaku/core';
import { beforeAll, expect, test } from 'vitest';
import { bindingOf } from './binding.ts';
import { generateIdentity, parseIdentities } from './identities.ts';
import { open } from './open.ts';
import { fingerprintOf } from './recipients.ts';
import { LARGEST_VALUE, seal } from './seal.ts';
import { readHeader } from './sealed-header.ts';

interface Key {
  readonly recipient: string;
  readonly identities: readonly string[];
  readonly fingerprint: string;
}

const HARDWARE_KEY = 'age1tag1qwe0kafsjrar4txm6heqnhpfuggzr0gvznz7fvygxrlq90u5mq2pysxtw6h';
const binding = bindingOf('doppler', 'token', ['https://api.doppler.com']);
const now = Date.UTC(2026, 2, 1);
const value = SecretValue.of('dp.st.prd.s3cr3t');
let home: Key, cabin: Key, me: Key;

beforeAll(async () => {
  [home, cabin, me] = [await newKey(), await newKey(), await newKey()];
});

async function newKey(): Promise<Key> {
  const { file, recipient } = await generateIdentity();
  return { recipient, identities: parseIdentities(file), fingerprint: fingerprintOf(recipient) };
}

test('each recipient opens the value, and learns what it is for', async () => {
  const sealed = await seal(value, { recipients: recipientsOf({ home, cabin, me }), binding, now });
  for (const { identities } of [home, cabin, me]) {
    const opened = await open(sealed, identities);
    expect(opened.value.text()).toBe('dp.st.prd.s3cr3t');
    expect(opened.header).toEqual(await readHeader(sealed));
  }
  expect(await readHeader(sealed)).toEqual({
    binding: { use: 'doppler/token', to: ['https://api.doppler.com'] },
    sealedAt: '2026-03-01T00:00:00.000Z',
    recipients: new Map([
      ['cabin', [cabin.fingerprint]],
      ['home', [home.fingerprint]],
      ['me', [me.fingerprint]],
    ]),
    seen: new Map([
      ['cabin', [cabin.fingerprint]],
      ['home', [home.fingerprint]],
      ['me', [me.fingerprint]],
    ]),
  });
});

test('any bytes come back as they were', async () => {
  for (const bytes of [[], [0], [255, 254, 10, 13, 0]]) {
    const sealed = await seal(SecretValue.of(Uint8Array.from(bytes)), {
      recipients: recipientsOf({ me }),
      binding,
      now,
    });
    expect([...(await open(sealed, me.identities)).value.reveal()]).toEqual(bytes);
  }
});

test('forty recipients and a cluster with two keys open one value', async () => {
  const keys = await Promise.all(Array.from({ length: 40 }, newKey));
  const recipients = new Map(keys.map(({ recipient }, index) => [`cluster-${index}`, [recipient]]));
  recipients.set('cluster-0', [...(recipients.get('cluster-0') ?? []), home.recipient]);
  const sealed = await seal(value, { recipients, binding, now });
  for (const { identities } of [home, ...keys]) expect((await open(sealed, identities)).value.equals(value)).toBe(true);
});

test('another key opens nothing, and is told whose value it is', async () => {
  const sealed = await seal(value, { recipients: recipientsOf({ home, cabin }), binding, now });
  const fingerprints = `cabin (fp ${cabin.fingerprint}), home (fp ${home.fingerprint})`;
  await expect(open(sealed, me.identities)).rejects.toMatchObject({
    code: 'NOT_FOR_THIS_KEY',
    message: `sealed for ${fingerprints}, my key is ${me.fingerprint}`,
  });
  await expect(open(sealed, [])).rejects.toMatchObject({ code: 'NOT_FOR_THIS_KEY' });
  expect((await open(sealed, [...me.identities, ...home.identities])).value.equals(value)).toBe(true);
});

test('a value sealed anew for others keeps its time and who has ever seen it; with another value it starts afresh', async () => {
  const first = await readHeader(await seal(value, { recipients: recipientsOf({ home, me }), binding, now }));
  const second = await readHeader(
    await seal(value, { recipients: recipientsOf({ cabin, me }), binding, before: first, now: now + 86_400_000 }),
  );
  expect(second.sealedAt).toBe('2026-03-01T00:00:00.000Z');
  expect([...second.recipients.keys()]).toEqual(['cabin', 'me']);
  expect([...second.seen]).toEqual([
    ['cabin', [cabin.fingerprint]],
    ['home', [home.fingerprint]],
    ['me', [me.fingerprint]],
  ]);
  const third = await readHeader(
    await seal(value, { recipients: new Map([['home', [cabin.recipient]]]), binding, before: second, now }),
  );
  expect(third.seen.get('home')).toEqual([cabin.fingerprint, home.fingerprint].toSorted());
});

test('what can be read without a key does not depend on the order of the recipients', async () => {
  const there = await seal(value, { recipients: recipientsOf({ home, cabin, me }), binding, now });
  const back = await seal(value, { recipients: recipientsOf({ me, cabin, home }), binding, now });
  const start = there.split('\n').slice(0, 8);
  expect(back.split('\n').slice(0, 8)).toEqual(start);
  expect(back).not.toBe(there);
});

test('keys in hardware stand beside others; post-quantum keys do not', async () => {
  await seal(value, {
    recipients: new Map([
      ['home', [home.recipient]],
      ['me', [HARDWARE_KEY]],
    ]),
    binding,
    now,
  });
  const { generateHybridIdentity, identityToRecipient } = await import('age-encryption');
  const strong = await identityToRecipient(await generateHybridIdentity());
  await seal(value, {
    recipients: new Map([
      ['home', [strong]],
      ['me', [strong]],
    ]),
    binding,
    now,
  });
  await expect(
    seal(value, {
      recipients: new Map([
        ['home', [home.recipient]],
        ['me', [strong]],
      ]),
      binding,
      now,
    }),
  ).rejects.toMatchObject({
    code: 'INVALID_KEY',
    message: expect.stringMatching(/^the key of me is post-quantum and that of home is not/),
  });
});

test('nothing is sealed to nobody, to a key with a slip in it, or to one that hides nothing', async () => {
  const sealTo = (recipients: ReadonlyMap<string, readonly string[]>) => seal(value, { recipients, binding, now });
  await expect(sealTo(new Map())).rejects.toMatchObject({ code: 'INVALID_KEY' });
  await expect(sealTo(new Map([['home', []]]))).rejects.toMatchObject({ code: 'INVALID_KEY' });
  const slip = home.recipient.replace(/.$/, (last) => (last === 'q' ? 'p' : 'q'));
  await expect(
    sealTo(
      new Map([
        ['me', [me.recipient]],
        ['home', [slip]],
      ]),
    ),
  ).rejects.toMatchObject({
    code: 'INVALID_KEY',
    message: 'the key of home is mistyped or cut off: its checksum is wrong',
  });
  // The point of order 1: every shared secret with it is zero.
  const { bech32 } = await import('./testing/bech32.ts');
  await expect(
    sealTo(
      new Map([
        ['me', [me.recipient]],
        ['home', [bech32('age', new Uint8Array(32))]],
      ]),
    ),
  ).rejects.toMatchObject({
    code: 'INVALID_KEY',
    message: 'nothing can be sealed to the key of home',
  });
});

test('a value of one MiB is the largest', async () => {
  const options = { recipients: recipientsOf({ me }), binding, now };
  const largest = SecretValue.of(Buffer.alloc(LARGEST_VALUE, 1));
  expect((await open(await seal(largest, options), me.identities)).value.equals(largest)).toBe(true);
  await expect(seal(SecretValue.of(Buffer.alloc(LARGEST_VALUE + 1)), options)).rejects.toMatchObject({
    code: 'TOO_LARGE',
  });
});

test('recipients by the hundred can be read again; more than can be named are refused', async () => {
  const named = (count: number, key: string) =>
    new Map(Array.from({ length: count }, (_, index) => [`cluster-${index}`, [key]]));
  const sealed = await seal(value, { recipients: named(500, home.recipient), binding, now });
  expect((await readHeader(sealed)).recipients.size).toBe(500);
  await expect(open(sealed, me.identities)).rejects.toThrow(/, 490 more, my key is [0-9a-f]{24}$/);
  await expect(seal(value, { recipients: named(2000, home.recipient), binding, now })).rejects.toMatchObject({
    code: 'TOO_LARGE',
  });
});

test('what could not be read again is not written', async () => {
  const recipients = recipientsOf({ me });
  for (const wrong of [
    { use: '\u001B[2J', to: [] },
    { use: 'a/b', to: ['https://b', 'https://a'] },
    { use: 'a/b', to: ['https://a/'] },
  ])
    await expect(seal(value, { recipients, binding: wrong, now })).rejects.toMatchObject({ code: 'INVALID_BINDING' });
});

test('no error holds the value or a private key', async () => {
  const sealed = await seal(value, { recipients: recipientsOf({ home }), binding, now });
  const errors: unknown[] = await Promise.all([
    open(sealed, me.identities).catch((error: unknown) => error),
    open(sealed, [`${me.identities[0]}X`]).catch((error: unknown) => error),
    open(sealed.replace('YWdl', 'YWdm'), home.identities).catch((error: unknown) => error),
    seal(value, { recipients: new Map([['me', me.identities]]), binding, now }).catch((error: unknown) => error),
  ]);
  for (const error of errors) {
    expect(error).toBeInstanceOf(Error);
    expect(inspect(error, { showHidden: true, depth: 9 })).not.toMatch(/s3cr3t|AGE-SECRET-KEY-1/);
  }
});

function recipientsOf(keys: Readonly<Record<string, Key>>): ReadonlyMap<string, readonly string[]> {
  return new Map(Object.entries(keys).map(([name, { recipient }]) => [name, [recipient]]));
}
