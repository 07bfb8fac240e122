import { refId } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import { selfSignedCertificate } from '@hikyaku/provider-utils/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { codes, many, stored, texts, VALUE, World } from './sakura.test.kit.ts';
import type { FakeSakuraOptions } from './testing/index.ts';

const pin1 = refId({ name: 'PASSWORD', version: '1' });
let world: World;
afterEach(() => world[Symbol.asyncDispose]());

describe.each<[string, FakeSakuraOptions]>([
  ['the service', {}],
  ["the vendor's mock", { mock: true }],
  ['numbers as text', { numbersAsText: true }],
  ['lists in parts', { pageSize: 30 }],
  ['lists without a total', { totals: false }],
  ['lists in parts without a total', { totals: false, pageSize: 30 }],
  ['versions that go on after a deletion', { recreate: 'continue' }],
])('with %s', (_, options) => {
  test('everything is read, with versions and times, and an unknown name is absent', async () => {
    const clock = new FakeClock();
    world = await World.start({ ...options, clock });
    const { read } = await world.connect();
    const snapshot = await read({ refs: [{ name: 'PASSWORD' }, { name: 'NOT_THERE' }] });
    expect(texts(snapshot)).toEqual({ PASSWORD: VALUE, 'db/url': 'postgres://db' });
    expect(snapshot.secrets.get('PASSWORD')).toMatchObject({ version: '1', readAt: clock.now() });
    expect(snapshot.unknown).toBeUndefined();
  });

  test('a change and a deletion are seen, and the previous snapshot comes back itself without any', async () => {
    world = await World.start(options);
    const { read } = await world.connect();
    const first = await read();
    expect(await read({ previous: first })).toBe(first);
    world.fake.set(world.vault, 'PASSWORD', 'changed');
    world.fake.remove(world.vault, 'db/url');
    const second = await read({ previous: first });
    expect(texts(second)).toEqual({ PASSWORD: 'changed' });
    expect(second.secrets.get('PASSWORD')?.version).toBe('2');
    expect(await read({ previous: second })).toBe(second);
  });

  test('of 80 secrets one changed: one is unveiled', async () => {
    world = await World.start({ ...options, secrets: many(80) });
    const { read } = await world.connect();
    const previous = await read();
    expect(previous.secrets.size).toBe(80);
    world.fake.set(world.vault, 'S41', 'changed');
    world.fake.resetCounters();
    expect(texts(await read({ previous }))).toEqual({ ...many(80), S41: 'changed' });
    expect(world.fake.counters).toMatchObject({ unveils: 1, errors: 0 });
  });

  test('deleted and made again is seen by another version, up or down', async () => {
    world = await World.start(options);
    world.fake.set(world.vault, 'PASSWORD', 'second');
    const { read } = await world.connect();
    const previous = await read();
    world.fake.remove(world.vault, 'PASSWORD');
    world.fake.set(world.vault, 'PASSWORD', 'made again');
    expect(texts(await read({ previous }))).toMatchObject({ PASSWORD: 'made again' });
  });

  test('a vault that does not exist is NOT_FOUND, never empty', async () => {
    world = await World.start(options);
    const { read } = await world.connect({ config: { vault: '119999999999' } });
    await expect(read()).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('vault 119999999999'),
    });
  });

  test('an empty vault that exists is empty', async () => {
    world = await World.start({ ...options, secrets: {} });
    const { read } = await world.connect();
    const snapshot = await read();
    expect(snapshot.secrets.size).toBe(0);
    expect(snapshot.unknown).toBeUndefined();
  });
});

test('of 100 secrets one changed: one list and one unveil, and nothing else', async () => {
  world = await World.start({ secrets: many(100), perMinute: 1000 });
  const { read } = await world.connect();
  const previous = await read();
  expect(world.fake.counters).toMatchObject({ requests: 101, lists: 1, unveils: 100 });
  world.fake.set(world.vault, 'S7', 'changed');
  world.fake.resetCounters();
  const snapshot = await read({ previous });
  expect(texts(snapshot)).toMatchObject({ S7: 'changed', S8: 'value of 8' });
  expect(world.fake.counters).toMatchObject({ requests: 2, lists: 1, unveils: 1, connections: 1 });
});

test('a restart with the stored snapshot is one list', async () => {
  world = await World.start({ secrets: many(100), perMinute: 1000 });
  const previous = stored(await (await world.connect()).read());
  world.fake.resetCounters();
  expect(await (await world.connect()).read({ previous })).toBe(previous);
  expect(world.fake.counters).toMatchObject({ requests: 1, lists: 1 });
});

