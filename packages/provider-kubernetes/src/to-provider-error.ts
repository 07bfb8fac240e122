import { ProviderError } from '@hikyaku/core';
import type { ProviderErrorCode } from '@hikyaku/core';
import type { KubeError, KubeErrorCode } from '@hikyaku/kube-client';

const CODES: Readonly<Record<KubeErrorCode, ProviderErrorCode>> = {
  UNAUTHENTICATED: 'UNAUTHENTICATED',
  FORBIDDEN: 'FORBIDDEN',
  NOT_FOUND: 'NOT_FOUND',
  ALREADY_EXISTS: 'CONFLICT',
  CONFLICT: 'CONFLICT',
  GONE: 'UNAVAILABLE',
  TOO_LARGE: 'INVALID_CONFIG',
  INVALID: 'INVALID_CONFIG',
  RATE_LIMITED: 'RATE_LIMITED',
  BAD_REQUEST: 'INVALID_CONFIG',
  UNAVAILABLE: 'UNAVAILABLE',
  UNEXPECTED: 'INVALID_RESPONSE',
};

/** `advice` says what to do, where the error's own words do not. */
export function toProviderError(error: KubeError, advice?: string): ProviderError {
  const { code, message, retryAfterMs, terminating } = error;
  return new ProviderError(CODES[code], advice === undefined ? message : `${message}. ${advice}`, {
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(terminating && { retryable: true }),
    cause: error,
  });
}
