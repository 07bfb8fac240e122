import { setTimeout as delay } from 'node:timers/promises';
import { FakeClock } from '@hikyaku/core/testing';
import { listen } from '@hikyaku/provider-utils/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startFakeProtocol } from '../testing/index.ts';
import type { FakeProtocol, FakeProtocolOptions } from '../testing/index.ts';
import { connectTo, settled } from './protocol.test.kit.ts';
import type { Connection } from './protocol.test.kit.ts';

let fake: FakeProtocol;
let opened: AsyncDisposableStack;
let stop: AbortController;
let clock: FakeClock;

beforeEach(async () => {
  opened = new AsyncDisposableStack();
  stop = new AbortController();
  clock = new FakeClock();
  opened.defer(() => stop.abort(new Error('the test is over')));
  fake = await startFake();
});
afterEach(() => opened.disposeAsync());

async function startFake(options: FakeProtocolOptions = {}): Promise<FakeProtocol> {
  return opened.use(await startFakeProtocol({ secrets: { A: '1' }, ...options }));
}

/** Counts what the watch yields. */
function follow({ client }: Connection): { count: number; readonly ended: Promise<unknown> } {
  const seen = { count: 0, ended: Promise.resolve<unknown>(undefined) };
  async function run(): Promise<void> {
    for await (const _ of client.watch({ signal: stop.signal })) seen.count++;
  }
  seen.ended = run().then(
    () => 'returned',
    (error: unknown) => error,
  );
  return seen;
}

function watches(): readonly { readonly body: Readonly<Record<string, unknown>>; readonly status: number }[] {
  return fake.requests.filter(({ path }) => path === '/v1/watch');
}

async function until(holds: () => boolean, stepMs = 0): Promise<void> {
  for (let left = 400; !holds(); left--) {
    if (left === 0) throw new Error('it did not come to hold');
    await delay(5);
    await clock.advance(stepMs);
  }
}

test('a change is told as soon as it is made, and the request before it is held', async () => {
  const connection = connectTo(fake.url, opened, { clock });
  await connection.read();
  const seen = follow(connection);
  await until(() => watches().length === 1);
  await delay(50);
  expect(seen.count).toBe(0);
  expect(watches()).toMatchObject([{ body: { revision: 'r1', waitSeconds: 50 }, status: 0 }]);
  fake.set('A', '2');
  await until(() => seen.count === 1);
  await until(() => watches().length === 2, 1000);
  expect(watches()[1]).toMatchObject({ body: { revision: 'r2' }, status: 0 });
});

test('a change between the read and the watch is told', async () => {
  const connection = connectTo(fake.url, opened, { clock });
  await connection.read();
  fake.set('A', '2');
  const seen = follow(connection);
  await until(() => seen.count === 1);
});

test('without a read before it, something may have changed', async () => {
  const seen = follow(connectTo(fake.url, opened, { clock }));
  await until(() => seen.count === 1);
  expect(watches()[0]?.body).not.toHaveProperty('revision');
});

test('what a read has seen meanwhile is not told again', async () => {
  let revision = 'r1';
  const held: (() => void)[] = [];
  const asked: unknown[] = [];
  const service = await listen((request, response) => {
    const answer = (document: object): unknown => response.end(JSON.stringify(document));
    if (request.url === '/v1') answer({ protocol: 'hikyaku', version: 1, offers: ['watch'] });
    else if (request.url === '/v1/read') answer({ complete: true, revision, secrets: [] });
    else
      request.on('data', (body) => {
        asked.push(JSON.parse(String(body)));
        held.push(() => answer({ revision }));
      });
  });
  const connection = connectTo(opened.use(service).url, opened, { clock });
  await connection.read();
  const seen = follow(connection);
  await until(() => held.length === 1);
  revision = 'r2';
  await connection.read();
  held[0]?.();
  await until(() => held.length === 2, 1000);
  expect(asked).toMatchObject([{ revision: 'r1' }, { revision: 'r2' }]);
  expect(seen.count).toBe(0);
});

test('after a wait without news it asks again, and tells nothing', async () => {
  fake = await startFake({ longestWaitMs: 20 });
  const connection = connectTo(fake.url, opened, { clock });
  await connection.read();
  const seen = follow(connection);
  await until(() => watches().length === 3, 10_000);
  expect(seen.count).toBe(0);
});

test('a service that answers at once without news is asked every ten seconds only', async () => {
  fake = await startFake({ longestWaitMs: 0 });
  const connection = connectTo(fake.url, opened, { clock });
  await connection.read();
  follow(connection);
  await until(() => watches()[0]?.status === 200);
  const before = clock.now();
  await until(() => watches().length === 2, 1000);
  expect(clock.now() - before).toBeGreaterThanOrEqual(9000);
});

test('a service that does not offer it is left alone: the watch returns', async () => {
  fake = await startFake({ offers: ['list', 'write'] });
  const seen = follow(connectTo(fake.url, opened, { clock }));
  expect(await seen.ended).toBe('returned');
  expect(fake.requests.map(({ path }) => path)).toEqual(['/v1']);
});

test.each(['500', '401', 'reset', 'truncate', 'not-json', 'empty'] as const)(
  'a request that fails (%s) throws, so that it is connected again later',
  async (kind) => {
    fake.fail({ kind, path: '/v1/watch' });
    expect(await follow(connectTo(fake.url, opened, { clock })).ended).toHaveProperty('code');
    expect(watches()).toHaveLength(1);
  },
);

test('a service that holds longer than it was asked to is given up', async () => {
  fake.fail({ kind: 'hang', path: '/v1/watch' });
  const seen = follow(connectTo(fake.url, opened, { clock }));
  await until(() => watches().length === 1);
  const before = clock.now();
  expect(await settled(seen.ended, clock, 5000)).toMatchObject({ code: 'UNAVAILABLE' });
  expect(clock.now() - before).toBeGreaterThanOrEqual(65_000);
});

test('an abort ends it with its reason while it waits', async () => {
  const connection = connectTo(fake.url, opened, { clock });
  await connection.read();
  const seen = follow(connection);
  await until(() => watches().length === 1);
  stop.abort(new Error('enough'));
  expect(await seen.ended).toHaveProperty('message', 'enough');
});
