import { inspect } from 'node:util';
import { SecretValue } from '@hikyaku/core';
import type { SecretChange, WriteResult } from '@hikyaku/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connect } from './connect.test.kit.ts';
import { startFakeService } from './testing/index.ts';
import type { FakeService } from './testing/index.ts';

const VALUE = 'correct-horse-battery';
let fake: FakeService;
let opened: AsyncDisposableStack;

beforeEach(async () => {
  opened = new AsyncDisposableStack();
  fake = opened.use(await startFakeService({ secrets: { DB: 'x' } }));
});
afterEach(() => opened.disposeAsync());

const read = { url: '/secrets/${name}', result: '$.data.value' };
const write = { url: '/secrets/${name}', body: { value: '${value}' }, conditional: true };
const remove = { url: '/secrets/${name}', conditional: true };

async function apply(
  changes: readonly SecretChange[],
  config: object = { write, delete: remove },
): Promise<readonly WriteResult[]> {
  const { client } = opened.use(await connect({ url: fake.url, read, ...config }));
  if (client.write === undefined) throw new Error('the config writes');
  return await client.write(changes, { signal: AbortSignal.timeout(10_000) });
}

function put(name: string, ifVersion?: string | null, value: string | Uint8Array = VALUE): SecretChange {
  return { name, value: SecretValue.of(value), ...(ifVersion !== undefined && { ifVersion }) };
}

function stored(name: string): string | undefined {
  const value = fake.valueOf(name);
  return value && Buffer.from(value).toString();
}

test('a secret is made, changed and removed; the version is the ETag of the answer', async () => {
  expect(await apply([put('NEW'), put('DB'), { name: 'NEW', remove: true }])).toEqual([
    { name: 'NEW', version: '"2"' },
    { name: 'DB', version: '"3"' },
    { name: 'NEW' },
  ]);
  expect(fake.names()).toEqual(['DB']);
  expect(stored('DB')).toBe(VALUE);
});

test('bytes go as they are', async () => {
  const bytes = Uint8Array.of(0, 255, 10);
  await apply([put('RAW', undefined, bytes)], {
    write: { url: '/raw/${name}', headers: { 'content-type': 'application/octet-stream' }, body: '${value}' },
  });
  expect([...(fake.valueOf('RAW') ?? [])]).toEqual([...bytes]);
});

test('only what is still as it was is changed', async () => {
  const [changed, stale, exists, made, gone] = await apply([
    put('DB', '"1"'),
    put('DB', '"1"', 'stale'),
    put('DB', null, 'exists'),
    put('NEW', null),
    { name: 'NONE', remove: true, ifVersion: '"1"' },
  ]);
  expect(changed?.error).toBeUndefined();
  expect(made?.error).toBeUndefined();
  expect([stale, exists, gone].map((result) => result?.error?.code)).toEqual(['CONFLICT', 'CONFLICT', 'CONFLICT']);
  expect(stored('DB')).toBe(VALUE);
});

test('without a word that the service obeys conditions, none is pretended: nothing is sent', async () => {
  const config = { write: { ...write, conditional: false }, delete: { ...remove, conditional: false } };
  const results = await apply(
    [put('DB', '"1"'), put('NEW', null), { name: 'DB', remove: true, ifVersion: '"1"' }],
    config,
  );
  expect(results.map(({ error }) => error?.code)).toEqual(['UNSUPPORTED', 'UNSUPPORTED', 'UNSUPPORTED']);
  expect(fake.requests).toEqual([]);
});

test.each(['3', 'W/"1"', '"a"\r\nx: y', ''])('the version %j makes no condition', async (version) => {
  expect((await apply([put('DB', version)]))[0]?.error?.code).toBe('UNSUPPORTED');
  expect(fake.requests).toEqual([]);
});

test('to remove what is not there is no error', async () => {
  expect(await apply([{ name: 'NONE', remove: true }])).toEqual([{ name: 'NONE' }]);
});

test.each<[string, object, SecretChange]>([
  ['written', { delete: remove }, put('DB')],
  ['removed', { write }, { name: 'DB', remove: true }],
])('what cannot be %s says so', async (_, config, change) => {
  expect((await apply([change], config))[0]?.error?.code).toBe('UNSUPPORTED');
  expect(fake.requests).toEqual([]);
});

test('one that is refused leaves the others applied', async () => {
  fake.fail({ kind: 403, path: '/api/secrets/B' });
  const results = await apply(['A', 'B', 'C'].map((name) => put(name)));
  expect(results.map(({ error }) => error?.code)).toEqual([undefined, 'FORBIDDEN', undefined]);
  expect(fake.names()).toEqual(['DB', 'A', 'C']);
});

test.each([
  [400, 'INVALID_CONFIG'],
  [401, 'UNAUTHENTICATED'],
  [404, 'NOT_FOUND'],
  [409, 'CONFLICT'],
  [429, 'RATE_LIMITED'],
] as const)('%i is %s of that change', async (kind, code) => {
  fake.fail({ kind });
  const [result] = await apply([put('DB')]);
  expect(result?.error?.code).toBe(code);
  expect(inspect(result, { depth: 9 })).not.toContain(VALUE);
  expect(stored('DB')).toBe('x');
});

test.each(['reset', '502-html', 500, 503, 202, 'truncate'] as const)(
  'after %s it is not known what was done, so the whole write says so',
  async (kind) => {
    fake.fail({ kind, path: '/api/secrets/A' });
    const error: unknown = await apply([put('A'), put('B')]).catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: expect.stringMatching(/^(?:UNAVAILABLE|INVALID_RESPONSE)$/) });
    expect(inspect(error, { depth: 9 })).not.toContain(VALUE);
    expect(stored('B')).toBe(VALUE);
    expect(fake.requests).toHaveLength(2);
  },
);

test('the version may be within the answer; an answer without one was a write all the same', async () => {
  expect(await apply([put('DB')], { write: { ...write, version: '$.data.version' } })).toEqual([
    { name: 'DB', version: '2' },
  ]);
  expect(await apply([put('DB')], { write: { ...write, version: '$.other' } })).toEqual([{ name: 'DB' }]);
  expect(await apply([put('DB')], { read: { ...read, version: '$.data.version' }, write })).toEqual([{ name: 'DB' }]);
});
