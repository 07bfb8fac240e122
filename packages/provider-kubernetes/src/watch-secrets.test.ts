import { setTimeout as delay } from 'node:timers/promises';
import { FakeClock } from '@hikyaku/core/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { open, READ, rejection, startHub } from './cluster.test.kit.ts';
import type { OpenedSource, OpenOptions } from './cluster.test.kit.ts';
import type { FakeApiServer } from './testing/index.ts';

let hub: FakeApiServer;
let opened: AsyncDisposableStack;

beforeEach(async () => {
  opened = new AsyncDisposableStack();
  hub = opened.use(await startHub());
});
afterEach(() => opened.disposeAsync());

interface Watching {
  /** How often it yielded. */
  readonly notices: () => number;
  readonly ended: Promise<unknown>;
  readonly stop: (reason: Error) => void;
}

/** Watches until it ends; `ended` gives what it threw. */
function watch({ client }: OpenedSource): Watching {
  const controller = new AbortController();
  let notices = 0;
  async function follow(): Promise<unknown> {
    try {
      for await (const _ of client.watch?.({ signal: controller.signal }) ?? []) notices += 1;
      return 'returned';
    } catch (error) {
      return error;
    }
  }
  return { notices: () => notices, ended: follow(), stop: (reason) => controller.abort(reason) };
}

async function source(options: OpenOptions = {}): Promise<OpenedSource> {
  return opened.use(await open(hub, options));
}

test('a change, a deletion and a new Secret are noticed, and nothing else is', async () => {
  const web = await source({ config: { secrets: ['app', 'later'] } });
  await web.read();
  const { notices, stop, ended } = watch(web);
  await expect.poll(() => hub.watches).toBe(2);
  hub.setSecret('web', 'other', { a: '1' });
  hub.setKey('web', 'app', 'password', 'changed');
  await expect.poll(notices).toBe(1);
  hub.setSecret('web', 'later', { a: '1' });
  await expect.poll(notices).toBe(2);
  hub.removeSecret('web', 'app');
  await expect.poll(notices).toBe(3);
  stop(new Error('enough'));
  await ended;
});

test('what changed between the read and the watch is noticed', async () => {
  const web = await source();
  await web.read();
  hub.removeSecret('web', 'app');
  const { notices, stop, ended } = watch(web);
  await expect.poll(notices).toBe(1);
  stop(new Error('enough'));
  await ended;
});

test('no value comes with an event', async () => {
  const web = await source();
  await web.read();
  const { stop, ended } = watch(web);
  await expect.poll(() => hub.watches).toBe(1);
  expect(hub.requests.find(({ verb }) => verb === 'watch')?.accept).toContain('as=PartialObjectMetadata');
  stop(new Error('enough'));
  await ended;
});

test('a watch that the server ends goes on from where it was', async () => {
  const clock = new FakeClock();
  const web = await source({ clock });
  await web.read();
  const { notices, stop, ended } = watch(web);
  await expect.poll(() => hub.watches).toBe(1);
  expect(hub.endWatches()).toBe(1);
  await expect.poll(() => hub.watches).toBe(0);
  hub.removeSecret('web', 'app');
  await expect.poll(() => clock.sleeping).toBeGreaterThan(0);
  await clock.advance(1_000);
  await expect.poll(notices).toBe(1);
  stop(new Error('enough'));
  await ended;
});

test('where the server has forgotten what happened, it is noticed once and watched anew', async () => {
  const clock = new FakeClock();
  const web = await source({ clock });
  await web.read();
  hub.compact();
  const { notices, stop, ended } = watch(web);
  await expect.poll(notices).toBe(1);
  await expect.poll(() => clock.sleeping).toBeGreaterThan(0);
  await clock.advance(1_000);
  await expect.poll(() => hub.watches).toBe(1);
  // What a watch anew begins with is known already.
  await delay(50);
  expect(notices()).toBe(1);
  hub.setKey('web', 'app', 'password', 'changed');
  await expect.poll(notices).toBe(2);
  stop(new Error('enough'));
  await ended;
});

test('without the right to watch it returns, so that it is polled', async () => {
  const web = await source({ token: hub.token({ ...READ, verbs: ['get'] }) });
  await web.read();
  expect(await watch(web).ended).toBe('returned');
});

test('one Secret that may not be watched leaves the others', async () => {
  hub.setSecret('web', 'tls', { a: '1' });
  const rules = [
    { ...READ, names: ['app'] },
    { ...READ, verbs: ['get'] as const },
  ];
  const web = await source({ token: hub.token(...rules), config: { secrets: ['app', 'tls'] } });
  await web.read();
  const { notices, stop, ended } = watch(web);
  await expect.poll(() => hub.requests.filter(({ verb }) => verb === 'watch')).toHaveLength(2);
  hub.setKey('web', 'app', 'password', 'changed');
  await expect.poll(notices).toBe(1);
  stop(new Error('enough'));
  await ended;
});

test('a Secret that cannot be read yet is watched as soon as it can', async () => {
  const token = hub.token();
  const web = await source({ token });
  await rejection(web.read());
  const { notices, stop, ended } = watch(web);
  hub.setRules(token, READ);
  await web.read();
  await expect.poll(() => hub.watches).toBe(1);
  hub.setKey('web', 'app', 'password', 'changed');
  await expect.poll(notices).toBe(1);
  stop(new Error('enough'));
  await ended;
});

test('what only a list has seen is not watched', async () => {
  const web = await source();
  const { notices, stop, ended } = watch(web);
  await web.client.list?.({ signal: AbortSignal.timeout(5_000) });
  hub.setKey('web', 'app', 'password', 'changed');
  await delay(50);
  expect([notices(), hub.watches]).toEqual([0, 0]);
  stop(new Error('enough'));
  await ended;
});

test('what breaks one watch ends them all, as an error, and leaves none behind', async () => {
  hub.setSecret('web', 'tls', { a: '1' });
  const web = await source({ config: { secrets: ['app', 'tls'] } });
  await web.read();
  hub.fail({ kind: '500', verb: 'watch', name: 'tls' });
  expect(await watch(web).ended).toMatchObject({ name: 'ProviderError', code: 'UNAVAILABLE' });
  await expect.poll(() => hub.watches).toBe(0);
});

test('leaving the loop and the signal end all watches', async () => {
  hub.setSecret('web', 'tls', { a: '1' });
  const web = await source({ config: { secrets: ['app', 'tls'] } });
  await web.read();
  const { stop, ended } = watch(web);
  await expect.poll(() => hub.watches).toBe(2);
  const reason = new Error('enough');
  stop(reason);
  expect(await ended).toBe(reason);
  await expect.poll(() => hub.watches).toBe(0);

  setTimeout(() => hub.setKey('web', 'app', 'password', 'changed'), 50);
  for await (const _ of web.client.watch?.({ signal: AbortSignal.timeout(5_000) }) ?? []) break;
  await expect.poll(() => hub.watches).toBe(0);
});
