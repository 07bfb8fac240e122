import { FakeClock } from '@hikyaku/core/testing';
import { Agent } from 'undici';
import { expect, onTestFinished, test } from 'vitest';
import { sendRequest } from '../send-request.ts';
import { FaultQueue, changeJson, halve, json, listen, receiveBody, sendAnswer, statusSeen } from './index.ts';
import type { FakeAnswer, FakeDelivery } from './index.ts';

const right = json(200, { name: 'value' });

async function ask(url: string): Promise<{ readonly status: number; readonly text: string }> {
  const dispatcher = new Agent();
  onTestFinished(() => dispatcher.destroy());
  const { signal } = new AbortController();
  const { status, body } = await sendRequest(url, { dispatcher, clock: new FakeClock(), signal });
  return { status, text: Buffer.from(body).toString() };
}

async function serve(answer: FakeAnswer): Promise<string> {
  const server = await listen((_, response) => sendAnswer(response, answer));
  onTestFinished(server.close);
  return server.url;
}

test('an answer arrives as it is', async () => {
  expect(await ask(await serve(right))).toEqual({ status: 200, text: '{"name":"value"}' });
  expect(await ask(await serve({ status: 304 }))).toEqual({ status: 304, text: '' });
});

test('an answer in slow pieces arrives whole', async () => {
  expect(await ask(await serve({ ...right, delivery: { delayMs: 1 } }))).toMatchObject({ text: '{"name":"value"}' });
});

test('an answer that ends early looks like all of it', async () => {
  expect(await ask(await serve({ ...right, delivery: 'early-end' }))).toEqual({ status: 200, text: '{"name":' });
  expect(await ask(await serve(halve(right)))).toEqual({ status: 200, text: '{"name":' });
});

test.for<FakeDelivery>(['reset', 'truncate'])('%s: the client sees that it does not have all', async (delivery) => {
  const answer: FakeAnswer = { ...right, delivery };
  await expect(ask(await serve(answer))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(statusSeen(answer)).toBe(0);
});

test('a hanging answer ends when the server closes', async () => {
  const server = await listen((_, response) => sendAnswer(response, { ...right, delivery: 'hang' }));
  const asked = expect(ask(server.url)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await new Promise((resolve) => setTimeout(resolve, 20));
  await server.close();
  await asked;
  await server.close();
});

test('a server that fails to answer cuts the connection', async () => {
  await using server = await listen(async (request) => {
    await receiveBody(request);
    throw new Error('a mistake of the test');
  });
  await expect(ask(server.url)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});

test('a port that is taken rejects', async () => {
  await using server = await listen(() => {});
  const port = Number(new URL(server.url).port);
  await expect(listen(() => {}, { port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

test('fields of an answer in JSON can be changed and left out', () => {
  const changed = changeJson(json(200, { a: 1, b: 2 }), (name, value) => (name === 'a' ? undefined : value));
  expect(changed).toMatchObject({ status: 200, body: '{"b":2}' });
});

test('faults are used up in order, each by the requests that it fits', () => {
  const faults = new FaultQueue<{ kind: string; path?: string; times?: number }>();
  faults.add({ kind: 'elsewhere', path: '/b' });
  faults.add({ kind: 'twice', times: 2 });
  faults.add({ kind: 'always', times: Infinity });
  const take = () => faults.take(({ path = '/a' }) => path === '/a')?.kind;
  expect([take(), take(), take(), take()]).toEqual(['twice', 'twice', 'always', 'always']);
  faults.clear(({ kind }) => kind === 'always');
  expect(take()).toBeUndefined();
  expect(faults.take(() => true)?.kind).toBe('elsewhere');
  faults.add({ kind: 'again' });
  faults.clear();
  expect(take()).toBeUndefined();
});
