import type { LogFields, Logger } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import { KubeError } from '@hikyaku/kube-client';
import { expect, test } from 'vitest';
import { followConfig } from './follow-config.ts';

test('a config that may not be watched is looked at each minute, and that is said once', async () => {
  const clock = new FakeClock();
  const log: string[] = [];
  const say = (_: LogFields, message: string) => void log.push(message);
  const logger: Logger = { trace: say, debug: say, info: say, warn: say, error: say };
  let looks = 0;
  const live = { problem: undefined, look: async () => void looks++ };
  const input = {
    async *changes() {
      yield* await Promise.reject<void[]>(new KubeError('FORBIDDEN', 'hikyaku-config may not be watched'));
    },
  };
  const stop = new AbortController();
  const ended = followConfig({ live, input, grants: undefined, logger, clock }, stop);
  for (let minute = 1; minute <= 5; minute++) {
    await clock.advance(60_000);
    expect(looks).toBe(minute);
  }
  stop.abort();
  await ended;
  expect(log).toEqual(['config not followed']);
});
