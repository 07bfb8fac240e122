import { inspect } from 'node:util';
import { ProviderError, SecretValue, systemClock } from '@hikyaku/core';
import type { Clock, ProviderContext, ProviderErrorCode, SecretChange, WriteResult } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import { createContext } from '@hikyaku/provider-testing';
import { settled } from '@hikyaku/provider-utils/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { dopplerConfig } from './doppler-config.ts';
import doppler from './index.ts';
import { startFakeDoppler } from './testing/index.ts';
import type { FakeDoppler, FakeFault, FakeFaultKind } from './testing/index.ts';

const SECRETS = '/v3/configs/config/secrets';
const NAMES = `${SECRETS}/names`;
const VALUE = 'correct-horse-battery';

let fake: FakeDoppler;
let token: string;
let opened: AsyncDisposableStack;

beforeEach(async () => {
  opened = new AsyncDisposableStack();
  fake = opened.use(await startFakeDoppler());
  fake.addConfig('homelab', 'prd', { OLD: 'old', OTHER: 'other' });
  token = fake.serviceToken('homelab', 'prd', { access: 'read/write' });
});
afterEach(() => opened.disposeAsync());

interface ConnectOptions {
  readonly dispatcher?: ProviderContext['dispatcher'];
  readonly config?: object;
  readonly clock?: Clock;
  readonly credential?: (refused: string | undefined) => string;
}

async function connect({
  config = {},
  clock = systemClock,
  credential = () => token,
  dispatcher,
}: ConnectOptions = {}) {
  const context = opened.use(createContext({ clock, credentials: { token: credential } }));
  const settings = dopplerConfig.parse({ url: fake.url, ...config });
  const client = await doppler.connect(settings, { ...context, ...(dispatcher && { dispatcher }) });
  const options = { signal: AbortSignal.timeout(30_000) };
  return {
    read: async (previous?: Awaited<ReturnType<typeof client.read>>) =>
      client.read({ ...options, all: true, refs: [], progress() {}, ...(previous && { previous }) }),
    list: async () => client.list?.(options),
    write: async (changes: readonly SecretChange[], more = options) => (await client.write?.(changes, more)) ?? [],
    logged: context.logged,
    budgets: context.budgets,
  };
}

/** What the config holds now, seen by another client. */
async function held(): Promise<Readonly<Record<string, string | undefined>>> {
  const reader = fake.serviceToken('homelab', 'prd');
  const { read } = await connect({ credential: () => reader });
  return Object.fromEntries([...(await read()).secrets].map(([name, { value }]) => [name, value.text()]));
}

function put(name: string, value: string | Uint8Array = VALUE, ifVersion?: string | null): SecretChange {
  return { name, value: SecretValue.of(value), ...(ifVersion !== undefined && { ifVersion }) };
}

function codes(results: readonly WriteResult[]): readonly (string | undefined)[] {
  return results.map(({ error }) => error?.code);
}

function posts(): number {
  return fake.requests.filter(({ method }) => method === 'POST').length;
}

test('the list has the names, without versions and without what Doppler adds', async () => {
  expect(await (await connect()).list()).toEqual([{ name: 'OLD' }, { name: 'OTHER' }]);
  const { list } = await connect({ config: { managedSecrets: true, project: 'homelab', config: 'prd' } });
  expect(await list()).toContainEqual({ name: 'DOPPLER_CONFIG' });
  expect(fake.requests.map(({ path, query }) => [path, query])).toEqual([
    [NAMES, {}],
    [NAMES, { project: 'homelab', config: 'prd' }],
  ]);
});

test.each<[FakeFaultKind, ProviderErrorCode]>([
  ['not-json', 'INVALID_RESPONSE'],
  ['text', 'INVALID_RESPONSE'],
  ['list', 'INVALID_RESPONSE'],
  ['nested', 'INVALID_RESPONSE'],
  ['empty', 'INVALID_RESPONSE'],
  ['nulls', 'INVALID_RESPONSE'],
  ['half-json', 'INVALID_RESPONSE'],
  ['403', 'FORBIDDEN'],
])('a list that meets %s is %s, not a shorter list', async (kind, code) => {
  fake.fail({ kind, path: NAMES });
  await expect((await connect()).list()).rejects.toMatchObject({ code });
});

