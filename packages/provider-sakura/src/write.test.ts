import { SecretValue } from '@hikyaku/core';
import type { SecretChange, WriteResult } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { many, settled, texts, VALUE, World } from './sakura.test.kit.ts';
import type { Connection } from './sakura.test.kit.ts';
import type { FakeFault, FakeSakuraOptions } from './testing/index.ts';

let world: World;
afterEach(() => world[Symbol.asyncDispose]());

const text = (value: string | Uint8Array) => SecretValue.of(value);

async function write({ client }: Connection, changes: readonly SecretChange[]): Promise<readonly WriteResult[]> {
  return (await client.write?.(changes, { signal: AbortSignal.timeout(10_000) })) ?? [];
}

/** Names, with the version or the code of each. */
function outcomes(results: readonly WriteResult[]): readonly (readonly [string, string | undefined])[] {
  return results.map(({ name, version, error }) => [name, error?.code ?? version]);
}

describe.each<[string, FakeSakuraOptions]>([
  ['the service', {}],
  ["the vendor's mock", { mock: true }],
  ['numbers as text', { numbersAsText: true }],
])('with %s', (_, options) => {
  test('creates, updates and deletes, in order, and a read sees it', async () => {
    world = await World.start(options);
    const connection = await world.connect();
    const previous = await connection.read();
    const results = await write(connection, [
      { name: 'NEW', value: text('1') },
      { name: 'PASSWORD', value: text('changed\n') },
      { name: 'EMPTY', value: text('') },
      { name: 'db/url', remove: true },
      { name: 'NEW', value: text('2') },
    ]);
    expect(outcomes(results)).toEqual([
      ['NEW', '1'],
      ['PASSWORD', '2'],
      ['EMPTY', '1'],
      ['db/url', undefined],
      ['NEW', '2'],
    ]);
    expect(texts(await connection.read({ previous }))).toEqual({ NEW: '2', PASSWORD: 'changed\n', EMPTY: '' });
    expect(world.fake.counters.errors).toBe(0);
  });

  test('ifVersion: applied while it fits, a conflict otherwise, and the others are applied', async () => {
    world = await World.start(options);
    const connection = await world.connect();
    world.fake.resetCounters();
    const results = await write(connection, [
      { name: 'PASSWORD', value: text('a'), ifVersion: '1' },
      { name: 'PASSWORD', value: text('b'), ifVersion: '1' },
      { name: 'PASSWORD', value: text('c'), ifVersion: '2' },
      { name: 'PASSWORD', value: text('d'), ifVersion: null },
      { name: 'NEW', value: text('e'), ifVersion: '1' },
      { name: 'NEW', value: text('f'), ifVersion: null },
      { name: 'db/url', remove: true, ifVersion: '7' },
      { name: 'db/url', remove: true, ifVersion: '1' },
      { name: 'db/url', value: text('g'), ifVersion: null },
    ]);
    expect(outcomes(results).map(([, outcome]) => outcome)).toEqual([
      '2',
      'CONFLICT',
      '3',
      'CONFLICT',
      'CONFLICT',
      '1',
      'CONFLICT',
      undefined,
      '1',
    ]);
    expect(world.fake.secrets(world.vault).get('PASSWORD')).toEqual({ version: 3, value: 'c' });
    expect(world.fake.counters).toMatchObject({ lists: 1, changes: 5 });
  });

  test('what is not there need not be removed, if the vault is', async () => {
    world = await World.start(options);
    expect(outcomes(await write(await world.connect(), [{ name: 'none', remove: true }]))).toEqual([
      ['none', undefined],
    ]);
    world.fake.removeVault(world.vault);
    const [result] = await write(await world.connect(), [{ name: 'PASSWORD', remove: true }]);
    expect(result?.error?.code).toBe('NOT_FOUND');
  });
});

test('a deletion has a JSON body', async () => {
  world = await World.start();
  await write(await world.connect(), [{ name: 'PASSWORD', remove: true }]);
  expect(world.fake.requests).toMatchObject([
    { method: 'DELETE', secret: 'PASSWORD', status: 204, headers: { 'content-type': 'application/json' } },
  ]);
});

test('what SAKURA cannot keep is refused before anything is sent, and the others are written', async () => {
  world = await World.start();
  const connection = await world.connect();
  const results = await write(connection, [
    { name: 'BINARY', value: text(Uint8Array.of(0xff, 0xfe)) },
    { name: 'TOO_LARGE', value: text('é'.repeat(32_769)) },
    { name: '', value: text('x') },
    { name: 'n'.repeat(256), value: text('x') },
    { name: 'LARGEST', value: text('é'.repeat(32_768)) },
  ]);
  expect(results.map(({ error }) => error?.code)).toEqual([
    'UNSUPPORTED',
    'INVALID_CONFIG',
    'INVALID_CONFIG',
    'INVALID_CONFIG',
    undefined,
  ]);
  expect(world.fake.counters.requests).toBe(1);
});

