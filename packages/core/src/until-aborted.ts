import type { CallOptions } from './call-options.ts';

/**
 * What a promise gives, or a rejection with the signal's reason as soon as that aborts. What was waited for is left and goes on: others may wait for
 * it too, or it cannot be ended, as a call into a file system whose server is gone.
 */
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
