import { verifyNotice } from '@hikyaku/provider-utils';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SecretValue } from '@hikyaku/core';
import { testProvider } from '@hikyaku/provider-testing';
import { listen } from '@hikyaku/provider-utils/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import webhook from '../index.ts';
import { buildExample, BUILD_TIMEOUT_MS, EXAMPLE_DIRECTORY } from './example-server.test.kit.ts';
import type { ExampleBuild, ExampleServer } from './example-server.test.kit.ts';
import { connectTo, texts } from './protocol.test.kit.ts';
import type { Connection } from './protocol.test.kit.ts';

const { signal } = new AbortController();
let build: ExampleBuild;
let opened: AsyncDisposableStack;

beforeAll(async () => {
  opened = new AsyncDisposableStack();
  build = opened.use(await buildExample());
}, BUILD_TIMEOUT_MS);
afterAll(() => opened.disposeAsync());

async function start(...options: Parameters<ExampleBuild['start']>): Promise<ExampleServer> {
  return opened.use(await build.start(...options));
}

function connect({ url, token }: ExampleServer): Connection {
  return connectTo(url, opened, { credentials: { token } });
}

describe('the conformance suite', () => {
  testProvider(
    test,
    webhook,
    async () => {
      const server = await build.start({ GREETING: 'good morning', OTHER: '' });
      const { client } = connect(server);
      return {
        config: { protocol: 'hikyaku', url: server.url, requestsPerMinute: 6000 },
        credentials: { token: server.token },
        present: { name: 'GREETING', value: 'good morning' },
        all: async () => Object.keys(await server.values()),
        set: async (name, value) => void (await client.write([{ name, value: SecretValue.of(value) }], { signal })),
        remove: async (name) => void (await client.write([{ name, remove: true }], { signal })),
        names: ['a/b c%2F?#"\\', '..', '飛脚', '__proto__', '<&>\u2028', 'x'.repeat(1024)],
        largest: 2 * 1024 * 1024,
        binary: true,
        empty: true,
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      };
    },
    {
      without: {
        pinned: 'the example keeps no old versions',
        unreadable: 'what is in memory can be read',
        rotate: 'its token is that of its environment',
        requests: 'it does not count them',
        faults: 'a real server has none on demand; they are played by the fake',
        recover: 'it has no faults',
      },
    },
  );
});

test('it is formatted, and shorter than 300 lines of code', async () => {
  const { stdout } = await promisify(execFile)('gofmt', ['-l', '.'], { cwd: EXAMPLE_DIRECTORY });
  expect(stdout).toBe('');
  const lines = (await readFile(join(EXAMPLE_DIRECTORY, 'main.go'), 'utf8')).split('\n');
  expect(lines.filter((line) => !/^\s*(\/\/.*)?$/.test(line)).length).toBeLessThan(300);
  expect(await readFile(join(EXAMPLE_DIRECTORY, 'go.mod'), 'utf8')).not.toContain('require');
});

test('what was written is in its file, also after a restart', async () => {
  const server = await start({ A: '1' });
  const { client, read } = connect(server);
  await client.write(
    [
      { name: 'B', value: SecretValue.of('2') },
      { name: 'A', remove: true },
    ],
    { signal },
  );
  expect(await server.values()).toEqual({ B: '2' });
  expect(texts(await read())).toEqual({ B: '2' });
  const again = await start(await server.values());
  const before = await client.list({ signal });
  const after = await connect(again).client.list({ signal });
  // The same version would say that the value is the same, which nobody knows.
  expect(after.map(({ name }) => name)).toEqual(['B']);
  expect(after[0]?.version).not.toBe(before[0]?.version);
});

test('a pinned version is unsupported, never absent', async () => {
  const snapshot = await connect(await start({ A: '1' })).read({ all: false, refs: [{ name: 'A', version: '1' }] });
  expect([...(snapshot.unknown?.values() ?? [])]).toMatchObject([{ code: 'UNSUPPORTED' }]);
  expect(snapshot.secrets.size).toBe(0);
});

test('a change is told to whoever watches, at once', async () => {
  const { client, read } = connect(await start({ A: '1' }));
  await read();
  const changes = client.watch({ signal: AbortSignal.timeout(10_000) });
  const next = changes.next();
  const silent = await Promise.race([next.then(() => false), new Promise((resolve) => setTimeout(resolve, 200, true))]);
  expect(silent).toBe(true);
  await client.write([{ name: 'A', value: SecretValue.of('2') }], { signal });
  expect(await next).toEqual({ done: false, value: undefined });
});

test('a change is told to the notice url, signed, without names and values', async () => {
  const secret = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
  let took: (notice: { readonly headers: NodeJS.Dict<string | string[]>; readonly body: Buffer }) => void;
  const notice = new Promise<Parameters<typeof took>[0]>((resolve) => {
    took = resolve;
  });
  const receiver = opened.use(
    await listen((request, response) => {
      void once(request, 'data').then(([body]) => {
        took({ headers: request.headers, body });
        response.writeHead(204).end();
      });
    }),
  );
  const { client } = connect(await start({}, { url: receiver.url, secret }));
  await client.write([{ name: 'NAME', value: SecretValue.of('value') }], { signal });
  const { headers, body } = await notice;
  const verdict = verifyNotice(body, { headers, secrets: [SecretValue.of(secret)], now: Date.now() });
  expect(verdict).toEqual({ genuine: true, id: headers['webhook-id'] });
  expect(JSON.parse(body.toString())).toEqual({
    type: 'secrets.changed',
    timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
  });
});

test.each([undefined, '', 'null', '[]', '{"A": 1}', '{"A": null}', '{"A": "not base64!"}', '{"": "YQ=="}'])(
  'with %j as its file it does not start, and never says that all secrets are gone',
  async (file) => {
    const { code, stderr } = await build.fail(file);
    expect(code).toBe(1);
    expect(stderr).not.toContain('not base64!');
  },
);

test.each<[string, RequestInit, number, string]>([
  ['another path', { method: 'POST', body: '{}' }, 404, 'NOT_FOUND'],
  ['another method', { method: 'PUT', body: '{}' }, 404, 'NOT_FOUND'],
  [
    'no JSON',
    { method: 'POST', body: '{"changes": [{"name": "A", "valueBase64": "s3cr3t!"}]}' },
    400,
    'INVALID_CONFIG',
  ],
  ['no token', { method: 'POST', body: '{}', headers: {} }, 401, 'UNAUTHENTICATED'],
])('%s is refused in the words of the protocol, and nothing is quoted', async (title, init, status, code) => {
  const { url, token } = await start({ A: '1' });
  const path = title === 'another path' ? '/v2/read' : '/v1/write';
  const answer = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` }, ...init });
  const body = await answer.text();
  expect([answer.status, JSON.parse(body)]).toEqual([status, { error: { code, message: expect.any(String) } }]);
  expect(body).not.toContain('s3cr3t');
});
