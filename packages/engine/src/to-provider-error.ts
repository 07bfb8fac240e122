import { isProviderError, ProviderError } from '@hikyaku/core';

/** What a provider threw, as it is; a bug of the provider as one: its text could hold anything, so only its kind is shown. */
export function toProviderError(error: unknown): ProviderError {
  if (isProviderError(error)) return error;
  const kind = error instanceof Error ? error.name : typeof error;
  return new ProviderError(
    'INVALID_RESPONSE',
    `the provider failed with an unexpected ${kind}; this is a bug of the provider`,
    { cause: error },
  );
}
