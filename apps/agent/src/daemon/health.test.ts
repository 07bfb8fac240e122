import { afterEach, expect, test } from 'vitest';
import { startHealth } from './health.ts';
import type { HttpServer } from './http-server.ts';

let server: HttpServer | undefined;
const ailments = { live: [] as string[], ready: ['homelab was not read yet'] };

afterEach(() => server?.[Symbol.asyncDispose]());

async function ask(path: string, method = 'GET'): Promise<readonly [number, string]> {
  server ??= await startHealth({
    address: { host: '127.0.0.1', port: 0 },
    live: () => ailments.live,
    ready: () => ailments.ready,
  });
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
  return [response.status, await response.text()];
}

test('a probe is told whether it is so, and a person why not', async () => {
  expect(await ask('/healthz')).toEqual([200, 'ok\n']);
  expect(await ask('/readyz')).toEqual([503, 'homelab was not read yet\n']);
  ailments.ready = [];
  expect(await ask('/readyz')).toEqual([200, 'ok\n']);
  expect(await ask('/readyz', 'HEAD')).toEqual([200, '']);
});

test('there is nothing else', async () => {
  server = undefined;
  expect(await ask('/')).toEqual([404, '']);
  expect(await ask('/healthz', 'POST')).toEqual([405, '']);
});
