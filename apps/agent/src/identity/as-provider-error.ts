import { ProviderError } from '@hikyaku/core';
import type { CallOptions } from '@hikyaku/core';
import { TargetError } from '@hikyaku/engine';

/** As {@link OwnIdentity} rejects; throws what is no TargetError, and the signal's reason. */
export function asProviderError(error: unknown, { signal }: CallOptions): ProviderError {
  signal.throwIfAborted();
  if (!(error instanceof TargetError)) throw error;
  const isPassing = error.code === 'UNAVAILABLE' || error.code === 'CONFLICT';
  return new ProviderError(isPassing ? 'UNAVAILABLE' : 'INVALID_CONFIG', error.message);
}
