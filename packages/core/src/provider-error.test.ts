import { expect, test } from 'vitest';
import { ProviderError } from './provider-error.ts';

test.each([Number.NaN, -1])('%d milliseconds are no time to come back', (retryAfterMs) => {
  expect(new ProviderError('RATE_LIMITED', 'slowly', { retryAfterMs }).retryAfterMs).toBeUndefined();
});

test('zero is one', () => {
  expect(new ProviderError('RATE_LIMITED', 'slowly', { retryAfterMs: 0 }).retryAfterMs).toBe(0);
});

test('a message stays on one line, and moves no cursor, whatever a service calls its secrets', () => {
  const { message } = new ProviderError('UNAVAILABLE', 'A\u001B[2J\u009B1A\nB\u202EC is not there: café 鍵');
  expect(message).toBe(String.raw`A\u001b[2J\u009b1A\u000aB\u202eC is not there: café 鍵`);
});
