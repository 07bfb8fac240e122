import { ProviderError } from '@hikyaku/core';
import { expect, test } from 'vitest';
import { followPushes } from './follow-pushes.ts';
import { createPushWorld, MemorySource, push } from './push.test.kit.ts';
import type { PushWorldOptions } from './push.test.kit.ts';

const RESYNC_MS = 600_000;

function follow(more: Partial<PushWorldOptions> = {}) {
  const source = new MemorySource();
  const world = createPushWorld({ specs: [push('web/app')], secrets: { 'web/app': { A: '1' } }, source, ...more });
  const stop = new AbortController();
  const { origin, clock, pushes } = world;
  const ended = followPushes(
    pushes,
    { origin, clock, resyncMs: RESYNC_MS },
    { signal: new AbortController().signal, stopping: stop.signal },
  );
  return {
    ...world,
    source,
    ended,
    end: async () => {
      stop.abort();
      await ended;
    },
  };
}

test('pushes at the start, and as soon as the Secret changes', async () => {
  const { source, origin, clock, end } = follow();
  await expect.poll(() => source.texts).toEqual({ A: '1' });
  await clock.advance(100);
  origin.set('web/app', { A: '2' });
  await expect.poll(() => source.texts).toEqual({ A: '2' });
  await end();
});

test('a change while it pushes is not missed', async () => {
  const { source, origin, clock, end } = follow();
  source.meanwhile = (call) => {
    if (call === 'write' && source.writes.length === 0) origin.set('web/app', { A: '2' });
  };
  await expect.poll(() => source.writes).toEqual(['+A']);
  await expect
    .poll(async () => {
      await clock.advance(100);
      return source.texts;
    })
    .toEqual({ A: '2' });
  await end();
});

test('tries again what has failed, and looks at the source at each resync', async () => {
  const { source, clock, report, end } = follow();
  source.failing = new ProviderError('UNAVAILABLE', 'down');
  await expect.poll(() => report.pushes.at(-1)?.state).toBe('failed');
  source.failing = undefined;
  await clock.advance(100);
  await clock.advance(1_000);
  await expect.poll(() => source.texts).toEqual({ A: '1' });
  source.secrets.delete('A');
  await clock.advance(100);
  await clock.advance(RESYNC_MS * 1.1);
  await expect.poll(() => source.texts).toEqual({ A: '1' });
  await end();
});

test('where the Secret may not be watched, each resync looks at it', async () => {
  const { source, origin, clock, end } = follow();
  await expect.poll(() => source.texts).toEqual({ A: '1' });
  origin.secrets.set('web/app', { A: '2' });
  await clock.advance(100);
  await clock.advance(RESYNC_MS * 1.1);
  await expect.poll(() => source.texts).toEqual({ A: '2' });
  await end();
});

test('a watch that breaks is begun again, after a look', async () => {
  const world = createPushWorld({
    specs: [push('web/app')],
    secrets: { 'web/app': { A: '1' } },
    source: new MemorySource(),
  });
  const { origin, clock, pushes } = world;
  let watches = 0;
  // oxlint-disable-next-line require-yield -- it breaks before anything changes
  async function* broken(): AsyncGenerator<void> {
    watches++;
    throw new Error('reset');
  }
  origin.watch = broken;
  const stop = new AbortController();
  const ended = followPushes(
    pushes,
    { origin, clock, resyncMs: RESYNC_MS },
    { signal: stop.signal, stopping: stop.signal },
  );
  await expect.poll(() => watches).toBe(1);
  await expect.poll(() => world.report.pushes).toHaveLength(1);
  const { reads } = origin;
  await expect
    .poll(async () => {
      await clock.advance(1_200);
      return watches;
    })
    .toBeGreaterThan(1);
  await expect.poll(() => origin.reads).toBeGreaterThan(reads);
  stop.abort();
  await ended;
});
