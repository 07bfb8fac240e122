import { FakeClock } from '@hikyaku/core/testing';
import { expect, test } from 'vitest';
import { refusal } from './refusal.ts';
import type { RefusalOptions } from './refusal.ts';

const token = 'token-in-use';

interface Refused {
  readonly headers?: Readonly<Record<string, string>>;
  readonly config?: RefusalOptions['config'];
  readonly written?: RefusalOptions['written'];
}

function refused(
  status: number,
  body: unknown,
  { headers = {}, config = { project: 'homelab', config: 'prd' }, written }: Refused = {},
) {
  const answer = { status, headers: new Map(Object.entries(headers)), body: Buffer.from(JSON.stringify(body)) };
  return refusal(answer, { config, token, clock: new FakeClock(), ...(written && { written }) });
}

test.each([
  [400, 'INVALID_CONFIG', false, 'which token is in use'],
  [401, 'UNAUTHENTICATED', false, 'Project → Config → Access'],
  [403, 'FORBIDDEN', false, 'service token'],
  [404, 'NOT_FOUND', false, 'spelling'],
  [408, 'UNAVAILABLE', true, 'tried again'],
  [429, 'RATE_LIMITED', true, 'longer `refresh`'],
  [503, 'UNAVAILABLE', true, 'tried again'],
  [302, 'INVALID_RESPONSE', true, 'proxy'],
])('%i is %s; its message names the config, quotes Doppler and says what to do', (status, code, retryable, remedy) => {
  const error = refused(status, { messages: ['As Doppler says'] }, { headers: { 'x-request-id': 'request-1' } });
  expect(error).toMatchObject({ code, retryable });
  for (const part of ['project homelab config prd', `${status} As Doppler says, request request-1`, remedy])
    expect(error.message).toContain(part);
});

test.each([
  [400, 'INVALID_CONFIG', 'the token is for this config'],
  [403, 'FORBIDDEN', 'service token of that config with read/write access'],
  [429, 'RATE_LIMITED', 'count together'],
  [503, 'UNAVAILABLE', 'Doppler failed to answer'],
  [401, 'UNAUTHENTICATED', 'Project → Config → Access'],
])('%i to a write is %s, and says what to do for a write', (status, code, remedy) => {
  const error = refused(status, { messages: ['As Doppler says'] }, { written: ['value'] });
  expect(error.code).toBe(code);
  for (const part of ['project homelab config prd', `${status} As Doppler says`, remedy])
    expect(error.message).toContain(part);
  expect(error.message).not.toContain('tried again');
});

test('words of what was to be written are left out, also plain ones', () => {
  const messages = ["The value 'correct horse' of config 'prd' must be a number"];
  const { message } = refused(400, { messages }, { written: ['my correct horse, a prd'] });
  expect(message).toContain("(400 The value … of config 'prd' must be … number)");
});

test('without a configured project, 400 says that only service tokens know theirs', () => {
  expect(refused(400, {}, { config: {} }).message).toContain('Only service tokens (dp.st.…) know their config');
});

test('tokens and line breaks are taken out of what Doppler says, and it is kept short', () => {
  const { message } = refused(400, {
    messages: [`bad\r\n${token}\u2028 and dp.st.prd.abcDEF123 and dp.pt.xyz`, 7, 'word '.repeat(100)],
  });
  expect(message).toContain('(400 bad [token] and [token] and [token]; word word');
  expect(message).toContain('…)');
  expect(message.length).toBeLessThan(500);
  expect(message).not.toMatch(/token-in-use|abcDEF|xyz|\n/);
});

test('what is no plain word could be a value, and is left out', () => {
  const messages = [
    "The value 'pA5s+w0rd\\n/==' of DB_PASSWORD (q8Zr4vXk2WmT7) doesn't fit requested config 'prd': hunter2-hunter2.",
  ];
  expect(refused(400, { messages }).message).toContain("(400 The value … of … doesn't fit requested config 'prd': …)");
});

test.each([['<html>'], [null], [[]], [{ messages: 'text' }], [{ messages: [{}] }]])(
  '%j as a body says nothing',
  (body) => {
    expect(refused(500, body).message).toContain('(500)');
  },
);

test('a request id that is not plain is left out', () => {
  expect(refused(500, {}, { headers: { 'x-request-id': 'a b' } }).message).toContain('(500)');
});

test('data.isRetryable and isRetryableAfterSec go before the status', () => {
  expect(refused(400, { data: { isRetryable: true } })).toMatchObject({ code: 'INVALID_CONFIG', retryable: true });
  expect(refused(403, { data: { isRetryableAfterSec: 3 } })).toMatchObject({ retryable: true, retryAfterMs: 3000 });
  expect(refused(429, {}, { headers: { 'retry-after': '5' } })).toMatchObject({ retryAfterMs: 5000 });
});