test('the limit of 100 secrets is FORBIDDEN and not tried again; updates and deletions go on', async () => {
  world = await World.start({ secrets: many(100) });
  const results = await write(await world.connect(), [
    { name: 'ONE_MORE', value: text('x') },
    { name: 'S0', value: text('x') },
    { name: 'S1', remove: true },
    { name: 'ONE_MORE', value: text('x') },
  ]);
  expect(outcomes(results)).toEqual([
    ['ONE_MORE', 'FORBIDDEN'],
    ['S0', '2'],
    ['S1', undefined],
    ['ONE_MORE', '1'],
  ]);
  expect(results[0]?.error?.message).toContain('the limit is 100');
  expect(world.fake.counters.changes).toBe(4);
});

test.each<[FakeFault, string]>([
  [{ kind: 'reset' }, 'b'],
  [{ kind: 'reset-after' }, 'changed'],
  [{ kind: 'truncate' }, 'changed'],
  [{ kind: 'hang' }, 'b'],
  [{ kind: 'half-json' }, 'changed'],
  [{ kind: 'wrong-types' }, 'changed'],
  [{ kind: 'page' }, 'b'],
  [{ kind: 'status', status: 500 }, 'b'],
])('an outcome that is not known ($kind) is said, and nothing is sent again or after it', async (fault, value) => {
  const clock = new FakeClock();
  world = await World.start({ clock, secrets: { A: 'a', B: 'b', C: 'c' } });
  const connection = await world.connect();
  world.fake.fail({ ...fault, on: 'write', secret: 'B', message: VALUE });
  const results = (await settled(
    write(connection, [
      { name: 'A', value: text('changed') },
      { name: 'B', value: text('changed') },
      { name: 'C', value: text('changed') },
    ]),
    clock,
    1000,
  )) as readonly WriteResult[];
  expect(outcomes(results)).toEqual([
    ['A', '2'],
    ['B', 'UNAVAILABLE'],
    ['C', 'UNAVAILABLE'],
  ]);
  expect(results[1]?.error?.message).toContain('read before retrying');
  expect(results[2]?.error?.message).toContain('nothing was sent after it');
  expect(JSON.stringify(results.map(({ error }) => String(error?.stack)))).not.toContain(VALUE);
  expect(world.fake.counters.changes).toBe(2);
  expect([...world.fake.secrets(world.vault).values()].map((secret) => secret.value)).toEqual(['changed', value, 'c']);
});

test.each([423, 429])('%i says that nothing was done, so the write is tried again', async (status) => {
  const clock = new FakeClock();
  world = await World.start({ clock });
  const connection = await world.connect();
  world.fake.fail({ kind: 'status', status, on: 'write', times: 2 });
  const results = (await settled(
    write(connection, [{ name: 'PASSWORD', value: text('x') }]),
    clock,
  )) as readonly WriteResult[];
  expect(outcomes(results)).toEqual([['PASSWORD', '2']]);
});

test('throttled for longer, the rest is not sent and says when to come back', async () => {
  world = await World.start();
  const connection = await world.connect();
  world.fake.fail({ kind: 'status', status: 429, retryAfter: 42, on: 'write' });
  const results = await write(connection, [
    { name: 'PASSWORD', value: text('x') },
    { name: 'OTHER', value: text('x') },
  ]);
  expect(results.map(({ error }) => [error?.code, error?.retryAfterMs])).toEqual([
    ['RATE_LIMITED', 42_000],
    ['RATE_LIMITED', 42_000],
  ]);
  expect(world.fake.counters.changes).toBe(1);
});

test('a change that slips in between the list and the write is overwritten, and that is logged', async () => {
  world = await World.start();
  const connection = await world.connect();
  world.fake.beforeNext('write', () => world.fake.set(world.vault, 'PASSWORD', 'of somebody else'));
  const results = await write(connection, [{ name: 'PASSWORD', value: text('mine'), ifVersion: '1' }]);
  expect(outcomes(results)).toEqual([['PASSWORD', '3']]);
  expect(connection.context.logged).toContainEqual({
    level: 'warn',
    fields: { key: 'PASSWORD', version: 3, expected: 2 },
    message: 'a change that somebody made at the same time was overwritten',
  });
});

test('a list that is older than five seconds proves nothing about a version', async () => {
  const clock = new FakeClock();
  world = await World.start({ clock });
  const connection = await world.connect({
    budget: async (_account, _perMinute, { signal }) => clock.sleep(6000, { signal }),
  });
  await settled(
    write(connection, [
      { name: 'PASSWORD', value: text('a'), ifVersion: '1' },
      { name: 'PASSWORD', value: text('b'), ifVersion: '2' },
    ]),
    clock,
  );
  expect(world.fake.requests.map(({ operation }) => operation)).toEqual(['list', 'write', 'list', 'write']);
});
