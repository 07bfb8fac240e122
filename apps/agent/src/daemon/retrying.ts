import { isProviderError, systemClock } from '@hikyaku/core';
import type { CallOptions, Logger } from '@hikyaku/core';
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

/** Waits for the API server as long as it takes. Resolves to `undefined` when the signal aborts meanwhile. */
export async function retrying<T>(
  work: () => Promise<T>,
  logger: Logger,
  { signal }: CallOptions,
): Promise<T | undefined> {
  for (let delayMs = 1_000; !signal.aborted; delayMs = Math.min(delayMs * 2, 60_000)) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) break;
      if (!isPassing(error)) throw error;
      logger.warn({ error, retryInMs: delayMs }, 'cluster unreachable');
      await systemClock.sleep(delayMs, { signal }).catch(() => {});
    }
  }
  return undefined;
}

function isPassing(error: unknown): boolean {
  return (
    (isKubeError(error) || isProviderError(error) || error instanceof TargetError) &&
    (PASSING.has(error.code) || ('retryable' in error && error.retryable))
  );
}
