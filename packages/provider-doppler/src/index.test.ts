import { inspect } from 'node:util';
import { ProviderError, refId, systemClock } from '@hikyaku/core';
import type { Clock, ProviderErrorCode, ReadRequest, Snapshot } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import { createContext } from '@hikyaku/provider-testing';
import { listen, selfSignedCertificate, settled } from '@hikyaku/provider-utils/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { dopplerConfig } from './doppler-config.ts';
import doppler from './index.ts';
import { startFakeDoppler } from './testing/index.ts';
import type { FakeDoppler, FakeFault } from './testing/index.ts';

const VALUE = 'correct-horse-battery';
let fake: FakeDoppler;
let token: string;
let opened: AsyncDisposableStack;

beforeEach(async () => {
  opened = new AsyncDisposableStack();
  fake = opened.use(await startFakeDoppler());
  fake.addConfig('homelab', 'prd', { PASSWORD: VALUE, URL: 'postgres://ann:${PASSWORD}@db' });
  token = fake.serviceToken('homelab', 'prd');
});
afterEach(() => opened.disposeAsync());

interface ConnectOptions {
  readonly config?: object;
  readonly clock?: Clock;
  readonly credential?: (refused: string | undefined) => string;
  readonly ca?: string;
}

async function connect({ config = {}, clock = systemClock, credential = () => token, ca }: ConnectOptions = {}) {
  const credentials = { token: (refused: string | undefined) => credential(refused) };
  const context = opened.use(createContext({ clock, credentials, ...(ca !== undefined && { ca }) }));
  const client = await doppler.connect(dopplerConfig.parse({ url: fake.url, ...config }), context);
  const read = (request: Partial<ReadRequest> = {}): Promise<Snapshot> =>
    client.read({ all: true, refs: [], signal: AbortSignal.timeout(30_000), progress() {}, ...request });
  return { read, logged: context.logged, budgets: context.budgets };
}

function texts(snapshot: Snapshot): Record<string, string | undefined> {
  return Object.fromEntries([...snapshot.secrets].map(([name, { value }]) => [name, value.text()]));
}

test('the whole config is read by one request, without what Doppler adds', async () => {
  const { read } = await connect();
  expect(texts(await read())).toEqual({ PASSWORD: VALUE, URL: `postgres://ann:${VALUE}@db` });
  expect(fake.requests).toMatchObject([
    {
      path: '/v3/configs/config/secrets/download',
      query: { format: 'json', include_dynamic_secrets: 'false' },
      headers: {
        accept: 'application/json',
        'user-agent': expect.stringMatching(/^hikyaku\/\d/),
        authorization: 'Bearer [token]',
      },
    },
  ]);
});

test('a configured project and config are sent, and the managed names are kept when wanted', async () => {
  const { read } = await connect({ config: { project: 'homelab', config: 'prd', managedSecrets: true } });
  expect(texts(await read())).toMatchObject({
    DOPPLER_PROJECT: 'homelab',
    DOPPLER_CONFIG: 'prd',
    DOPPLER_ENVIRONMENT: 'prd',
  });
  expect(fake.requests[0]?.query).toMatchObject({ project: 'homelab', config: 'prd' });
});

test('a 304 returns the previous snapshot itself, and a change is seen', async () => {
  const { read } = await connect();
  const first = await read();
  expect(await read({ previous: first })).toBe(first);
  expect(await read({ previous: first })).toBe(first);
  fake.set('homelab', 'prd', 'PASSWORD', 'changed');
  const second = await read({ previous: first });
  expect(texts(second)).toMatchObject({ PASSWORD: 'changed', URL: 'postgres://ann:changed@db' });
  expect(await read({ previous: second })).toBe(second);
  expect(fake.counters).toMatchObject({ requests: 5, downloads200: 2, notModified304: 3, errors: 0 });
});

test('a removed secret is gone from the next snapshot', async () => {
  const { read } = await connect();
  const previous = await read();
  fake.remove('homelab', 'prd', 'URL');
  expect(texts(await read({ previous }))).toEqual({ PASSWORD: VALUE });
});