test('a request is as SAKURA wants it: the path of a zone, the API key, numbers as numbers', async () => {
  world = await World.start();
  const { read } = await world.connect();
  await read({ all: false, refs: [{ name: 'PASSWORD', version: '1' }] });
  const below = `/cloud/zone/tk1a/api/cloud/1.1/secretmanager/vaults/${world.vault}/secrets`;
  const headers = {
    accept: 'application/json',
    authorization: 'Basic [key]',
    'x-sakura-bigint-as-int': '1',
    'user-agent': expect.stringMatching(/^hikyaku\/\d/),
  };
  expect(world.fake.requests).toMatchObject([
    { method: 'GET', path: below, query: {}, headers },
    {
      method: 'POST',
      path: `${below}/unveil`,
      secret: 'PASSWORD',
      headers: { ...headers, 'content-type': 'application/json' },
    },
  ]);
});

test('by name, only what is wanted is unveiled', async () => {
  world = await World.start({ secrets: many(10) });
  const { read } = await world.connect();
  expect(texts(await read({ all: false, refs: [{ name: 'S3' }, { name: 'none' }] }))).toEqual({ S3: 'value of 3' });
  expect(world.fake.counters).toMatchObject({ lists: 1, unveils: 1 });
});

test('of everything, only names that matter are unveiled', async () => {
  world = await World.start({ secrets: { DB_A: '1', DB_B: '2', MAIL: '3' } });
  const { read } = await world.connect();
  const snapshot = await read({ wants: (name) => name.startsWith('DB_'), refs: [{ name: 'MAIL' }] });
  expect(texts(snapshot)).toEqual({ DB_A: '1', DB_B: '2', MAIL: '3' });
  expect(texts(await read({ wants: (name) => name === 'DB_B' }))).toEqual({ DB_B: '2' });
});

test('what is no longer wanted leaves the snapshot, and nothing is asked for', async () => {
  world = await World.start();
  const { read } = await world.connect();
  const previous = await read();
  world.fake.resetCounters();
  const snapshot = await read({ all: false, refs: [{ name: 'PASSWORD' }], previous });
  expect([...snapshot.secrets.keys()]).toEqual(['PASSWORD']);
  expect(world.fake.counters).toMatchObject({ requests: 1 });
});

test('a pinned version is another secret than the latest, and is not asked for again when the latest changes', async () => {
  world = await World.start();
  world.fake.set(world.vault, 'PASSWORD', 'second');
  const { read } = await world.connect();
  const refs = [{ name: 'PASSWORD' }, { name: 'PASSWORD', version: '1' }];
  const first = await read({ all: false, refs });
  expect(texts(first)).toEqual({ PASSWORD: 'second', [pin1]: VALUE });
  world.fake.set(world.vault, 'PASSWORD', 'third');
  world.fake.resetCounters();
  expect(texts(await read({ all: false, refs, previous: first }))).toEqual({
    PASSWORD: 'third',
    [pin1]: VALUE,
  });
  expect(world.fake.counters).toMatchObject({ lists: 1, unveils: 1 });
});

test('a pinned version above the latest does not exist, by the list alone', async () => {
  world = await World.start();
  const { read } = await world.connect();
  const refs = [{ name: 'PASSWORD', version: '2' }];
  const snapshot = await read({ all: false, refs });
  expect(snapshot.secrets.size).toBe(0);
  expect(snapshot.unknown).toBeUndefined();
  expect(world.fake.counters).toMatchObject({ requests: 1 });

  world.fake.set(world.vault, 'PASSWORD', 'second');
  const previous = await read({ all: false, refs, previous: snapshot });
  expect(texts(previous)).toEqual({ [refId({ name: 'PASSWORD', version: '2' })]: 'second' });
  world.fake.remove(world.vault, 'PASSWORD');
  world.fake.set(world.vault, 'PASSWORD', 'made again');
  expect((await read({ all: false, refs, previous })).secrets.size).toBe(0);
});

test('a pinned version that was lost by deletion is unknown and not absent', async () => {
  world = await World.start({ recreate: 'continue' });
  const { read } = await world.connect();
  world.fake.remove(world.vault, 'PASSWORD');
  world.fake.set(world.vault, 'PASSWORD', 'made again');
  const refs = [{ name: 'PASSWORD' }, { name: 'PASSWORD', version: '1' }];
  const snapshot = await read({ all: false, refs });
  expect(texts(snapshot)).toEqual({ PASSWORD: 'made again' });
  expect(codes(snapshot)).toEqual({ [pin1]: 'FORBIDDEN' });
  expect(snapshot.unknown?.get(pin1)?.message).toContain('does not find version 1');
  expect(await read({ all: false, refs, previous: snapshot })).toBe(snapshot);
});

