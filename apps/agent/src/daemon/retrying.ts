import { isProviderError, systemClock } from '@hikyaku/core';
import type { CallOptions, Clock, Logger } from '@hikyaku/core';
import { TargetError } from '@hikyaku/engine';
import { isKubeError } from '@hikyaku/kube-client';

/** An API server that has just started answers 403 until it has loaded its rules; and a person may apply the rights after the agent. */
const PASSING: ReadonlySet<string> = new Set([
  'UNAVAILABLE',
  'FORBIDDEN',
  'NOT_GRANTED',
  'UNAUTHENTICATED',
  'UNEXPECTED',
]);

const FIRST_MS = 1_000;
const MOST_MS = 60_000;

/** Waits for the API server, and for rights in it, as long as it takes. Resolves to `undefined` when the signal aborts meanwhile. */
export async function retrying<T>(
  work: () => Promise<T>,
  logger: Logger,
  { signal }: CallOptions,
  clock: Clock = systemClock,
): Promise<T | undefined> {
  let delayMs = FIRST_MS;
  let said: string | undefined;
  while (!signal.aborted) {
    const startedAt = clock.monotonic();
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) break;
      if (!isPassing(error)) throw error;
      // What was well for a while has not failed in a row.
      if (clock.monotonic() - startedAt > MOST_MS) [delayMs, said] = [FIRST_MS, undefined];
      const level = said === error.message ? 'debug' : 'warn';
      logger[level]({ error, retryInMs: delayMs }, wordFor(error));
      said = error.message;
      await clock.sleep(delayMs, { signal }).catch(() => {});
      delayMs = Math.min(delayMs * 2, MOST_MS);
    }
  }
  return undefined;
}

function wordFor({ code }: PassingError): string {
  if (code === 'FORBIDDEN' || code === 'NOT_GRANTED' || code === 'UNAUTHENTICATED') return 'waiting for rights';
  return code === 'UNAVAILABLE' ? 'cluster unreachable' : 'cannot begin yet';
}

type PassingError = Error & { readonly code: string };

function isPassing(error: unknown): error is PassingError {
  return (
    (isKubeError(error) || isProviderError(error) || error instanceof TargetError) &&
    (PASSING.has(error.code) || ('retryable' in error && error.retryable))
  );
}
