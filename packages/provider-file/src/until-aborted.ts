import type { CallOptions } from '@hikyaku/core';

/** Rejects as soon as the signal aborts: a call into a file system whose server is gone cannot be ended, only left. */
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