test.each(['', '0', '-1', '1.5', 'latest', '01', ' 1', '1e3', '12345678901'])(
  'the version %j is an error of its ref, and the rest is read',
  async (version) => {
    world = await World.start();
    const { read } = await world.connect();
    const ref = { name: 'PASSWORD', version };
    const snapshot = await read({ refs: [ref] });
    expect(codes(snapshot)).toEqual({ [refId(ref)]: 'INVALID_CONFIG' });
    expect(snapshot.secrets.size).toBe(2);
    expect(await read({ refs: [ref], previous: snapshot })).toBe(snapshot);
  },
);

test('names are free text and come as they are', async () => {
  const secrets = {
    'パスワード/本番 1': '秘密',
    __proto__x: 'x',
    'a b:c"\\': '',
    ['n'.repeat(255)]: '\r\n\u0000\u{1F511}',
  };
  world = await World.start({ secrets });
  const { read, client } = await world.connect();
  expect(texts(await read())).toEqual(secrets);
  expect(await client.list?.({ signal: AbortSignal.timeout(5000) })).toEqual(
    Object.keys(secrets).map((name) => ({ name, version: '1' })),
  );
});

test('the largest value that SAKURA keeps is read, whatever its escapes', async () => {
  const value = '\u0001'.repeat(65_536);
  world = await World.start({ secrets: { BIG: value } });
  expect(texts(await (await world.connect()).read())).toEqual({ BIG: value });
});

describe('values are read again on a slow cycle', () => {
  const hours = 3_600_000;

  test('also when the version is the same, in case the secret was made again', async () => {
    const clock = new FakeClock();
    world = await World.start({ clock });
    const { read } = await world.connect();
    const first = await read();
    world.fake.remove(world.vault, 'PASSWORD');
    world.fake.set(world.vault, 'PASSWORD', 'same version, other value');
    await clock.advance(10.7 * hours);
    expect(await read({ previous: first })).toBe(first);
    await clock.advance(1.3 * hours);
    const second = await read({ previous: first });
    expect(texts(second)).toMatchObject({ PASSWORD: 'same version, other value', 'db/url': 'postgres://db' });
    expect([...second.secrets.values()].map(({ readAt }) => readAt)).toEqual([clock.now(), clock.now()]);
    world.fake.resetCounters();
    expect(await read({ previous: second })).toBe(second);
    expect(world.fake.counters).toMatchObject({ requests: 1 });
  });

  test('spread over a tenth of it, in a few groups', async () => {
    const clock = new FakeClock();
    world = await World.start({ clock, secrets: many(100), perMinute: 100_000 });
    const { read } = await world.connect({ config: { rereadAfter: '10h' } });
    let previous = await read();
    await clock.advance(9 * hours - 60_000);
    const unveiled: number[] = [];
    for (let minute = 0; minute < 62; minute++) {
      world.fake.resetCounters();
      previous = await read({ previous });
      unveiled.push(world.fake.counters.unveils);
      await clock.advance(60_000);
    }
    expect(unveiled.reduce((sum, count) => sum + count)).toBe(100);
    expect(Math.max(...unveiled)).toBeLessThan(25);
    expect(unveiled.filter((count) => count > 0).length).toBeLessThanOrEqual(8);
  });

  test('a value that cannot be read again now is unknown, and one that was not come to still holds', async () => {
    const clock = new FakeClock();
    world = await World.start({ clock, secrets: { A: '1', B: '2' } });
    const { read } = await world.connect();
    const previous = await read();
    await clock.advance(12 * hours);
    world.fake.fail({ kind: 'status', status: 429, retryAfter: 30, on: 'unveil' });
    const snapshot = await read({ previous });
    expect(texts(snapshot)).toEqual({ B: '2' });
    expect(codes(snapshot)).toEqual({ A: 'RATE_LIMITED' });
    expect(texts(await read({ previous: snapshot }))).toEqual({ A: '1', B: '2' });
  });
});

test('a certificate of an own authority is trusted when it is given as `ca`', async () => {
  const tls = selfSignedCertificate();
  world = await World.start({ tls });
  expect(texts(await (await world.connect({ ca: tls.cert })).read())).toMatchObject({ PASSWORD: VALUE });
});
