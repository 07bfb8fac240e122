import { FakeClock } from '@hikyaku/core/testing';
import { expect, test } from 'vitest';
import { retryAfterMs } from './retry-after.ts';

const clock = new FakeClock(Date.UTC(2026, 10, 22, 12, 0, 0));

test.each([
  ['3', 3000],
  ['0', 0],
  [' 1.5 ', 1500],
  ['Sun, 22 Nov 2026 12:00:30 GMT', 30_000],
  ['Sun, 22 Nov 2026 11:59:00 GMT', 0],
  ['', undefined],
  ['soon', undefined],
  ['-1', undefined],
  [undefined, undefined],
])('%j is %j ms', (header, ms) => {
  expect(retryAfterMs(header, clock)).toBe(ms);
});
