import type { RequestListener } from 'node:http';
import { systemClock } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import { Agent } from 'undici';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { sendRequest } from './send-request.ts';
import { listen, selfSignedCertificate } from './testing/index.ts';

const dispatcher = new Agent();
afterAll(() => dispatcher.destroy());
const { signal } = new AbortController();
const options = { dispatcher, clock: systemClock, signal };

async function ask(listener: RequestListener, more: object = {}): Promise<string> {
  await using server = await listen(listener);
  const answer = await sendRequest(`${server.url}/path?q=1`, { ...options, ...more });
  return Buffer.from(answer.body).toString();
}

test('the whole answer comes back, whatever its status', async () => {
  await using server = await listen((request, response) => {
    response
      .writeHead(418, { 'X-One': '1' })
      .end(`${request.method} ${request.url} ${String(request.headers['x-two'])}`);
  });
  const answer = await sendRequest(`${server.url}/path?q=1`, { ...options, headers: { 'x-two': '2' } });
  expect(answer.status).toBe(418);
  expect(answer.headers.get('x-one')).toBe('1');
  expect(Buffer.from(answer.body).toString()).toBe('GET /path?q=1 2');
});

test('requests one after the other use one connection', async () => {
  const sockets = new Set<unknown>();
  await using server = await listen((request, response) => {
    sockets.add(request.socket);
    response.end('hello');
  });
  for (let count = 0; count < 10; count++) await sendRequest(server.url, options);
  expect(sockets.size).toBe(1);
});

test('a redirect is an answer and is not followed', async () => {
  await using server = await listen((_, response) => response.writeHead(302, { location: '/elsewhere' }).end());
  expect((await sendRequest(server.url, options)).status).toBe(302);
});

test('a body longer than allowed is refused', async () => {
  const result = ask((_, response) => response.end('x'.repeat(2000)), { maxBytes: 1000 });
  await expect(result).rejects.toMatchObject({
    code: 'INVALID_RESPONSE',
    message: expect.stringContaining('1000 bytes'),
  });
});

test.each<[string, RequestListener]>([
  ['headers that never come', () => {}],
  ['a body that stops in the middle', (_, response) => response.writeHead(200, { 'content-length': 10 }).write('half')],
])('%s end with the deadline', async (_, listener) => {
  await using server = await listen(listener);
  const clock = new FakeClock();
  const result = sendRequest(server.url, { ...options, clock, timeoutMs: 3000 });
  const [error] = await Promise.all([
    result.catch((failure: unknown) => failure),
    new Promise((resolve) => {
      setTimeout(resolve, 50);
    }).then(() => clock.advance(3000)),
  ]);
  expect(error).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('within 3 s') });
});

test.each<[string, RequestListener]>([
  ['reset', (request) => request.socket.resetAndDestroy()],
  [
    'cut in the middle',
    (request, response) =>
      response.writeHead(200, { 'content-length': 10 }).write('half', () => request.socket.destroy()),
  ],
])('a connection that is %s is UNAVAILABLE and names the host', async (_, listener) => {
  await expect(ask(listener)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringMatching(/^127\.0\.0\.1:\d+ closed the connection/),
  });
});

test('nobody listening is UNAVAILABLE', async () => {
  const { url } = await closedServer();
  await expect(sendRequest(url, options)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('(ECONNREFUSED)'),
  });
});

test('a certificate that nobody vouches for asks for `ca`, and is trusted with it', async () => {
  const tls = selfSignedCertificate();
  await using server = await listen((_, response) => response.end('hello'), tls);
  await expect(sendRequest(server.url, options)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringMatching(/give the certificate of its issuer as `ca` \(DEPTH_ZERO_SELF_SIGNED_CERT\)/),
  });
  const trusting = new Agent({ connect: { ca: tls.cert } });
  onTestFinished(() => trusting.destroy());
  const answer = await sendRequest(server.url, { ...options, dispatcher: trusting });
  expect(answer.status).toBe(200);
});

test('an abort rejects with its reason while the other side is silent', async () => {
  await using server = await listen(() => {});
  const controller = new AbortController();
  const result = sendRequest(server.url, { ...options, signal: controller.signal });
  setTimeout(() => controller.abort(new Error('stopped')), 20);
  await expect(result).rejects.toThrow('stopped');
});

async function closedServer(): Promise<{ url: string }> {
  await using server = await listen(() => {});
  return { url: server.url };
}
