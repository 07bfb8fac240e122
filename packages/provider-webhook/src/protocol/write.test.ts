import { inspect } from 'node:util';
import { SecretValue } from '@hikyaku/core';
import type { ProviderErrorCode, SecretChange, WriteResult } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import { listen } from '@hikyaku/provider-utils/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startFakeProtocol } from '../testing/index.ts';
import type { FakeProtocol, FakeProtocolFault } from '../testing/index.ts';
import { connectTo, settled } from './protocol.test.kit.ts';
import type { ProtocolSecretsClient } from './protocol-secrets-client.ts';

const { signal } = new AbortController();
const VALUE = 'correct-horse-battery';
let fake: FakeProtocol;
let opened: AsyncDisposableStack;
let client: ProtocolSecretsClient;
let clock: FakeClock;

beforeEach(async () => {
  opened = new AsyncDisposableStack();
  clock = new FakeClock();
  fake = opened.use(await startFakeProtocol({ secrets: { A: '1', B: '2' } }));
  client = connectTo(fake.url, opened, { clock }).client;
});
afterEach(() => opened.disposeAsync());

function write(...changes: readonly SecretChange[]): Promise<readonly WriteResult[]> {
  return client.write(changes, { signal });
}

function valueOf(name: string): string | undefined {
  const value = fake.valueOf(name);
  return value === undefined ? undefined : Buffer.from(value).toString();
}

const set = (name: string, text: string, more: { readonly ifVersion?: string | null } = {}): SecretChange => ({
  name,
  value: SecretValue.of(text),
  ...more,
});

describe('list', () => {
  test('gives names and versions, and no value travels', async () => {
    expect(await client.list({ signal })).toEqual([
      { name: 'A', version: 'v1' },
      { name: 'B', version: 'v2' },
    ]);
    expect(fake.requests.map(({ path }) => path)).toEqual(['/v1', '/v1/list']);
  });

  test('what is offered is asked once', async () => {
    await client.list({ signal });
    await client.list({ signal });
    await write(set('A', 'x'));
    expect(fake.requests.filter(({ path }) => path === '/v1')).toHaveLength(1);
  });

  test.each(['half-json', 'not-complete', 'no-complete', 'no-secrets', 'twice', 'null-version'] as const)(
    '%s is INVALID_RESPONSE, never a shorter list',
    async (kind) => {
      fake.fail({ kind, path: '/v1/list', times: 3 });
      expect(await settled(client.list({ signal }), clock)).toMatchObject({ code: 'INVALID_RESPONSE' });
    },
  );
});

describe('write', () => {
  test('sets, makes and removes, with one result per change and the new versions', async () => {
    const bytes = SecretValue.of(Uint8Array.of(0, 255));
    expect(await write({ name: 'A', value: bytes }, set('C', ''), { name: 'B', remove: true })).toEqual([
      { name: 'A', version: 'v3' },
      { name: 'C', version: 'v4' },
      { name: 'B' },
    ]);
    expect(fake.valueOf('A')).toEqual(Buffer.of(0, 255));
    expect([valueOf('C'), valueOf('B')]).toEqual(['', undefined]);
  });

  test('a change whose condition does not hold is a CONFLICT, and the others are applied', async () => {
    const results = await write(
      set('A', 'new', { ifVersion: 'v1' }),
      set('A', 'newer', { ifVersion: 'v1' }),
      set('B', 'new', { ifVersion: null }),
      set('C', 'new', { ifVersion: null }),
      { name: 'B', remove: true, ifVersion: 'v1' },
    );
    expect(results.map(({ error }) => error?.code)).toEqual([undefined, 'CONFLICT', 'CONFLICT', undefined, 'CONFLICT']);
    expect([valueOf('A'), valueOf('B'), valueOf('C')]).toEqual(['new', '2', 'new']);
  });

  test('the wait that one change is asked to keep is handed on', async () => {
    fake.setUnreadable('A', { code: 'RATE_LIMITED', retryAfterSeconds: 3 });
    expect(await write(set('A', 'x'), set('B', 'x'))).toMatchObject([
      { name: 'A', error: { code: 'RATE_LIMITED', retryAfterMs: 3000, message: expect.stringContaining('A was not') } },
      { name: 'B', version: 'v4' },
    ]);
  });

  test.each<[FakeProtocolFault['kind'], ProviderErrorCode]>([
    ['500', 'UNAVAILABLE'],
    ['503', 'UNAVAILABLE'],
    ['429', 'RATE_LIMITED'],
    ['403', 'FORBIDDEN'],
    ['501', 'UNSUPPORTED'],
    ['reset', 'UNAVAILABLE'],
    ['truncate', 'UNAVAILABLE'],
    ['half-json', 'INVALID_RESPONSE'],
    ['hang', 'UNAVAILABLE'],
  ])('%s is %s, is sent once only, and quotes nothing', async (kind, code) => {
    fake.fail({ kind, path: '/v1/write' });
    const error = await settled(write(set('A', VALUE)), clock, 5000);
    expect(error).toMatchObject({ code });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(new RegExp(`${VALUE}|${btoa(VALUE)}`));
    expect(fake.requests.filter(({ path }) => path === '/v1/write')).toHaveLength(1);
  });

  test.each<[string, object]>([
    ['too few', { results: [{ name: 'A' }] }],
    ['another order', { results: [{ name: 'B' }, { name: 'A' }] }],
    ['a code that says nothing', { results: [{ name: 'A' }, { name: 'B', error: { code: 'OOPS' } }] }],
    ['null for no error', { results: [{ name: 'A', error: null }, { name: 'B' }] }],
  ])('results that are not one per change (%s) throw: the outcome is unknown', async (_, answer) => {
    const description = { protocol: 'hikyaku', version: 1, offers: ['write'] };
    const service = opened.use(
      await listen((request, response) =>
        response.end(JSON.stringify(request.method === 'GET' ? description : answer)),
      ),
    );
    const other = connectTo(service.url, opened).client;
    await expect(other.write([set('A', '1'), set('B', '1')], { signal })).rejects.toMatchObject({
      code: 'INVALID_RESPONSE',
    });
  });

  test('more than one request may hold is refused before anything is sent', async () => {
    const large = SecretValue.of(Buffer.alloc(4 * 1024 * 1024));
    await expect(write({ name: 'A', value: large })).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    expect(fake.requests.map(({ path }) => path)).toEqual(['/v1']);
  });
});

