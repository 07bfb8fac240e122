import { expect, test } from 'vitest';
import { ProviderError } from './provider-error.ts';

test.each([Number.NaN, -1])('%d milliseconds are no time to come back', (retryAfterMs) => {
  expect(new ProviderError('RATE_LIMITED', 'slowly', { retryAfterMs }).retryAfterMs).toBeUndefined();
});

test('zero is one', () => {
  expect(new ProviderError('RATE_LIMITED', 'slowly', { retryAfterMs: 0 }).retryAfterMs).toBe(0);
});
