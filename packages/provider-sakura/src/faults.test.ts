import { inspect } from 'node:util';
import { ProviderError } from '@hikyaku/core';
import type { ProviderErrorCode } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { codes, many, settled, texts, VALUE, World } from './sakura.test.kit.ts';
import type { Connection } from './sakura.test.kit.ts';
import type { FakeFault } from './testing/index.ts';

let world: World;
afterEach(() => world[Symbol.asyncDispose]());

const flavours: readonly [string, { readonly mock: boolean }][] = [
  ['the service', { mock: false }],
  ["the vendor's mock", { mock: true }],
];

/** Nothing that a person can see holds the API key or a value. */
function expectNoLeak(shown: unknown, { context: { logged } }: Connection): void {
  for (const text of [
    inspect(shown, { depth: 9, showHidden: true }),
    shown instanceof Error ? String(shown.stack) : '',
    JSON.stringify([shown, logged]),
    inspect(logged, { depth: 9 }),
  ]) {
    for (const hidden of [world.key.accessToken, world.key.accessTokenSecret, VALUE, 'leak'])
      expect(text).not.toContain(hidden);
  }
}

interface Expected {
  readonly code: ProviderErrorCode;
  readonly attempts: number;
}

function always(code: ProviderErrorCode, attempts = 1): Expected {
  return { code, attempts };
}

const anywhere: readonly [FakeFault, Expected][] = [
  [{ kind: 'status', status: 401 }, always('UNAUTHENTICATED')],
  [{ kind: 'status', status: 403 }, always('FORBIDDEN')],
  [{ kind: 'status', status: 408 }, always('UNAVAILABLE', 3)],
  [{ kind: 'status', status: 409 }, always('UNAVAILABLE', 3)],
  [{ kind: 'status', status: 423 }, always('UNAVAILABLE', 3)],
  [{ kind: 'status', status: 429 }, always('RATE_LIMITED', 3)],
  [{ kind: 'status', status: 429, retryAfter: 1 }, always('RATE_LIMITED', 3)],
  [{ kind: 'status', status: 429, retryAfter: 42 }, always('RATE_LIMITED', 1)],
  [{ kind: 'status', status: 500 }, always('UNAVAILABLE', 3)],
  [{ kind: 'status', status: 503 }, always('UNAVAILABLE', 3)],
  [{ kind: 'page', status: 502 }, always('UNAVAILABLE', 3)],
  [{ kind: 'redirect' }, always('INVALID_RESPONSE', 3)],
  [{ kind: 'page', status: 204 }, always('INVALID_RESPONSE', 3)],
  [{ kind: 'page' }, always('INVALID_RESPONSE')],
  [{ kind: 'hang' }, always('UNAVAILABLE', 3)],
  [{ kind: 'reset' }, always('UNAVAILABLE', 3)],
  [{ kind: 'reset-after' }, always('UNAVAILABLE', 3)],
  [{ kind: 'truncate' }, always('UNAVAILABLE', 3)],
  [{ kind: 'half-json' }, always('INVALID_RESPONSE')],
  [{ kind: 'empty' }, always('INVALID_RESPONSE')],
  [{ kind: 'array' }, always('INVALID_RESPONSE')],
  [{ kind: 'text' }, always('INVALID_RESPONSE')],
  [{ kind: 'wrong-types' }, always('INVALID_RESPONSE')],
  [{ kind: 'nulls' }, always('INVALID_RESPONSE')],
  [{ kind: 'huge' }, always('INVALID_RESPONSE', 3)],
];

const ofLists: readonly [FakeFault, Expected][] = [
  [{ kind: 'status', status: 400 }, always('INVALID_CONFIG')],
  [{ kind: 'status', status: 404 }, always('NOT_FOUND')],
  [{ kind: 'page', status: 404 }, always('NOT_FOUND')],
  [{ kind: 'short-list' }, always('INVALID_RESPONSE')],
  [{ kind: 'twice' }, always('INVALID_RESPONSE')],
];

const ofUnveils: readonly [FakeFault, Expected][] = [
  [{ kind: 'status', status: 400 }, always('FORBIDDEN')],
  [{ kind: 'status', status: 404 }, always('FORBIDDEN')],
  [{ kind: 'page', status: 404 }, always('FORBIDDEN')],
  [{ kind: 'wrong-name' }, always('INVALID_RESPONSE')],
];

const named = ([fault, expected]: readonly [FakeFault, Expected]) =>
  [Object.values(fault).join(' '), fault, expected] as const;