test('a request for other names is answered by a 304 from memory', async () => {
  const { read } = await connect();
  const { secrets } = await read();
  // The engine takes the revision off when "unchanged" would not answer the request.
  const part = new Map([...secrets].slice(0, 1));
  const snapshot = await read({ all: false, refs: [{ name: 'URL' }], previous: { secrets: part } });
  expect(texts(snapshot)).toHaveProperty('URL');
  expect(snapshot.revision).toBeDefined();
  expect(fake.counters).toMatchObject({ downloads200: 1, notModified304: 1 });
});

test('a restart with the stored snapshot costs one 304', async () => {
  const before = await connect();
  const { secrets, revision = '' } = await before.read();
  const stored: Snapshot = { secrets: new Map([...secrets].slice(0, 1)), revision };
  const after = await connect();
  expect(await after.read({ previous: stored })).toBe(stored);
  expect(await after.read({ previous: stored })).toBe(stored);
  expect(fake.counters).toMatchObject({ downloads200: 1, notModified304: 2 });
});

test.each<[string, ConnectOptions]>([
  ['another token', { credential: () => fake.serviceToken('homelab', 'prd') }],
  ['a project that was named meanwhile', { config: { project: 'homelab', config: 'prd' } }],
  ['managed secrets', { config: { managedSecrets: true } }],
])('a stored revision is not used with %s', async (_, options) => {
  const { secrets, revision = '' } = await (await connect()).read();
  const other = await connect(options);
  await other.read({ previous: { secrets, revision } });
  expect(fake.counters).toMatchObject({ downloads200: 2, notModified304: 0 });
});

test.each(['', 'x', 'W/"x"', `${'a'.repeat(22)} W/"x"`, `${'a'.repeat(22)} x\r\ny: z`])(
  'the revision %j of somebody else is not used',
  async (revision) => {
    const { read } = await connect();
    expect(texts(await read({ previous: { secrets: new Map(), revision } }))).toHaveProperty('PASSWORD', VALUE);
    expect(fake.requests[0]?.headers).not.toHaveProperty('if-none-match');
  },
);

test('equal content in a 200 returns the previous snapshot itself', async () => {
  const { secrets, revision = '' } = await (await connect()).read();
  const stored: Snapshot = { secrets, revision };
  const another = fake.serviceToken('homelab', 'prd');
  const { read } = await connect({ credential: () => another });
  expect(await read({ previous: stored })).toBe(stored);
  expect(await read({ previous: stored })).toBe(stored);
  expect(fake.counters).toMatchObject({ downloads200: 2, notModified304: 1 });
});

test('a 304 that fits nothing held is asked again without condition, and never guessed', async () => {
  const { read } = await connect();
  const previous = await read();
  fake.set('homelab', 'prd', 'PASSWORD', 'changed');
  fake.fail({ kind: '304' });
  expect(texts(await read({ previous }))).toHaveProperty('PASSWORD', 'changed');

  fake.fail({ kind: '304' });
  await expect((await connect()).read()).rejects.toMatchObject({
    code: 'INVALID_RESPONSE',
    message: expect.stringContaining('304'),
  });
});

test('a ref with a version and a managed name are unknown, with the reason, and the rest is read', async () => {
  const { read } = await connect();
  const refs = [{ name: 'PASSWORD' }, { name: 'PASSWORD', version: '3' }, { name: 'DOPPLER_CONFIG' }];
  const snapshot = await read({ all: false, refs });
  expect(snapshot.secrets.has('PASSWORD')).toBe(true);
  expect(snapshot.unknown?.get(refId({ name: 'PASSWORD', version: '3' }))).toMatchObject({
    code: 'UNSUPPORTED',
    message: expect.stringContaining('keeps no versions to pin'),
  });
  expect(snapshot.unknown?.get('DOPPLER_CONFIG')).toMatchObject({
    code: 'INVALID_CONFIG',
    message: expect.stringContaining('managedSecrets'),
  });
  expect(snapshot.revision).toBeUndefined();
  expect(await read({ all: false, refs, previous: snapshot })).toBe(snapshot);
  expect((await read({ previous: snapshot })).unknown).toBeUndefined();
});