describe('a service that does not offer it', () => {
  test('is read as a whole for a list, and nothing of it stays', async () => {
    const plain = opened.use(await startFakeProtocol({ offers: ['watch'], secrets: { A: '1', B: '2' } }));
    const { client: other, read } = connectTo(plain.url, opened);
    plain.setUnreadable('B', { code: 'UNAVAILABLE' });
    expect(await other.list({ signal })).toEqual([{ name: 'A', version: 'v1' }, { name: 'B' }]);
    expect(plain.requests.map(({ path }) => path)).toEqual(['/v1', '/v1/read']);
    // A list by a person must not make the agent believe that it has seen a change.
    plain.recover();
    const previous = await read();
    plain.set('A', 'new');
    await other.list({ signal });
    expect(await other.watch({ signal }).next()).toEqual({ done: false, value: undefined });
    expect((await read({ previous })).secrets.get('A')?.value.text()).toBe('new');
  });

  test.each<[FakeProtocolFault['kind'], ProviderErrorCode]>([
    ['501', 'UNSUPPORTED'],
    ['no-complete', 'INVALID_RESPONSE'],
    ['unchanged', 'INVALID_RESPONSE'],
  ])('gives no list when it reads as %s: %s', async (kind, code) => {
    const plain = opened.use(await startFakeProtocol({ offers: [], secrets: { A: '1' } }));
    plain.fail({ kind, path: '/v1/read', times: 3 });
    const { client: other } = connectTo(plain.url, opened, { clock });
    expect(await settled(other.list({ signal }), clock)).toMatchObject({ code });
  });

  test('is not asked to write: UNSUPPORTED, and it is looked at again the next time', async () => {
    const plain = opened.use(await startFakeProtocol({ offers: [] }));
    const { client: other } = connectTo(plain.url, opened);
    await expect(other.write([set('A', '1')], { signal })).rejects.toHaveProperty('code', 'UNSUPPORTED');
    await expect(other.write([set('A', '1')], { signal })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('does not name `write`'),
    });
    expect(plain.requests.map(({ path }) => path)).toEqual(['/v1', '/v1']);
  });

  test.each<[FakeProtocolFault['kind'], ProviderErrorCode]>([
    ['bare-404', 'NOT_FOUND'],
    ['401', 'UNAUTHENTICATED'],
    ['empty', 'INVALID_RESPONSE'],
    ['not-json', 'INVALID_RESPONSE'],
  ])('its description as %s is %s', async (kind, code) => {
    fake.fail({ kind, path: '/v1', times: 3 });
    expect(await settled(client.list({ signal }), clock)).toMatchObject({ code });
  });

  test.each([
    { protocol: 'another', version: 1, offers: [] },
    { protocol: 'hikyaku', version: 2, offers: ['list'] },
    { protocol: 'hikyaku', version: 1 },
  ])('%j is not its description', async (answer) => {
    const service = opened.use(await listen((_, response) => response.end(JSON.stringify(answer))));
    const { client: other } = connectTo(service.url, opened, { clock });
    expect(await settled(other.list({ signal }), clock)).toMatchObject({ code: 'INVALID_RESPONSE' });
  });
});