describe.each(flavours)('%s', (_, options) => {
  test.each([...anywhere, ...ofLists].map(named))(
    'list: %s fails the read, nothing is absent, and the next read recovers',
    async (_name, fault, { code, attempts }) => {
      const clock = new FakeClock();
      world = await World.start({ ...options, clock });
      const connection = await world.connect();
      const { read } = connection;
      const previous = await read();
      world.fake.resetCounters();

      world.fake.fail({ ...fault, times: attempts, on: 'list', message: `it says leak ${VALUE}` });
      const error = await settled(read({ previous }), clock, fault.kind === 'hang' ? 1000 : 250);
      expect(error).toMatchObject({ name: 'ProviderError', code });
      expect(world.fake.counters.requests).toBe(attempts);
      expectNoLeak(error, connection);

      await clock.advance(60_000);
      expect(await read({ previous })).toBe(previous);
    },
  );

  test.each([...anywhere, ...ofUnveils].map(named))(
    'unveil: %s makes that secret unknown, others keep their values, and the next read recovers',
    async (_name, fault, { code, attempts }) => {
      const clock = new FakeClock();
      world = await World.start({ ...options, clock });
      const connection = await world.connect();
      const { read } = connection;
      const previous = await read();
      world.fake.set(world.vault, 'PASSWORD', 'changed');
      world.fake.resetCounters();

      world.fake.fail({ ...fault, times: attempts, on: 'unveil', message: `it says leak ${VALUE}` });
      const snapshot = await settled(read({ previous }), clock, fault.kind === 'hang' ? 1000 : 250);
      if (!isSnapshot(snapshot)) throw snapshot;
      expect(texts(snapshot)).toEqual({ 'db/url': 'postgres://db' });
      expect(codes(snapshot)).toEqual({ PASSWORD: code });
      expect(world.fake.counters.unveils).toBe(attempts);
      expectNoLeak([...(snapshot.unknown?.values() ?? [])], connection);

      await clock.advance(60_000);
      expect(texts(await read({ previous: snapshot }))).toEqual({ PASSWORD: 'changed', 'db/url': 'postgres://db' });
    },
  );
});

function isSnapshot(outcome: unknown): outcome is Awaited<ReturnType<Connection['read']>> {
  return typeof outcome === 'object' && outcome !== null && 'secrets' in outcome;
}

test.each<FakeFault>([
  { kind: 'status', status: 503, times: 2 },
  { kind: 'status', status: 423 },
  { kind: 'status', status: 429, retryAfter: 3 },
  { kind: 'reset' },
  { kind: 'slow' },
])('a short $kind $status is got over within one read', async (fault) => {
  const clock = new FakeClock();
  world = await World.start({ clock });
  const { read } = await world.connect();
  world.fake.fail({ ...fault, on: 'list' });
  world.fake.fail({ ...fault, on: 'unveil' });
  expect(await settled(read(), clock)).toMatchObject({ secrets: { size: 2 } });
});

test('a part of a list is asked for the rest, and a list that stays short fails', async () => {
  world = await World.start();
  const { read } = await world.connect();
  const previous = await read();
  world.fake.fail({ kind: 'part-of-list', on: 'list' });
  expect(await read({ previous })).toBe(previous);
  expect(world.fake.requests.at(-2)?.query).toEqual({ From: '1', Count: '100' });

  world.fake.fail({ kind: 'part-of-list', on: 'list', times: 2 });
  await expect(read({ previous })).rejects.toMatchObject({
    code: 'INVALID_RESPONSE',
    message: expect.stringContaining('ends before it is complete'),
  });
});

test('a deletion between two parts of a list does not hide what it shifts', async () => {
  world = await World.start({ secrets: many(40), pageSize: 30 });
  const { read } = await world.connect();
  const previous = await read();
  world.fake.beforeNext('list', () => {
    // Before the second part: S30 moves into the first one, and the count is made up for.
    world.fake.beforeNext('list', () => {
      world.fake.remove(world.vault, 'S0');
      world.fake.set(world.vault, 'S40', 'new');
    });
  });
  const snapshot = await read({ previous });
  expect(snapshot.secrets.has('S30')).toBe(true);
  expect(snapshot.secrets.has('S40')).toBe(true);
  // In one of the two lists: gone only when the next read does not see it either.
  expect(snapshot.secrets.has('S0')).toBe(true);
  expect((await read({ previous: snapshot })).secrets.has('S0')).toBe(false);
});

