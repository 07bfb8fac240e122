import type { CallOptions, LogFields, Logger } from '@hikyaku/core';
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
  const live = { problem: undefined, look: async () => void looks++, keepAgain: async () => {} };
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

test('each minute it is tried again to keep what could not be kept; a stop in the middle of it is no error', async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  let keeps = 0;
  const live = {
    problem: undefined,
    look: async () => {},
    async keepAgain({ signal }: CallOptions) {
      keeps++;
      if (keeps < 3) return;
      stop.abort();
      signal.throwIfAborted();
    },
  };
  const logger: Logger = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };
  const ended = followConfig({ live, input: { changes: never }, grants: undefined, logger, clock }, stop);
  await clock.advance(180_000);
  await ended;
  expect(keeps).toBe(3);
});

async function* never({ signal }: CallOptions): AsyncGenerator<void> {
  yield* await new Promise<void[]>((resolve) => signal.addEventListener('abort', () => resolve([]), { once: true }));
}