test('all changes travel by one request, after one that reads the names, and each has its result', async () => {
  const { write } = await connect({ config: { project: 'homelab', config: 'prd' } });
  const changes: SecretChange[] = [
    put('NEW', VALUE, null),
    { name: 'OLD', remove: true },
    put('OTHER', 'changed'),
    put('EMPTY', ''),
  ];
  expect(await write(changes)).toEqual([{ name: 'NEW' }, { name: 'OLD' }, { name: 'OTHER' }, { name: 'EMPTY' }]);
  expect(fake.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([`GET ${NAMES}`, `POST ${SECRETS}`]);
  expect(await held()).toEqual({ NEW: VALUE, OTHER: 'changed', EMPTY: '' });
});

test('without a condition or a removal nothing is read', async () => {
  expect(await (await connect()).write([put('NEW')])).toEqual([{ name: 'NEW' }]);
  expect(fake.counters.byPath).toEqual({ [SECRETS]: 1 });
});

test('text arrives as it is', async () => {
  const { write } = await connect();
  const texts = ['  a\r\nb\n', '\uFEFF飛脚 🏯', '"\\ \u0000', '$HOME ${ } $(x)', 'ü'.repeat(25_000)];
  expect(codes(await write(texts.map((value, number) => put(`T${number}`, value))))).toEqual(
    texts.map(() => undefined),
  );
  expect(Object.values(await held()).slice(2)).toEqual(texts);
});

test.each<[string, SecretChange, ProviderErrorCode, RegExp]>([
  ['a lower-case name', put('lower'), 'INVALID_CONFIG', /"lower".*upper-case letters/],
  ['a name that begins with a digit', put('1ST'), 'INVALID_CONFIG', /"1ST"/],
  ['an empty name', put(''), 'INVALID_CONFIG', /""/],
  ['a name of 201 characters', put('N'.repeat(201)), 'INVALID_CONFIG', /at most 200/],
  ['a name of Doppler itself', put('DOPPLER_CONFIG'), 'INVALID_CONFIG', /DOPPLER_CONFIG is kept by Doppler itself/],
  ['its removal', { name: 'DOPPLER_PROJECT', remove: true }, 'INVALID_CONFIG', /DOPPLER_PROJECT/],
  ['bytes that are no text', put('BINARY', Uint8Array.of(0xff, 0xfe)), 'UNSUPPORTED', /BINARY.*base64/],
  ['a reference', put('URL', 'postgres://${USER}@db'), 'UNSUPPORTED', /URL.*another secret/],
  ['a reference to another project', put('URL', '${a.b-c.USER}'), 'UNSUPPORTED', /URL.*another secret/],
  ['a name that must not exist, and does', put('OLD', VALUE, null), 'CONFLICT', /OLD.*does not exist, and it does/],
  ['a version', put('OLD', VALUE, '7'), 'UNSUPPORTED', /keeps no versions: OLD/],
  ['a removal of a version', { name: 'OLD', remove: true, ifVersion: '7' }, 'UNSUPPORTED', /keeps no versions: OLD/],
])('%s is an error of its change, and the others are made', async (_, change, code, message) => {
  const results = await (await connect()).write([put('FIRST'), change, put('LAST')]);
  expect(results.map(({ name }) => name)).toEqual(['FIRST', change.name, 'LAST']);
  expect(codes(results)).toEqual([undefined, code, undefined]);
  expect(results[1]?.error?.message).toMatch(message);
  expect(await held()).toEqual({ OLD: 'old', OTHER: 'other', FIRST: VALUE, LAST: VALUE });
  expect(posts()).toBe(1);
});

test('where nothing can be made, nothing is sent', async () => {
  await (await connect()).write([put('lower'), put('A', VALUE, '1')]);
  expect(await (await connect()).write([])).toEqual([]);
  expect(fake.counters.requests).toBe(0);
});

test('what is not there is removed without a word to Doppler, and a condition holds for removals too', async () => {
  const { write } = await connect();
  const results = await write([
    { name: 'NONE', remove: true },
    { name: 'NONE_EITHER', remove: true, ifVersion: null },
    { name: 'OLD', remove: true, ifVersion: null },
  ]);
  expect(codes(results)).toEqual([undefined, undefined, 'CONFLICT']);
  expect(posts()).toBe(0);
});

test('a name that comes twice is changed twice, in order', async () => {
  const { write } = await connect();
  const results = await write([
    put('A', '1', null),
    put('B', '2'),
    put('A', '3', null),
    { name: 'B', remove: true },
    { name: 'A', remove: true },
    put('A', '4', null),
  ]);
  expect(results.map(({ name }) => name).join('')).toBe('ABABAA');
  expect(codes(results)).toEqual([undefined, undefined, 'CONFLICT', undefined, undefined, undefined]);
  expect(await held()).toMatchObject({ A: '4' });
  expect(await held()).not.toHaveProperty('B');
});

test('one value that Doppler refuses does not keep the others from being written', async () => {
  const { write } = await connect();
  const large = 'plain words '.repeat(5000);
  const changes = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H'].map((name) => put(name, name === 'F' ? large : name));
  const results = await write(changes);
  expect(codes(results).flatMap((code, index) => (code === undefined ? [] : [`${index} ${code}`]))).toEqual([
    '5 INVALID_CONFIG',
  ]);
  expect(results[5]?.error?.message).toMatch(
    /^Doppler refused the change of the config of the token \(400 .*is too large/,
  );
  expect(results[5]?.error?.message).not.toMatch(/plain|words/);
  expect(Object.keys(await held())).toEqual(['A', 'B', 'C', 'D', 'E', 'G', 'H', 'OLD', 'OTHER']);
  expect(posts()).toBeLessThanOrEqual(7);
});

test('the token of another config is found out by two requests, however many the changes are', async () => {
  fake.addConfig('homelab', 'dev');
  const { write } = await connect({ config: { project: 'homelab', config: 'dev' } });
  const results = await write(['A', 'B', 'C', 'D'].map((name) => put(name)));
  expect(new Set(codes(results))).toEqual(new Set(['INVALID_CONFIG']));
  expect(fake.counters.byPath).toEqual({ [SECRETS]: 1, [NAMES]: 1 });
});

test('a token that may only read is FORBIDDEN, and the message asks for one that may write', async () => {
  const reader = fake.serviceToken('homelab', 'prd');
  const { write } = await connect({ credential: () => reader });
  const [result] = await write([put('NEW')]);
  expect(result?.error).toMatchObject({
    code: 'FORBIDDEN',
    message: expect.stringMatching(/let this token write.*service token.*read\/write/),
  });
  expect(await held()).not.toHaveProperty('NEW');
});

test.each<[FakeFaultKind, ProviderErrorCode]>([
  ['401', 'UNAUTHENTICATED'],
  ['403', 'FORBIDDEN'],
  ['404', 'NOT_FOUND'],
  ['400', 'INVALID_CONFIG'],
  ['429', 'RATE_LIMITED'],
])('%s is a result %s: nothing was changed', async (kind, code) => {
  const { write } = await connect();
  fake.fail({ kind, times: 9, retryAfter: 42 });
  expect(codes(await write([put('NEW'), put('OLD')]))).toEqual([code, code]);
  fake.clearFaults();
  expect(await held()).toEqual({ OLD: 'old', OTHER: 'other' });
});

test('names that cannot be read are the error of those changes that depend on them', async () => {
  const { write } = await connect();
  fake.fail({ kind: '403', path: NAMES });
  const results = await write([put('NEW', VALUE, null), { name: 'OLD', remove: true }, put('OTHER')]);
  expect(codes(results)).toEqual(['FORBIDDEN', 'FORBIDDEN', undefined]);
  expect(await held()).toEqual({ OLD: 'old', OTHER: VALUE });
});

test.each<FakeFault>(
  (
    [
      '500',
      '502-html',
      'reset',
      'hang',
      'truncate',
      'half-json',
      'not-json',
      'text',
      'list',
      'empty',
      '302',
      '304',
    ] as const
  ).flatMap((kind) => [
    { kind, applied: true },
    { kind, applied: false },
  ]),
)('$kind (applied: $applied) leaves open what was done: write rejects, and sends nothing again', async (fault) => {
  const clock = new FakeClock();
  const { write, logged } = await connect({ clock });
  fake.fail({ ...fault, times: 9 });
  const error = await settled(write([put('NEW'), put('OLD')]), clock, fault.kind === 'hang' ? 1000 : 100);
  expect(error).toMatchObject({
    name: 'ProviderError',
    code: 'UNAVAILABLE',
    message: expect.stringMatching(/has not confirmed.*the config of the token.*read before you try again/),
  });
  expect(fake.counters.byPath).toEqual({ [SECRETS]: 1 });
  for (const text of [inspect(error, { depth: 9, showHidden: true }), inspect(logged, { depth: 9 })]) {
    expect(text).not.toContain(token);
    expect(text).not.toContain(VALUE);
  }
  fake.clearFaults();
  const done = fault.applied === true && !fault.kind.startsWith('3');
  expect(await held()).toMatchObject({ OLD: done ? VALUE : 'old' });
});

test('a removal alone is not confirmed by a page of somebody else', async () => {
  const { write } = await connect();
  fake.fail({ kind: 'not-json', path: SECRETS });
  await expect(write([{ name: 'OLD', remove: true }])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});

test.each<FakeFault>([{ kind: '429' }, { kind: '400', data: { isRetryable: true } }])(
  'a short $kind is got over within one write',
  async (fault) => {
    const clock = new FakeClock();
    const { write } = await connect({ clock });
    fake.fail(fault);
    expect(await settled(write([put('NEW')]), clock)).toEqual([{ name: 'NEW' }]);
  },
);

test('a refused token is asked for again once, also for a write', async () => {
  const fresh = fake.serviceToken('homelab', 'prd', { access: 'read/write' });
  fake.revoke(token);
  const { write } = await connect({ credential: (refused) => (refused === undefined ? token : fresh) });
  expect(await write([put('NEW')])).toEqual([{ name: 'NEW' }]);
});

test('a read after a write is a download, not what was held before', async () => {
  const { read, write } = await connect();
  const before = await read();
  expect(await read(before)).toBe(before);
  await write([put('OLD', 'new')]);
  fake.resetCounters();
  const after = await read(before);
  expect(after.secrets.get('OLD')?.value.text()).toBe('new');
  expect(fake.requests[0]?.headers).not.toHaveProperty('if-none-match');
  expect(await read(after)).toBe(after);
  expect(fake.counters).toMatchObject({ downloads200: 1, notModified304: 1 });
});

test('a read after a write that was not confirmed is a download too', async () => {
  const { read, write } = await connect();
  const before = await read();
  fake.fail({ kind: '502-html' });
  await expect(write([put('OLD', 'new')])).rejects.toThrow('has not confirmed');
  // What a cache between here and Doppler could still say.
  fake.fail({ kind: '304' });
  await expect(read(before)).rejects.toMatchObject({ code: 'INVALID_RESPONSE' });
  expect((await read(before)).secrets.get('OLD')?.value.text()).toBe('new');
});

test('a read that began before the write ended does not count as one after it', async () => {
  const { read, write } = await connect();
  const before = await read();
  fake.fail({ kind: 'slow', path: `${SECRETS}/download` });
  const [during] = await Promise.all([read(before), write([put('OLD', 'new')])]);
  fake.resetCounters();
  expect((await read(during)).secrets.get('OLD')?.value.text()).toBe('new');
  expect(fake.requests[0]?.headers).not.toHaveProperty('if-none-match');
});

test('writes have a budget of their own', async () => {
  const { write, list, read, budgets } = await connect();
  await write([put('NEW')]);
  await list();
  await read();
  const [writes, names, reads] = budgets;
  expect(writes).toMatch(/^doppler [\w-]{22} writes 60$/);
  expect(reads).toMatch(/^doppler [\w-]{22} 120$/);
  expect(names).toBe(reads);
});

test('writes slow down before Doppler’s limit is reached, and reads do not with them', async () => {
  const clock = new FakeClock();
  const limited = opened.use(await startFakeDoppler({ clock, limits: { writes: 24 } }));
  limited.addConfig('homelab', 'prd');
  const key = limited.serviceToken('homelab', 'prd', { access: 'read/write' });
  const { write, read } = await connect({ clock, config: { url: limited.url }, credential: () => key });
  for (let count = 0; count < 28; count++)
    expect(await settled(write([put('COUNT', String(count))]), clock, 250)).toEqual([{ name: 'COUNT' }]);
  expect(limited.counters).toMatchObject({ requests: 28, errors: 0 });
  const start = clock.now();
  await read();
  expect(clock.now()).toBe(start);
});

test.each([['before anything is sent'], ['while Doppler is silent']])(
  'an abort %s rejects with its reason',
  async (when) => {
    const { write } = await connect();
    const stop = new AbortController();
    const reason = new Error('stopped');
    if (when.startsWith('before')) stop.abort(reason);
    else setTimeout(() => stop.abort(reason), 30);
    fake.fail({ kind: 'hang' });
    await expect(write([{ name: 'OLD', remove: true }], { signal: stop.signal })).rejects.toBe(reason);
    expect(posts()).toBe(0);
  },
);

test('a missing credential is a result: nothing was sent', async () => {
  const { write } = await connect({ credential: () => '' });
  const [result] = await write([put('NEW')]);
  expect(result?.error?.code).toBe('INVALID_CONFIG');
  expect(fake.counters.requests).toBe(0);
});

test('what the agent lets nobody reach is a result: nothing was sent', async () => {
  const { dispatcher } = opened.use(createContext());
  const refusing = dispatcher.compose(() => (_options, _handler) => {
    throw new ProviderError('FORBIDDEN', 'not there');
  });
  const { write } = await connect({ dispatcher: refusing });
  expect(codes(await write([put('NEW')]))).toEqual(['FORBIDDEN']);
});