test('an empty list of a vault that is gone is NOT_FOUND, also where the list itself does not say so', async () => {
  world = await World.start({ mock: true });
  const { read } = await world.connect();
  const previous = await read();
  world.fake.removeVault(world.vault);
  await expect(read({ previous })).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('deleted between list and unveil: absent only because a second list proves it', async () => {
  world = await World.start();
  const { read } = await world.connect();
  world.fake.beforeNext('unveil', () => world.fake.remove(world.vault, 'PASSWORD'));
  const snapshot = await read();
  expect(texts(snapshot)).toEqual({ 'db/url': 'postgres://db' });
  expect(snapshot.unknown).toBeUndefined();
  expect(world.fake.counters).toMatchObject({ lists: 2 });

  world.fake.set(world.vault, 'MORE', '1');
  world.fake.beforeNext('unveil', () => {
    world.fake.remove(world.vault, 'MORE');
    world.fake.fail({ kind: 'status', status: 400, on: 'list' });
  });
  const next = await read({ previous: snapshot });
  expect(texts(next)).toEqual({ 'db/url': 'postgres://db' });
  expect(codes(next)).toEqual({ MORE: 'PENDING' });
});

test('while throttled, no second list is asked for', async () => {
  world = await World.start();
  const { read } = await world.connect();
  world.fake.beforeNext('unveil', () => world.fake.remove(world.vault, 'PASSWORD'));
  world.fake.fail({ kind: 'status', status: 429, retryAfter: 42, on: 'unveil', secret: 'db/url' });
  expect(codes(await read())).toEqual({ PASSWORD: 'PENDING', 'db/url': 'RATE_LIMITED' });
  expect(world.fake.counters).toMatchObject({ lists: 1, unveils: 2 });
});

test('a vault that is deleted between list and unveil leaves everything unknown', async () => {
  world = await World.start();
  const { read } = await world.connect();
  world.fake.beforeNext('unveil', () => world.fake.removeVault(world.vault));
  expect(codes(await read())).toEqual({ PASSWORD: 'PENDING', 'db/url': 'PENDING' });
  await expect(read()).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('made again between list and unveil is pending, not refused', async () => {
  world = await World.start();
  const { read } = await world.connect();
  world.fake.fail({ kind: 'status', status: 404, on: 'unveil', secret: 'PASSWORD' });
  world.fake.beforeNext('unveil', () => world.fake.set(world.vault, 'PASSWORD', 'changed'));
  const snapshot = await read();
  expect(codes(snapshot)).toEqual({ PASSWORD: 'PENDING' });
  expect(texts(await read({ previous: snapshot }))).toMatchObject({ PASSWORD: 'changed' });
});

test('a version that moves between list and unveil: value and version belong together', async () => {
  world = await World.start();
  const { read } = await world.connect();
  world.fake.beforeNext('unveil', () => world.fake.set(world.vault, 'PASSWORD', 'quicker'));
  const snapshot = await read();
  expect(texts(snapshot)).toMatchObject({ PASSWORD: 'quicker' });
  expect(snapshot.secrets.get('PASSWORD')?.version).toBe('2');
  expect(await read({ previous: snapshot })).toBe(snapshot);
});

test.each([400, 403, 404, 409, 500])(
  'a KMS key that is gone (%i) leaves every value unknown, with few requests, and all come back with it',
  async (status) => {
    const clock = new FakeClock();
    world = await World.start({ clock, secrets: many(20) });
    const { read } = await world.connect();
    world.fake.deleteKmsKey(world.vault, status);
    const snapshot = await settled(read(), clock);
    if (!isSnapshot(snapshot)) throw snapshot;
    expect(snapshot.secrets.size).toBe(0);
    expect(snapshot.unknown?.size).toBe(20);
    expect([...(snapshot.unknown?.values() ?? [])].some(({ code }) => code !== 'PENDING')).toBe(true);
    expect(world.fake.counters.requests).toBeLessThanOrEqual(10);
    world.fake.restoreKmsKey(world.vault);
    expect(texts(await read({ previous: snapshot }))).toEqual(many(20));
  },
);

test('one secret that is refused takes no other with it', async () => {
  world = await World.start({ secrets: many(5) });
  const { read } = await world.connect();
  world.fake.fail({ kind: 'status', status: 403, on: 'unveil', secret: 'S1', times: Number.POSITIVE_INFINITY });
  const snapshot = await read();
  expect(codes(snapshot)).toEqual({ S1: 'FORBIDDEN' });
  expect(snapshot.secrets.size).toBe(4);
  world.fake.resetCounters();
  expect(await read({ previous: snapshot })).toBe(snapshot);
  expect(world.fake.counters).toMatchObject({ lists: 1, unveils: 1 });
});

test('a refused value names the remedy and SAKURA’s word, never its sentence', async () => {
  world = await World.start();
  const { read } = await world.connect();
  world.fake.deleteKmsKey(world.vault);
  const snapshot = await read();
  expect(codes(snapshot)).toEqual({ PASSWORD: 'FORBIDDEN', 'db/url': 'FORBIDDEN' });
  expect(snapshot.unknown?.get('PASSWORD')?.message).toContain(
    '(400 kms_key_unavailable). Check in the control panel that the KMS key',
  );
});

test('three secrets in a row that fail end the read; the next one begins with the others', async () => {
  const clock = new FakeClock();
  world = await World.start({ clock, secrets: many(6) });
  const { read } = await world.connect();
  for (const secret of ['S0', 'S1', 'S2'])
    world.fake.fail({ kind: 'half-json', on: 'unveil', secret, times: Number.POSITIVE_INFINITY });
  const first = await read();
  expect(codes(first)).toEqual({
    S0: 'INVALID_RESPONSE',
    S1: 'INVALID_RESPONSE',
    S2: 'INVALID_RESPONSE',
    S3: 'PENDING',
    S4: 'PENDING',
    S5: 'PENDING',
  });
  const second = await read({ previous: first });
  expect(Object.keys(texts(second))).toEqual(['S3', 'S4', 'S5']);
  world.fake.clearFaults();
  expect(texts(await read({ previous: second }))).toEqual(many(6));
});

test('a refused API key is asked for again once, and the fresh one is used', async () => {
  world = await World.start();
  const fresh = world.fake.addKey();
  const asked: (string | undefined)[] = [];
  const { read } = await world.connect({
    credentials: {
      accessToken(refused) {
        asked.push(refused);
        return refused === undefined ? world.key.accessToken : fresh.accessToken;
      },
      accessTokenSecret: (refused) => (refused === undefined ? world.key.accessTokenSecret : fresh.accessTokenSecret),
    },
  });
  world.fake.revokeKey(world.key.accessToken);
  expect(texts(await read({ all: false, refs: [{ name: 'PASSWORD' }] }))).toEqual({ PASSWORD: VALUE });
  expect(asked).toEqual([undefined, world.key.accessToken, undefined, world.key.accessToken]);
});

test('a refused API key without a fresh one is UNAUTHENTICATED after one request', async () => {
  world = await World.start();
  const { read } = await world.connect();
  world.fake.revokeKey(world.key.accessToken);
  await expect(read()).rejects.toMatchObject({
    code: 'UNAUTHENTICATED',
    message: expect.stringContaining('(401 unauthorized)'),
  });
  expect(world.fake.counters.requests).toBe(1);
});

test.each([
  ['accessToken', ''],
  ['accessToken', 'a:b'],
  ['accessToken', 'two words'],
  ['accessTokenSecret', ' \n'],
  ['accessTokenSecret', 'ä'],
])('%s %j is no part of an API key, and nothing is sent', async (field, text) => {
  world = await World.start();
  const { read } = await world.connect({ credentials: { [field]: text } });
  await expect(read()).rejects.toMatchObject({ code: 'INVALID_CONFIG', message: expect.stringContaining(field) });
  expect(world.fake.counters.requests).toBe(0);
});

test('the line break at the end of a file is not part of the key', async () => {
  world = await World.start();
  const { accessToken, accessTokenSecret } = world.key;
  const { read } = await world.connect({
    credentials: { accessToken: `${accessToken}\n`, accessTokenSecret: `${accessTokenSecret}\r\n` },
  });
  expect((await read()).secrets.size).toBe(2);
});

test('an aborted read rejects with the reason of its signal, wherever it is', async () => {
  world = await World.start();
  const { read } = await world.connect();
  for (const on of ['list', 'unveil'] as const) {
    world.fake.fail({ kind: 'hang', on });
    const stop = new AbortController();
    const reason = new ProviderError('PENDING', 'stopped');
    world.fake.beforeNext(on, () => setTimeout(() => stop.abort(reason), 20));
    await expect(read({ signal: stop.signal })).rejects.toBe(reason);
  }
});