test('a stored snapshot does not stand in for what it could not know', async () => {
  const { secrets, revision = '' } = await (await connect()).read();
  const { read } = await connect();
  const snapshot = await read({ refs: [{ name: 'PASSWORD', version: '3' }], previous: { secrets, revision } });
  expect(snapshot.unknown?.size).toBe(1);
});

test('restricted values are unknown to a personal token, and a 304 keeps them so', async () => {
  fake.set('homelab', 'prd', 'PIN', '1234', { visibility: 'restricted' });
  const personal = fake.personalToken();
  const { read } = await connect({ config: { project: 'homelab', config: 'prd' }, credential: () => personal });
  const snapshot = await read();
  expect(texts(snapshot)).toHaveProperty('PASSWORD', VALUE);
  expect(snapshot.secrets.has('PIN')).toBe(false);
  expect(snapshot.unknown?.get('PIN')?.code).toBe('FORBIDDEN');
  expect(await read({ previous: snapshot })).toBe(snapshot);
  expect(fake.counters.notModified304).toBe(1);
});

test.each<[FakeFault['kind'], ProviderErrorCode, number]>([
  ['500', 'UNAVAILABLE', 3],
  ['502-html', 'UNAVAILABLE', 3],
  ['429', 'RATE_LIMITED', 3],
  ['reset', 'UNAVAILABLE', 3],
  ['truncate', 'UNAVAILABLE', 3],
  ['hang', 'UNAVAILABLE', 3],
  ['302', 'INVALID_RESPONSE', 3],
  ['huge', 'INVALID_RESPONSE', 3],
  ['half-json', 'INVALID_RESPONSE', 1],
  ['not-json', 'INVALID_RESPONSE', 1],
  ['text', 'INVALID_RESPONSE', 1],
  ['list', 'INVALID_RESPONSE', 1],
  ['nested', 'INVALID_RESPONSE', 1],
  ['empty', 'INVALID_RESPONSE', 1],
  ['400', 'INVALID_CONFIG', 1],
  ['401', 'UNAUTHENTICATED', 1],
  ['403', 'FORBIDDEN', 1],
  ['404', 'NOT_FOUND', 1],
])('%s is %s after %i attempts; the last snapshot holds and the next read recovers', async (kind, code, attempts) => {
  const clock = new FakeClock();
  const { read, logged } = await connect({ clock });
  const previous = await read();
  fake.resetCounters();

  fake.fail({ kind, times: attempts });
  const error = await settled(read({ previous }), clock, kind === 'hang' ? 1000 : 100);
  expect(error).toMatchObject({ name: 'ProviderError', code });
  expect(fake.counters.requests).toBe(attempts);
  expect(texts(previous)).toHaveProperty('PASSWORD', VALUE);

  await clock.advance(10_000);
  expect(await read({ previous })).toBe(previous);
  expect(fake.counters.notModified304).toBe(1);

  const stackOf = error instanceof Error ? error.stack : '';
  for (const text of [
    inspect(error, { depth: 9, showHidden: true }),
    stackOf,
    JSON.stringify(error),
    JSON.stringify(logged),
    inspect(logged),
  ]) {
    expect(text).not.toContain(token);
    expect(text).not.toContain(VALUE);
  }
});

test.each<FakeFault>([
  { kind: '500', times: 2 },
  { kind: 'reset' },
  { kind: '429' },
  { kind: '400', data: { isRetryable: true } },
  { kind: 'slow' },
])('a short $kind is got over within one read', async (fault) => {
  const clock = new FakeClock();
  const { read } = await connect({ clock });
  fake.fail(fault);
  expect(await settled(read(), clock)).toMatchObject({ secrets: expect.any(Map) });
});

