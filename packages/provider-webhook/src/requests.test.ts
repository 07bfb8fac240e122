import { SecretValue } from '@hikyaku/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connect } from './connect.test.kit.ts';
import type { Connected } from './connect.test.kit.ts';
import { startFakeService } from './testing/index.ts';
import type { FakeService } from './testing/index.ts';

const hostile = 'a"b\\c\n</x>&y=z${name}飛';
let fake: FakeService;
let opened: AsyncDisposableStack;

beforeEach(async () => {
  opened = new AsyncDisposableStack();
  fake = opened.use(await startFakeService({ secrets: { DB: 'x', 'a/b': 'y' } }));
});
afterEach(() => opened.disposeAsync());

async function open(config: object): Promise<Connected> {
  return opened.use(await connect({ url: fake.url, ...config }));
}

async function post(operation: object, value: string | Uint8Array = hostile) {
  fake.answerWith('/write', { status: 200, body: '' });
  const { client } = await open({
    read: { url: '/${name}' },
    write: { method: 'POST', url: '/write?n=${name}', ...operation },
  });
  const signal = AbortSignal.timeout(5000);
  const results = await client.write?.([{ name: 'DB', value: SecretValue.of(value) }], { signal });
  return { sent: fake.posted.at(-1), error: results?.[0]?.error };
}

test('what an operation asks with is what is sent, and says who asks', async () => {
  const { get } = await open({
    read: {
      url: '/secrets/${name}?a=1',
      query: { b: '2', version: '${version}' },
      headers: { Accept: 'application/json', 'X-Plain': 'for ${name}' },
      result: '$.data.value',
    },
  });
  expect(await get('DB')).toBe('x');
  expect(fake.requests).toEqual([
    {
      method: 'GET',
      path: '/api/secrets/DB?a=1&b=2',
      headers: expect.objectContaining({
        accept: 'application/json',
        'x-plain': 'for DB',
        'accept-encoding': 'identity',
        'user-agent': expect.stringMatching(/^hikyaku\//),
      }),
      status: 200,
    },
  ]);
});

test('a name with a slash is one segment of the path', async () => {
  const { get } = await open({ read: { url: '/secrets/${name}', result: '$.data.value' } });
  expect(await get('a/b')).toBe('y');
  expect(fake.requests[0]?.path).toBe('/api/secrets/a%2Fb');
});

test.each(['..', '.'])('the name %j is unknown, and nothing is sent', async (name) => {
  const { get } = await open({ read: { url: '/secrets/${name}' } });
  expect(await get(name)).toBe('INVALID_CONFIG');
  expect(fake.requests).toEqual([]);
});

test.each(['a\r\nX-Evil: 1', 'a\0b', 'a\nb', '飛脚', ' a', 'a\x7f'])(
  'the name %j does not reach a header',
  async (name) => {
    const { read } = await open({ read: { url: '/secrets/${name}', headers: { 'X-Name': '${name}' } } });
    const { unknown } = await read({ refs: [{ name }] });
    expect(unknown?.get(name)).toMatchObject({
      code: 'INVALID_CONFIG',
      message: expect.stringContaining('the header x-name'),
    });
    expect(fake.requests).toEqual([]);
  },
);

test('a value in a JSON body is a JSON string, whatever is in it', async () => {
  const { sent } = await post({
    body: { v: '${value}', list: ['<${value}>', 1, true, null], deep: { name: '${name}' } },
  });
  expect(sent?.contentType).toBe('application/json');
  expect(JSON.parse(sent?.body ?? '')).toEqual({
    v: hostile,
    list: [`<${hostile}>`, 1, true, null],
    deep: { name: 'DB' },
  });
});

test('a value in a form is one field', async () => {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const { sent } = await post({ headers, body: { v: '${value}', name: '${name}' } });
  expect(Object.fromEntries(new URLSearchParams(sent?.body))).toEqual({ v: hostile, name: 'DB' });
});

test('a body that is one variable is the value, byte for byte', async () => {
  const { sent } = await post({ headers: { 'content-type': 'application/json' }, body: '${value}' });
  expect(sent).toEqual({ contentType: 'application/json', body: hostile });
});

test('plain text has values within', async () => {
  const { sent } = await post({ headers: { 'content-type': 'text/plain; charset=utf-8' }, body: '${name}=${value}' });
  expect(sent?.body).toBe(`DB=${hostile}`);
});

test('bytes that are no text go as base64, or as the whole body; never changed', async () => {
  const bytes = Uint8Array.of(0, 255, 254, 10);
  expect(JSON.parse((await post({ body: { v: '${valueBase64}' } }, bytes)).sent?.body ?? '')).toEqual({
    v: 'AP/+Cg==',
  });
  fake.resetRequests();
  const { error } = await post({ body: { v: '${value}' } }, bytes);
  expect(error).toMatchObject({ code: 'UNSUPPORTED', message: expect.stringContaining('valueBase64') });
  expect(fake.requests).toEqual([]);
});

test('a read may be a POST', async () => {
  fake.answerWith('/search', { status: 200, headers: { 'content-type': 'application/json' }, body: '{"found":["v"]}' });
  const { get } = await open({
    read: { method: 'POST', url: '/search', body: { query: { name: '${name}' } }, result: '$.found[0]' },
  });
  expect(await get('DB')).toBe('v');
  expect(JSON.parse(fake.posted[0]?.body ?? '')).toEqual({ query: { name: 'DB' } });
});

test('requests keep to a budget of the account, where there is one', async () => {
  const { get, context } = await open({ requestsPerMinute: 60, read: { url: '/secrets/${name}' } });
  await get('DB');
  expect(context.budgets).toEqual([expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+ [\w-]{22} 60$/)]);
});
