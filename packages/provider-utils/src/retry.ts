import { isProviderError } from '@hikyaku/core';
import type { CallOptions, Clock, ProviderError } from '@hikyaku/core';

export interface RetryOptions extends CallOptions {
  readonly clock: Clock;
  /** How often at the most, the first time included; 3 by default. */
  readonly attempts?: number;
  /** Milliseconds before the second attempt, doubled for each one after; 500 by default. A random half is taken off. */
  readonly firstDelayMs?: number;
  /** The longest wait, in milliseconds; 10 000 by default. An error that asks for more is thrown at once: its `retryAfterMs` tells the caller. */
  readonly maxDelayMs?: number;
  /** From 0 to 1, for the random half. */
  readonly random?: () => number;
  /** Called before each wait. */
  readonly onRetry?: (error: ProviderError, next: { readonly attempt: number; readonly delayMs: number }) => void;
}

/**
 * Runs `attempt` (given its number, from 1) until it succeeds. Only a ProviderError that is `retryable` is tried again; after
 * the last attempt it is thrown as it is. `retryAfterMs` replaces the growing wait.
 */
export async function retry<T>(
  attempt: (number: number) => Promise<T>,
  { clock, signal, attempts = 3, firstDelayMs = 500, maxDelayMs = 10_000, random = Math.random, onRetry }: RetryOptions,
): Promise<T> {
  for (let number = 1; ; number++) {
    signal.throwIfAborted();
    try {
      return await attempt(number);
    } catch (error) {
      signal.throwIfAborted();
      if (number >= attempts || !isProviderError(error) || !error.retryable) throw error;
      const delayMs = error.retryAfterMs ?? firstDelayMs * 2 ** (number - 1) * (1 - random() / 2);
      if (delayMs > maxDelayMs) throw error;
      onRetry?.(error, { attempt: number + 1, delayMs });
      await clock.sleep(delayMs, { signal });
    }
  }
}