test('nulls make every value unknown and lose none', async () => {
  const { read } = await connect();
  const previous = await read();
  fake.fail({ kind: 'nulls' });
  const snapshot = await read({ previous });
  expect(snapshot.secrets.size).toBe(0);
  expect([...(snapshot.unknown ?? [])].map(([name, error]) => [name, error.code])).toEqual([
    ['PASSWORD', 'FORBIDDEN'],
    ['URL', 'FORBIDDEN'],
  ]);
});

test('a retry-after of more than 10 s is left to the caller', async () => {
  const { read } = await connect();
  fake.fail({ kind: '429', retryAfter: 42 });
  await expect(read()).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 42_000 });
  expect(fake.counters.requests).toBe(1);
});

test('it slows down before the limit is reached, so that no request is refused', async () => {
  const clock = new FakeClock();
  const limited = opened.use(await startFakeDoppler({ clock, limits: { secretReads: 40 } }));
  limited.addConfig('homelab', 'prd');
  const key = limited.serviceToken('homelab', 'prd');
  const { read } = await connect({ clock, config: { url: limited.url }, credential: () => key });
  const start = clock.now();
  for (let count = 0; count < 45; count++) {
    expect(await settled(read(), clock, 250)).toHaveProperty('secrets');
  }
  expect(limited.counters).toMatchObject({ requests: 45, errors: 0 });
  expect(clock.now() - start).toBeGreaterThan(50_000);
});

test('every attempt takes from the budget of the account, which is not the token', async () => {
  const clock = new FakeClock();
  const { read, budgets } = await connect({ clock });
  fake.fail({ kind: '500' });
  await settled(read(), clock);
  expect(budgets).toHaveLength(2);
  expect(new Set(budgets).size).toBe(1);
  expect(budgets[0]).toMatch(/^doppler [\w-]{22} 120$/);
  expect(budgets[0]).not.toContain(token);
});

test('a refused token is asked for again once, and the fresh one is used', async () => {
  const refusals: (string | undefined)[] = [];
  const fresh = fake.serviceToken('homelab', 'prd');
  let current = token;
  const { read } = await connect({
    credential(refused) {
      refusals.push(refused);
      if (refused !== undefined) current = fresh;
      return current;
    },
  });
  const previous = await read();
  fake.revoke(token);
  expect(await read({ previous })).toBe(previous);
  expect(refusals).toEqual([undefined, undefined, token]);
  expect(await read({ previous })).toBe(previous);
  expect(fake.counters).toMatchObject({ errors: 1, downloads200: 2, notModified304: 1 });
});

