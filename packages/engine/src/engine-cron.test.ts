import { ProviderError } from '@hikyaku/core';
import { describe, expect, test } from 'vitest';
import { createWorld, everything, half, MemoryClient, snapshot, sourceOf, spec } from './engine.test.kit.ts';
import { Engine } from './engine.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** It is midnight in London. */
async function running(
  cron: string,
  body: (world: Awaited<ReturnType<typeof worldOf>>) => Promise<void>,
): Promise<void> {
  const world = worldOf(cron);
  const stop = new AbortController();
  const ended = new Engine({ ...world, resyncMs: 600 * HOUR }).run({ signal: stop.signal });
  try {
    await world.clock.advance(0);
    await body(world);
  } finally {
    stop.abort();
    await ended;
  }
}

function worldOf(cron: string) {
  const world = createWorld({ specs: [spec('web/app', { bulk: [everything('homelab')] })] });
  const client = new MemoryClient(snapshot({ A: '1' }));
  const schedule = { cron, timeZone: 'Europe/London' };
  world.sources.set('homelab', sourceOf(client, { schedule, clock: world.clock, random: half }));
  return { ...world, client };
}

describe('a source that is read at certain times', () => {
  test('is read at the start, then at each of them, 2.5 s later', async () => {
    await running('*/5 * * * *', async ({ clock, client, report }) => {
      expect(client.reads).toBe(1);
      expect(report.sources.at(-1)).toMatchObject({ nextMs: 5 * MINUTE + 2_500 });
      await clock.advance(5 * MINUTE + 2_499);
      expect(client.reads).toBe(1);
      await clock.advance(1);
      expect(client.reads).toBe(2);
      await clock.advance(HOUR);
      expect(client.reads).toBe(14);
    });
  });

  test('is read once, within seconds, when the clock was put forward over many of them', async () => {
    await running('0 3 * * *', async ({ clock, client }) => {
      await clock.advance(HOUR);
      clock.jump(50 * 24 * HOUR);
      await clock.advance(15_000);
      expect(client.reads).toBe(2);
      await clock.advance(HOUR);
      expect(client.reads).toBe(2);
    });
  });

  test('goes on when the clock was put back by days', async () => {
    await running('*/5 * * * *', async ({ clock, client }) => {
      clock.jump(-48 * HOUR);
      await clock.advance(HOUR + MINUTE);
      expect(client.reads).toBe(13);
    });
  });

  test('is neither flooded nor forgotten by a clock that jumps all the time', async () => {
    await running('*/5 * * * *', async ({ clock, client }) => {
      for (let i = 0; i < 60; i++) {
        clock.jump((i % 2 === 0 ? 1 : -1) * 7 * HOUR);
        await clock.advance(MINUTE);
      }
      // One for each step forward, and those of the minutes in between.
      expect(client.reads).toBeGreaterThan(12);
      expect(client.reads).toBeLessThan(60);
    });
  });

  test('is not waited for until the next of them when it fails, and its Secrets are served as soon as it is well', async () => {
    await running('0 3 * * *', async (world) => {
      const { clock, client } = world;
      client.answer = new ProviderError('UNAVAILABLE', 'down');
      await clock.advance(3 * HOUR + 4_000);
      expect(client.reads).toBe(3);
      client.answer = snapshot({ A: '2' });
      await clock.advance(3_000);
      expect(world.live('web/app')).toEqual({ A: '2' });
      expect(client.reads).toBe(4);
      await clock.advance(20 * HOUR);
      expect(client.reads).toBe(4);
    });
  });

  test('has nothing more to wait for where no time comes, and does not spin', async () => {
    await running('0 0 L-30 2 *', async ({ clock, client, report }) => {
      await clock.advance(HOUR);
      expect(client.reads).toBe(1);
      expect(report.sources.at(-1)).not.toHaveProperty('nextMs');
    });
  });
});
