import type { Snapshot } from '@hikyaku/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { codes, connect, texts } from './connect.test.kit.ts';
import type { Connected, ConnectOptions } from './connect.test.kit.ts';
import { startFakeService } from './testing/index.ts';
import type { FakeService } from './testing/index.ts';

let fake: FakeService;
let opened: AsyncDisposableStack;

beforeEach(async () => {
  opened = new AsyncDisposableStack();
  fake = opened.use(await startFakeService({ secrets: { DB: 'x', CACHE: 'y', MAIL: 'z' } }));
});
afterEach(() => opened.disposeAsync());

const items = { url: '/secrets', result: '$.items', name: '$.name', value: '$.value', version: '$.version' };
const pages = { ...items, query: { limit: '2', cursor: '${next}' }, next: '$.next', total: '$.total' };
const one = { url: '/secrets/${name}', query: { version: '${version}' }, result: '$.data.value' };

async function open(readAll: object = items, more: object = {}, options: ConnectOptions = {}): Promise<Connected> {
  return opened.use(await connect({ url: fake.url, readAll, ...more }, options));
}

async function readOf(body: unknown, readAll: object): Promise<Snapshot> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  fake.answerWith('/custom', { status: 200, headers: { 'content-type': 'application/json' }, body: text });
  return await (await open({ url: '/custom', ...readAll })).read({ all: true });
}

test('a list of items, with their versions', async () => {
  const { read, client } = await open();
  const snapshot = await read({ all: true });
  expect(texts(snapshot)).toEqual({ DB: 'x', CACHE: 'y', MAIL: 'z' });
  expect(snapshot.secrets.get('CACHE')?.version).toBe('2');
  expect(await client.list?.({ signal: AbortSignal.timeout(5000) })).toEqual([
    { name: 'DB', version: '1' },
    { name: 'CACHE', version: '2' },
    { name: 'MAIL', version: '3' },
  ]);
});

test('a mapping of names to values, which arrive as they were written', async () => {
  const snapshot = await readOf('{"A":"b","N":1.50,"B":true,"L":[1, 2.0],"X":null,"__proto__":"p"}', {});
  expect(texts(snapshot)).toEqual(
    Object.fromEntries([
      ['A', 'b'],
      ['N', '1.50'],
      ['B', 'true'],
      ['L', '[1,2.0]'],
      ['__proto__', 'p'],
    ]),
  );
  expect(codes(snapshot)).toEqual({ X: 'INVALID_RESPONSE' });
  expect(snapshot.revision).toBeUndefined();
});

test('one request for any number of names', async () => {
  const { read } = await open();
  expect(texts(await read({ refs: [{ name: 'DB' }, { name: 'NONE' }] }))).toHaveProperty('DB', 'x');
  expect(fake.requests).toHaveLength(1);
});

test.each([
  ['a mapping where a list belongs', { items: { DB: 'x' } }, { result: '$.items', name: '$.name', value: '$.value' }],
  ['an error where a list belongs', { error: 'no' }, { result: '$.items', name: '$.name', value: '$.value' }],
  ['a list where a mapping belongs', ['DB', 'CACHE'], {}],
  ['text', '"DB=x"', {}],
  ['null', 'null', {}],
  ['an item without a name', [{ name: 'DB', value: 'x' }, { value: 'y' }], { name: '$.name', value: '$.value' }],
  [
    'a name twice',
    [
      { name: 'DB', value: 'x' },
      { name: 'DB', value: 'y' },
    ],
    { name: '$.name', value: '$.value' },
  ],
  ['an empty name', { '': 'x' }, {}],
  [
    'fewer than there are',
    { items: [], total: 1 },
    { result: '$.items', name: '$.name', value: '$.value', total: '$.total' },
  ],
  ['no total', { items: [] }, { result: '$.items', name: '$.name', value: '$.value', total: '$.total' }],
  [
    'the same page for ever',
    { items: [], next: 'a' },
    { result: '$.items', name: '$.name', value: '$.value', next: '$.next', query: { c: '${next}' } },
  ],
  [
    'a cursor that is none',
    { items: [], next: {} },
    { result: '$.items', name: '$.name', value: '$.value', next: '$.next', query: { c: '${next}' } },
  ],
])('%s: the read fails, for what is not there would count as gone', async (_, body, readAll) => {
  await expect(readOf(body, readAll)).rejects.toMatchObject({ code: 'INVALID_RESPONSE' });
});

test('an empty list is an empty list', async () => {
  expect((await readOf({ items: [] }, { result: '$.items', name: '$.name', value: '$.value' })).secrets.size).toBe(0);
});

test('an item without a value is unknown, the others are read', async () => {
  const snapshot = await readOf([{ name: 'DB' }, { name: 'CACHE', value: 'y' }], { name: '$.name', value: '$.value' });
  expect(texts(snapshot)).toEqual({ CACHE: 'y' });
  expect(codes(snapshot)).toEqual({ DB: 'INVALID_RESPONSE' });
});