test('a refused token without a fresh one, and a fresh one that is refused too, are UNAUTHENTICATED', async () => {
  fake.revoke(token);
  await expect((await connect()).read()).rejects.toMatchObject({
    code: 'UNAUTHENTICATED',
    message: expect.stringContaining('401 Invalid Auth token'),
  });
  expect(fake.counters.requests).toBe(1);
  const { read } = await connect({
    credential: (refused) => (refused === undefined ? token : 'dp.st.prd.also-unknown'),
  });
  await expect(read()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  expect(fake.counters.requests).toBe(3);
});

test('the line break at the end of a token file is not part of the token', async () => {
  expect(texts(await (await connect({ credential: () => `${token}\n` })).read())).toHaveProperty('PASSWORD');
});

test.each(['', ' \n', 'dp.st.a\ndp.st.b', 'dp.st.ä'])('%j is not a token, and nothing is sent', async (text) => {
  await expect((await connect({ credential: () => text })).read()).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
  expect(fake.counters.requests).toBe(0);
});

test('the error of a missing credential comes through', async () => {
  const { read } = await connect({
    credential() {
      throw new ProviderError('INVALID_CONFIG', 'DOPPLER_TOKEN is not set');
    },
  });
  await expect(read()).rejects.toThrow('DOPPLER_TOKEN is not set');
});

test('a mixed-up token is found by Doppler, and by the answer when the server is not so strict', async () => {
  fake.addConfig('homelab', 'dev', { PASSWORD: 'dev' });
  const wrong = fake.serviceToken('homelab', 'dev');
  const { read } = await connect({ config: { project: 'homelab', config: 'prd' }, credential: () => wrong });
  await expect(read()).rejects.toMatchObject({
    code: 'INVALID_CONFIG',
    message: expect.stringContaining('project homelab config prd'),
  });

  await using lenient = await listen((_, response) => {
    response
      .setHeader('content-type', 'application/json')
      .end('{"DOPPLER_PROJECT":"homelab","DOPPLER_CONFIG":"dev","A":"1"}');
  });
  const other = await connect({ config: { url: lenient.url, project: 'homelab', config: 'prd' } });
  await expect(other.read()).rejects.toMatchObject({
    code: 'INVALID_CONFIG',
    message: expect.stringContaining('the token opens project homelab config dev'),
  });
});

test('a personal token without a project is told to name one', async () => {
  const personal = fake.personalToken();
  await expect((await connect({ credential: () => personal })).read()).rejects.toMatchObject({
    code: 'INVALID_CONFIG',
    message: expect.stringMatching(/You must specify a project.*set `project` and `config`/),
  });
});

test('many reads use one connection, also after refusals', async () => {
  const { read } = await connect();
  const previous = await read();
  for (let count = 0; count < 20; count++) {
    fake.fail({ kind: '403' });
    await expect(read({ previous })).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(await read({ previous })).toBe(previous);
  }
  expect(fake.counters).toMatchObject({ connections: 1, notModified304: 20, downloads200: 1 });
});

test('sources do not disturb each other', async () => {
  const configs = ['a', 'b', 'c', 'd'];
  const reads = await Promise.all(
    configs.map(async (config) => {
      fake.addConfig('other', config, { NAME: config });
      const key = fake.serviceToken('other', config);
      return connect({ credential: () => key });
    }),
  );
  fake.fail({ kind: '403', config: 'b' });
  const outcomes = await Promise.allSettled(reads.map(({ read }) => read()));
  expect(outcomes.map((outcome) => (outcome.status === 'fulfilled' ? texts(outcome.value)['NAME'] : 'failed'))).toEqual(
    ['a', 'failed', 'c', 'd'],
  );
});

test('an abort ends a hanging read at once, with its reason', async () => {
  const { read } = await connect();
  fake.fail({ kind: 'hang' });
  const controller = new AbortController();
  const result = read({ signal: controller.signal });
  setTimeout(() => controller.abort(new Error('stopped')), 30);
  const start = performance.now();
  await expect(result).rejects.toThrow('stopped');
  expect(performance.now() - start).toBeLessThan(1000);
});

test('an unknown certificate says to set `ca`, and is trusted with it', async () => {
  const tls = selfSignedCertificate();
  const secure = opened.use(await startFakeDoppler({ tls }));
  secure.addConfig('homelab', 'prd', { A: '1' });
  const key = secure.serviceToken('homelab', 'prd');
  const clock = new FakeClock();
  const options = { config: { url: secure.url, ca: tls.cert }, credential: () => key, clock };
  expect(await settled((await connect(options)).read(), clock)).toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('`ca`'),
  });
  expect(texts(await (await connect({ ...options, ca: tls.cert })).read())).toEqual({ A: '1' });
});

test('each answer is logged with a constant message and without name or value', async () => {
  const { read, logged } = await connect();
  await read({ previous: await read() });
  const line = { level: 'debug', message: 'doppler answered' };
  const fields = { attempt: 1, requestId: expect.any(String) };
  expect(logged).toEqual([
    { ...line, fields: { ...fields, status: 200, cached: false, remaining: '119' } },
    { ...line, fields: { ...fields, status: 304, cached: true, remaining: '118' } },
  ]);
});

test('a revision holds neither the token nor a value', async () => {
  const { revision } = await (await connect()).read();
  expect(revision).toMatch(/^[\w-]{22} W\/"[0-9a-f]{64}"$/);
});
