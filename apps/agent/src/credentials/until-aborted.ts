import type { CallOptions } from '@hikyaku/core';

/** Rejects as soon as the signal aborts; what was waited for goes on, as others may wait for it too. */
export async function untilAborted<T>(promise: Promise<T>, { signal }: CallOptions): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
