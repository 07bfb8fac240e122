import { connect } from 'node:net';
import { ProviderError, SecretValue } from '@hikyaku/core';
import type { Logger } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import { signNotice, verifyNotice } from '@hikyaku/provider-utils';
import { afterEach, expect, test } from 'vitest';
import { startReceiver } from './receiver.ts';
import type { NoticeCheck, Receiver } from './receiver.ts';

const secret = SecretValue.of(`whsec_${Buffer.alloc(32, 7).toString('base64')}`);
const { signal } = new AbortController();
const open = new Set<Receiver>();

afterEach(async () => {
  for (const receiver of open) await receiver[Symbol.asyncDispose]();
  open.clear();
});

const genuine: NoticeCheck = async ({ body, headers, now }) => verifyNotice(body, { headers, now, secrets: [secret] });

async function start(check: NoticeCheck = genuine) {
  const clock = new FakeClock();
  const noticed: string[] = [];
  const lines: string[] = [];
  const log: Logger['info'] = (fields, message) => void lines.push(`${message} ${JSON.stringify(fields)}`);
  const logger = { trace: log, debug: () => {}, info: log, warn: log, error: log };
  const checks = new Map([['nas', check]]);
  const receiver = await startReceiver(
    {
      address: { host: '127.0.0.1', port: 0 },
      checks: () => checks,
      onNotice: (name) => noticed.push(name),
      logger,
      clock,
    },
    { signal },
  );
  open.add(receiver);
  const url = `http://127.0.0.1:${receiver.port}`;

  async function send({
    id = 'msg_1',
    body = '{}',
    as = secret,
    path = '/notices/nas',
    ...more
  }: {
    readonly id?: string;
    readonly body?: string | ReadableStream;
    readonly as?: SecretValue;
    readonly path?: string;
    readonly method?: string;
  } = {}): Promise<number> {
    const signed = signNotice(typeof body === 'string' ? body : '', { id, now: clock.now(), secret: as });
    const init = { method: 'POST', headers: { ...signed }, body, ...more };
    const response = await fetch(`${url}${path}`, { ...init, ...(typeof body !== 'string' && { duplex: 'half' }) });
    expect(await response.text()).toBe('');
    return response.status;
  }

  return { receiver, clock, noticed, lines, send, url, checks };
}

test('a genuine notice is answered and passed on', async () => {
  const { send, noticed, receiver } = await start();
  expect(await send()).toBe(202);
  await expect.poll(() => noticed).toEqual(['nas']);
  expect(receiver.counts.get('nas')).toEqual({ accepted: 1, refused: 0 });
});

test('a notice that comes again is answered as before, and not acted on', async () => {
  const { send, noticed, clock } = await start();
  for (let again = 0; again < 3; again++) expect(await send()).toBe(202);
  expect(await send({ id: 'msg_2' })).toBe(202);
  await expect.poll(() => noticed).toHaveLength(2);
  // It is remembered for longer than its signature holds.
  await clock.advance(600_001);
  expect(await send()).toBe(202);
  await expect.poll(() => noticed).toHaveLength(3);
});

test('wrong signatures are refused and counted, and said once a minute', async () => {
  const { send, noticed, receiver, lines, clock } = await start();
  const as = SecretValue.of(`whsec_${Buffer.alloc(32, 8).toString('base64')}`);
  for (let id = 0; id < 20; id++) expect(await send({ id: `msg_${id}`, as })).toBe(401);
  expect(receiver.counts.get('nas')).toEqual({ accepted: 0, refused: 20 });
  expect(lines).toHaveLength(1);
  await clock.advance(60_000);
  await send({ as });
  expect(lines).toHaveLength(2);
  expect(lines.join()).toContain('notice refused');
  expect(noticed).toEqual([]);
});

test('what is not for a source that listens does not exist', async () => {
  const { send, noticed, checks } = await start();
  for (const path of [
    '/',
    '/notices',
    '/notices/',
    '/notices/other',
    '/notices/nas/more',
    '/notices/NAS',
    '/notices/nas?x=1',
  ])
    expect(await send({ path }), path).toBe(404);
  expect(await send({ method: 'PUT' })).toBe(405);
  checks.delete('nas');
  expect(await send()).toBe(404);
  expect(noticed).toEqual([]);
});

test('a body of 64 KiB is taken, and a longer one is not, with or without its length', async () => {
  const { send, noticed, url } = await start();
  expect(await send({ body: 'x'.repeat(64 * 1024) })).toBe(202);
  await expect.poll(() => noticed).toHaveLength(1);
  const tooLong = new Uint8Array(64 * 1024 + 1);
  for (const body of [tooLong, new Blob([tooLong]).stream()]) {
    // The receiver does not wait for the rest, which the sender may see as a broken connection.
    const status = await fetch(`${url}/notices/nas`, { method: 'POST', body, duplex: 'half' }).then(
      (response) => response.status,
      () => 413,
    );
    expect(status).toBe(413);
  }
  expect(noticed).toHaveLength(1);
});

test('while the secret cannot be had, services are asked to come again', async () => {
  const { send, noticed, lines } = await start(() => Promise.reject(new ProviderError('UNAVAILABLE', 'no Secret now')));
  expect(await send()).toBe(503);
  expect(noticed).toEqual([]);
  expect(lines.join()).toContain('notice not checked');
});

test('a flood is answered, each by its own verdict', async () => {
  const { send, receiver } = await start();
  const as = SecretValue.of(`whsec_${Buffer.alloc(32, 8).toString('base64')}`);
  const statuses = await Promise.all(
    Array.from({ length: 200 }, (_, id) => send({ id: `msg_${id}`, ...(id % 2 === 0 && { as }) })),
  );
  expect(statuses.filter((status) => status === 202)).toHaveLength(100);
  expect(receiver.counts.get('nas')).toEqual({ accepted: 100, refused: 100 });
});

test('who sends nothing is cut off', async () => {
  const { receiver } = await start();
  const socket = connect(receiver.port, '127.0.0.1');
  socket.write('POST /notices/nas HTTP/1.1\r\nhost: x\r\n');
  const startedAt = performance.now();
  await new Promise((resolve) => socket.on('close', resolve).resume());
  expect(performance.now() - startedAt).toBeLessThan(9_000);
});

test('it stops at once, whoever is still connected', async () => {
  const { receiver } = await start();
  const socket = connect(receiver.port, '127.0.0.1');
  await new Promise((resolve) => socket.on('connect', resolve));
  await receiver[Symbol.asyncDispose]();
  open.delete(receiver);
  await new Promise((resolve) => socket.on('close', resolve).resume());
});

test('a port that is taken is an error', async () => {
  const { receiver } = await start();
  const options = { checks: () => new Map(), onNotice() {}, clock: new FakeClock() };
  const logger = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };
  const address = { host: '127.0.0.1', port: receiver.port };
  await expect(startReceiver({ address, logger, ...options }, { signal })).rejects.toMatchObject({
    code: 'EADDRINUSE',
  });
});
