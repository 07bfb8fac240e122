import { afterEach, expect, test } from 'vitest';
import { startHealth } from './health.ts';
import type { HttpServer } from './http-server.ts';

let server: HttpServer | undefined;
const ailments = { live: [] as string[], ready: ['homelab was not read yet'] };

afterEach(async () => {
  await server?.[Symbol.asyncDispose]();
  server = undefined;
});

async function ask(path: string, method = 'GET'): Promise<readonly [number, string]> {
  server ??= await startHealth({
    address: { host: '127.0.0.1', port: 0 },
    live: () => ailments.live,
    ready: () => ailments.ready,
    metrics: async () => ({ type: 'text/plain; version=0.0.4; charset=utf-8', body: 'hikyaku_leader 1\n' }),
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

test('Prometheus is answered too, whatever parameters it was told to add', async () => {
  for (const path of ['/metrics', '/metrics?format=prometheus'])
    expect(await ask(path)).toEqual([200, 'hikyaku_leader 1\n']);
  expect(await ask('/metrics', 'HEAD')).toEqual([200, '']);
  expect(await ask('/metrics', 'POST')).toEqual([405, '']);
});

test('there is nothing else', async () => {
  expect(await ask('/')).toEqual([404, '']);
  expect(await ask('/healthz', 'POST')).toEqual([405, '']);
});
