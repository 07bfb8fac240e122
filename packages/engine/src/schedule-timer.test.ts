import { FakeClock } from '@hikyaku/core/testing';
import { describe, expect, test } from 'vitest';
import { half } from './engine.test.kit.ts';
import { scheduleTimer } from './schedule-timer.ts';

const MINUTE = 60_000;
const HOUR = 3_600_000;

/** It is noon. */
function timerAt(cron: string, random = () => 0) {
  const clock = new FakeClock(Date.UTC(2026, 0, 5, 12));
  const timer = scheduleTimer({ cron, timeZone: 'UTC' }, { clock, random });
  return { clock, timer };
}

describe('the times of a cron expression', () => {
  test('are all due at the start, once', async () => {
    const { timer } = timerAt('0 3 * * *');
    expect(timer.leftMs).toBeLessThanOrEqual(0);
    await timer.begin();
    expect(timer.leftMs).toBe(15 * HOUR);
  });

  test('are spread over a few seconds, not where seconds are given', async () => {
    const minutes = timerAt('*/5 * * * *', half);
    await minutes.timer.begin();
    expect(minutes.timer.leftMs).toBe(5 * MINUTE + 2_500);
    const seconds = timerAt('0 */5 * * * *', half);
    await seconds.timer.begin();
    expect(seconds.timer.leftMs).toBe(5 * MINUTE);
  });

  test('that went by during a long read are made up for by one read', async () => {
    const { clock, timer } = timerAt('*/5 * * * *');
    await timer.begin();
    await clock.advance(17 * MINUTE);
    timer.end();
    expect(timer.leftMs).toBeLessThanOrEqual(0);
    await timer.begin();
    timer.end();
    expect(timer.leftMs).toBe(3 * MINUTE);
  });

  test('that the clock jumped over are made up for by one read', async () => {
    const { clock, timer } = timerAt('*/5 * * * *');
    await timer.begin();
    clock.jump(48 * HOUR + MINUTE);
    expect(timer.leftMs).toBeLessThanOrEqual(0);
    await timer.begin();
    expect(timer.leftMs).toBe(4 * MINUTE);
  });

  test('come again after the clock was put back by much', async () => {
    const { clock, timer } = timerAt('*/5 * * * *');
    await timer.begin();
    clock.jump(-48 * HOUR - 2 * MINUTE);
    expect(timer.leftMs).toBe(2 * MINUTE);
  });

  test('also where that happened during a read', async () => {
    const { clock, timer } = timerAt('*/5 * * * *');
    await timer.begin();
    clock.jump(-48 * HOUR);
    timer.end();
    expect(timer.leftMs).toBe(5 * MINUTE);
  });

  test('do not come twice when it was put back by little', async () => {
    const { clock, timer } = timerAt('*/5 * * * *');
    await timer.begin();
    clock.jump(-2_000);
    expect(timer.leftMs).toBe(5 * MINUTE + 2_000);
  });
});

test('an interval does not look at the wall clock', async () => {
  const clock = new FakeClock();
  const timer = scheduleTimer({ everyMs: MINUTE }, { clock, random: half });
  await timer.begin();
  timer.end();
  clock.jump(48 * HOUR);
  expect(timer.leftMs).toBe(MINUTE);
  clock.jump(-96 * HOUR);
  expect(timer.leftMs).toBe(MINUTE);
});
