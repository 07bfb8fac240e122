import type { LogFields, Logger } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import { TargetError } from '@hikyaku/engine';
import { KubeError } from '@hikyaku/kube-client';
import { beforeEach, expect, test } from 'vitest';
import { retrying } from './retrying.ts';

const { signal } = new AbortController();
const down = new KubeError('UNAVAILABLE', 'no answer');
const refused = new TargetError('FORBIDDEN', 'apply deploy/rights-own.yaml');
let clock: FakeClock;
let log: string[];
let logger: Logger;

beforeEach(() => {
  clock = new FakeClock();
  log = [];
  const say = (level: string) => (_: LogFields, message: string) => void log.push(`${level} ${message}`);
  logger = { trace: say('trace'), debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
});

/** What comes of it, each try in turn. */
function tries(...outcomes: readonly (Error | string)[]): () => Promise<string> {
  const left = [...outcomes];
  return async () => {
    const next = left.shift() ?? 'done';
    if (typeof next === 'string') return next;
    throw next;
  };
}

test('what keeps it waiting is said once, and again when it is something else', async () => {
  const ended = retrying(tries(down, down, refused, refused, down), logger, { signal }, clock);
  for (let second = 0; second < 60; second++) await clock.advance(1_000);
  expect(await ended).toBe('done');
  expect(log).toEqual([
    'warn cluster unreachable',
    'debug cluster unreachable',
    'warn waiting for rights',
    'debug waiting for rights',
    'warn cluster unreachable',
  ]);
});

test('what went well for long is tried again soon', async () => {
  let count = 0;
  const failing = async () => {
    count++;
    if (count === 6) await clock.sleep(3_600_000, { signal });
    if (count < 8) throw down;
    return 'done';
  };
  const ended = retrying(failing, logger, { signal }, clock);
  for (let second = 0; second < 40; second++) await clock.advance(1_000);
  expect(count).toBe(6);
  await clock.advance(3_600_000);
  await clock.advance(3_000);
  expect(await ended).toBe('done');
});

test('a bug is not waited out', async () => {
  await expect(retrying(tries(new TypeError('bug')), logger, { signal }, clock)).rejects.toThrow('bug');
});
