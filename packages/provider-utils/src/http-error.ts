import { ProviderError } from '@hikyaku/core';
import type { Clock, ProviderErrorCode, ProviderErrorOptions } from '@hikyaku/core';
import { retryAfterMs } from './retry-after.ts';
import type { HttpAnswer } from './send-request.ts';

/**
 * What an HTTP status that was not wanted means.
 *
 * | status | code |
 * | --- | --- |
 * | 401 | `UNAUTHENTICATED` |
 * | 403 | `FORBIDDEN` |
 * | 404 | `NOT_FOUND` |
 * | 408, 5xx | `UNAVAILABLE` |
 * | 429 | `RATE_LIMITED` |
 * | other 4xx | `INVALID_CONFIG` |
 * | below 400 | `INVALID_RESPONSE`: nobody asked for it; a redirect, for example |
 */
export function httpErrorCode(status: number): ProviderErrorCode {
  if (status < 400) return 'INVALID_RESPONSE';
  if (status >= 500) return 'UNAVAILABLE';
  switch (status) {
    case 401:
      return 'UNAUTHENTICATED';
    case 403:
      return 'FORBIDDEN';
    case 404:
      return 'NOT_FOUND';
    case 408:
      return 'UNAVAILABLE';
    case 429:
      return 'RATE_LIMITED';
    default:
      return 'INVALID_CONFIG';
  }
}

/** The error of an answer, with the code of {@link httpErrorCode} and the wait that `retry-after` asks for; `options` go before both. */
export function httpError(
  answer: Pick<HttpAnswer, 'status' | 'headers'>,
  message: string,
  { clock, ...options }: ProviderErrorOptions & { readonly clock: Clock },
): ProviderError {
  const afterMs = retryAfterMs(answer.headers.get('retry-after'), clock);
  return new ProviderError(httpErrorCode(answer.status), message, {
    ...(afterMs !== undefined && { retryAfterMs: afterMs }),
    ...options,
  });
}