test('404 is no proof that everything is gone', async () => {
  const { read } = await open({ ...items, url: '/nothing-here' });
  await expect(read({ all: true })).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('all pages are read', async () => {
  const { read } = await open(pages);
  const first = await read({ all: true });
  expect(texts(first)).toEqual({ DB: 'x', CACHE: 'y', MAIL: 'z' });
  expect(fake.requests.map(({ path }) => path)).toEqual(['/api/secrets?limit=2', '/api/secrets?limit=2&cursor=2']);
  expect(await read({ all: true, previous: first })).toBe(first);
});

test('a page that fails fails the read', async () => {
  const { read } = await open(pages);
  fake.fail({ kind: 403, times: 9, path: '/api/secrets?limit=2&cursor' });
  await expect(read({ all: true })).rejects.toMatchObject({ code: 'FORBIDDEN' });
});

test('a page that lost an item fails the read', async () => {
  const { read } = await open(pages);
  fake.fail({ kind: 'short-list' });
  await expect(read({ all: true })).rejects.toMatchObject({
    code: 'INVALID_RESPONSE',
    message: expect.stringContaining('of 3'),
  });
});

test('one page of several, by its `link` header, is an error when nobody said how to go on', async () => {
  const headers = { 'content-type': 'application/json', link: '</api/custom?page=2>; rel="next"' };
  fake.answerWith('/custom', { status: 200, headers, body: '{"A":"b"}' });
  const { read } = await open({ url: '/custom' });
  await expect(read({ all: true })).rejects.toMatchObject({
    code: 'INVALID_RESPONSE',
    message: expect.stringContaining('one page of several'),
  });
});

test('nothing new is a 304: the previous snapshot itself, also after a restart', async () => {
  const { read } = await open();
  const first = await read({ all: true });
  expect(await read({ all: true, previous: first })).toBe(first);
  const { revision = '' } = first;
  const stored = { secrets: new Map([...first.secrets].slice(0, 1)), revision };
  const restarted = await open();
  expect(await restarted.read({ all: true, previous: stored })).toBe(stored);
  expect(await restarted.read({ all: true, previous: stored })).toBe(stored);
  expect(fake.requests.map(({ status }) => status)).toEqual([200, 304, 304, 304]);
  expect(await restarted.client.list?.({ signal: AbortSignal.timeout(5000) })).toHaveLength(3);
  fake.remove('MAIL');
  expect(texts(await restarted.read({ all: true, previous: stored }))).toEqual({ DB: 'x', CACHE: 'y' });
});

test('the ETag is for the account it was given to', async () => {
  const first = await (await open(items, {}, { credentials: { token: 'a' } })).read({ all: true });
  fake.resetRequests();
  await (await open(items, {}, { credentials: { token: 'b' } })).read({ all: true, previous: first });
  expect(fake.requests[0]?.headers).not.toHaveProperty('if-none-match');
});

test.each(['', 'all', 'all x "y"', `all ${'a'.repeat(22)} y`, `all ${'a'.repeat(22)} "y"\r\nx: z`])(
  'the revision %j of somebody else is not used',
  async (revision) => {
    const { read } = await open();
    expect(texts(await read({ all: true, previous: { secrets: new Map(), revision } }))).toHaveProperty('DB', 'x');
  },
);

test('what could not be read is asked for again, though its ETag did not change', async () => {
  fake.setUnreadable('DB');
  const { read } = await open();
  const first = await read({ all: true });
  expect(codes(first)).toEqual({ DB: 'INVALID_RESPONSE' });
  fake.recover();
  expect(texts(await read({ all: true, previous: first }))).toHaveProperty('DB', 'x');
});

test('what is not among everything, and pinned versions, are read one by one where `read` says how', async () => {
  fake.set('DB', 'new');
  fake.answerWith('/secrets', {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: '{"items":[{"name":"DB","value":"new","version":4}]}',
  });
  const refs = [{ name: 'DB' }, { name: 'MAIL' }, { name: 'NONE' }, { name: 'DB', version: '1' }];
  const { read } = await open(items, { read: one });
  const snapshot = await read({ all: true, refs });
  expect(texts(snapshot)).toEqual({ DB: 'new', MAIL: 'z', 'DB\u00001': 'x' });
  expect(await read({ all: true, refs, previous: snapshot })).toBe(snapshot);
  expect(snapshot.unknown).toBeUndefined();
  expect(snapshot.revision).toBeUndefined();

  const alone = await (await open()).read({ all: true, refs });
  expect(codes(alone)).toEqual({ 'DB\u00001': 'UNSUPPORTED' });
});

test('names alone are read one by one where `read` says how', async () => {
  const { read } = await open(items, { read: one });
  expect(texts(await read({ refs: [{ name: 'DB' }] }))).toEqual({ DB: 'x' });
  expect(fake.requests.map(({ path }) => path)).toEqual(['/api/secrets/DB']);
});
