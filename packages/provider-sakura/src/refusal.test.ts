import { FakeClock } from '@hikyaku/core/testing';
import { expect, test } from 'vitest';
import { refusal } from './refusal.ts';
import type { Purpose } from './refusal.ts';

function refused(status: number, purpose: Purpose, body: unknown, headers: Readonly<Record<string, string>> = {}) {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const answer = { status, headers: new Map(Object.entries(headers)), body: bytes };
  return refusal(answer, { purpose, what: 'vault 110000000000', clock: new FakeClock() });
}

test.each<[number, Purpose, string, boolean, string]>([
  [400, 'list', 'INVALID_CONFIG', false, 'Check `vault` and `url`'],
  [400, 'unveil', 'FORBIDDEN', false, 'KMS key'],
  [400, 'write', 'INVALID_CONFIG', false, 'refused'],
  [401, 'list', 'UNAUTHENTICATED', false, 'accessToken'],
  [403, 'list', 'FORBIDDEN', false, 'right to read'],
  [403, 'unveil', 'FORBIDDEN', false, 'KMS key'],
  [403, 'write', 'FORBIDDEN', false, 'limit is 100'],
  [404, 'list', 'NOT_FOUND', false, 'Check `vault` and `url`'],
  [409, 'list', 'UNAVAILABLE', true, 'tried again'],
  [409, 'write', 'CONFLICT', true, 'somebody else'],
  [423, 'write', 'CONFLICT', true, 'somebody else'],
  [429, 'unveil', 'RATE_LIMITED', true, 'requestsPerMinute'],
  [503, 'write', 'UNAVAILABLE', true, 'failed to answer'],
  [302, 'list', 'INVALID_RESPONSE', true, 'proxy'],
])('%i for a %s is %s; its message names the thing and says what to do', (status, purpose, code, retryable, remedy) => {
  const error = refused(status, purpose, { error_code: 'some_word', error_msg: 'a sentence' });
  expect(error).toMatchObject({ code, retryable });
  for (const part of ['vault 110000000000', `(${status} some_word)`, remedy]) expect(error.message).toContain(part);
  expect(error.message).not.toContain('sentence');
});

test('a limit of SAKURA is no conflict', () => {
  expect(refused(409, 'write', { error_code: 'limit_count_in_account' }).code).toBe('FORBIDDEN');
});

test.each(['<html>', '[]', 'null', '{"error":"vault not found"}', '{"error_code":7}', '{"error_code":"Two Words"}'])(
  '%s as a body says nothing',
  (body) => {
    expect(refused(404, 'list', body).message).toContain('(404)');
  },
);

test('retry-after is taken over, in seconds or as a date', () => {
  expect(refused(429, 'list', '', { 'retry-after': '3' }).retryAfterMs).toBe(3000);
  const date = new Date(new FakeClock().now() + 60_000).toUTCString();
  expect(refused(503, 'list', '', { 'retry-after': date }).retryAfterMs).toBe(60_000);
  expect(refused(429, 'list', '').retryAfterMs).toBeUndefined();
});
