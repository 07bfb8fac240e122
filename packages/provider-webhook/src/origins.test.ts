import { createServer } from 'node:http';
import { once } from 'node:events';
import { SecretValue } from '@hikyaku/core';
import { listen } from '@hikyaku/provider-utils/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connect } from './connect.test.kit.ts';
import type { ConnectOptions, Connected } from './connect.test.kit.ts';
import { startFakeService } from './testing/index.ts';
import type { FakeService } from './testing/index.ts';

const TOKEN = 'the-token-nobody-else-may-see';
const signal = AbortSignal.timeout(60_000);

let fake: FakeService;
let opened: AsyncDisposableStack;
/** Another origin: what it hears, it should not have heard. */
let heard: string[];
let other: string;

beforeEach(async () => {
  opened = new AsyncDisposableStack();
  fake = opened.use(await startFakeService({ secrets: { DB: 'x' } }));
  heard = [];
  const trap = opened.use(
    await listen((request, response) => {
      heard.push(`${request.url} ${request.headers.authorization}`);
      response.end('caught');
    }),
  );
  other = new URL(trap.url).host;
});
afterEach(() => opened.disposeAsync());

async function open(config: object = {}, options: ConnectOptions = {}): Promise<Connected> {
  const operations = {
    read: { url: '/secrets/${name}', result: '$.data.value' },
    write: { url: '/secrets/${name}', body: { value: '${value}' } },
  };
  return opened.use(
    await connect({ url: fake.url, ...operations, ...config }, { credentials: { token: TOKEN }, ...options }),
  );
}

test.each([301, 302, 303, 307, 308])(
  'a redirect (%i) to another origin is an error that names both, and nothing is sent there',
  async (status) => {
    fake.answerWith('/secrets/DB', { status, headers: { location: `http://${other}/secrets/DB` } });
    const { read } = await open();
    const error = (await read({ refs: [{ name: 'DB' }] })).unknown?.get('DB');
    expect(error).toMatchObject({ code: 'FORBIDDEN' });
    expect(error?.message).toContain(`http://${other}`);
    expect(error?.message).toContain(new URL(fake.url).origin);
    expect(heard).toEqual([]);
  },
);

test.each([
  ['without scheme', (host: string) => `//${host}/x`],
  ['with backslashes', (host: string) => `\\\\${host}\\x`],
  ['with a slash and a backslash', (host: string) => `/\\${host}/x`],
  ['with a tab', (host: string) => `/\t/${host}/x`],
  ['with our host as its user', (host: string) => `http://${new URL(fake.url).hostname}@${host}/x`],
  ['with our host and port as its user', (host: string) => `http://${new URL(fake.url).host}@${host}/x`],
  ['with dots before', (host: string) => `/..//${host}/x/../../..//${host}`],
  ['to a name that is this machine', (host: string) => `http://localhost:${host.split(':')[1]}/x`],
  ['to IPv6', (host: string) => `http://[::1]:${host.split(':')[1]}/x`],
  ['to IPv4 in IPv6', (host: string) => `http://[::ffff:127.0.0.1]:${host.split(':')[1]}/x`],
  ['to https', () => fake.url.replace('http:', 'https:')],
  ['to link-local', () => 'http://169.254.169.254/latest/meta-data'],
  ['to a file', () => 'file:///etc/passwd'],
  ['to data', () => 'data:application/json,{"data":{"value":"evil"}}'],
])('a redirect %s reaches nobody', async (_, location) => {
  fake.answerWith('/secrets/DB', { status: 302, headers: { location: location(other) } });
  const { get } = await open();
  const outcome = await get('DB');
  // A relative one stays at our origin, where there is nothing.
  expect(['FORBIDDEN', 'absent', 'INVALID_RESPONSE']).toContain(outcome);
  expect(heard).toEqual([]);
});

test('a redirect within the origin is followed, without the ETag of another address', async () => {
  const { get, read } = await open({ read: { url: '/moved/secrets/${name}', result: '$.data.value' } });
  expect(await get('DB')).toBe('x');
  const { secrets } = await read({ refs: [{ name: 'DB' }] });
  expect(secrets.get('DB')?.version).toBeUndefined();
  expect(fake.requests.map(({ path }) => path)).toContain('/api/secrets/DB');
});

test('redirects end', async () => {
  fake.answerWith('/secrets/DB', { status: 302, headers: { location: '/api/secrets/DB' } });
  const { get } = await open();
  expect(await get('DB')).toBe('INVALID_RESPONSE');
  expect(fake.requests.length).toBeLessThanOrEqual(3 * 4);
});

test.each([302, 307, 308])(
  'a write is not sent again to where a redirect (%i) points, not even at home',
  async (status) => {
    for (const location of [`http://${other}/secrets/DB`, '/api/secrets/OTHER']) {
      fake.answerWith('/secrets/DB', { status, headers: { location } });
      const { client } = await open();
      const writing = client.write?.([{ name: 'DB', value: SecretValue.of('new') }], { signal });
      await writing?.then(
        (results) => expect(results[0]?.error?.code).toBe('FORBIDDEN'),
        (error: unknown) => expect(error).toMatchObject({ code: 'INVALID_RESPONSE' }),
      );
    }
    expect(heard).toEqual([]);
    expect(fake.names()).toEqual(['DB']);
  },
);

test.each([
  '@HOST/x',
  '//HOST/x',
  '\\\\HOST',
  '/\\HOST',
  'http://HOST/x',
  ':80@HOST',
  '.HOST',
  '/../..//HOST',
  '..%2f..%2f%2fHOST',
  '\t//HOST',
  '/\n/HOST',
  '?x@HOST',
  '#@HOST',
  '%00@HOST',
])('the name %j reaches nobody else', async (pattern) => {
  const name = pattern.replace('HOST', other);
  for (const url of ['/${name}', '/${namePath}', '?q=${name}', '/x/${name}/y?${name}=1']) {
    const { get } = await open({ read: { url, result: '$.data.value' } });
    await get(name);
  }
  expect(heard).toEqual([]);
  for (const { path } of fake.requests) expect(path).toMatch(/^\/api(?:[/?]|$)/);
});

test('what answers from IPv6 is another origin than what answers from IPv4', async () => {
  const six = createServer((_, response) => response.end());
  let hits = 0;
  six.on('request', () => hits++);
  six.listen(0, '::1');
  await once(six, 'listening');
  opened.defer(() => void six.close());
  const address = six.address();
  const port = typeof address === 'object' ? address?.port : 0;
  fake.answerWith('/secrets/DB', { status: 302, headers: { location: `http://[::1]:${port}/` } });
  const { get } = await open();
  expect(await get('DB')).toBe('FORBIDDEN');
  expect(hits).toBe(0);
});
