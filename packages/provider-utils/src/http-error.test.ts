import { FakeClock } from '@hikyaku/core/testing';
import { expect, test } from 'vitest';
import { httpError, httpErrorCode } from './http-error.ts';

const clock = new FakeClock();

test.each([
  [401, 'UNAUTHENTICATED', false],
  [403, 'FORBIDDEN', false],
  [404, 'NOT_FOUND', false],
  [400, 'INVALID_CONFIG', false],
  [422, 'INVALID_CONFIG', false],
  [408, 'UNAVAILABLE', true],
  [500, 'UNAVAILABLE', true],
  [503, 'UNAVAILABLE', true],
  [429, 'RATE_LIMITED', true],
  [302, 'INVALID_RESPONSE', true],
])('%i is %s', (status, code, retryable) => {
  expect(httpErrorCode(status)).toBe(code);
  expect(httpError({ status, headers: new Map() }, 'x failed', { clock })).toMatchObject({
    code,
    retryable,
    message: 'x failed',
  });
});

test('retry-after is taken over, and what the caller knows better goes before it', () => {
  const answer = { status: 429, headers: new Map([['retry-after', '7']]) };
  expect(httpError(answer, 'x', { clock }).retryAfterMs).toBe(7000);
  expect(httpError(answer, 'x', { clock, retryAfterMs: 1, retryable: false })).toMatchObject({
    retryAfterMs: 1,
    retryable: false,
  });
});
