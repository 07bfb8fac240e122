import type { CallOptions, Clock } from '@hikyaku/core';

export interface DeadlineOptions extends CallOptions {
  /** Milliseconds. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Made when the time is up; the call rejects with it. */
  readonly error: () => Error;
}

/** Runs `work` with a signal that aborts when the caller's does or when the time is up, and waits for it to end. */
export async function withDeadline<T>(
  work: (signal: AbortSignal) => Promise<T>,
  { timeoutMs, clock, error, signal }: DeadlineOptions,
): Promise<T> {
  signal.throwIfAborted();
  const expired = new AbortController();
  const done = new AbortController();
  clock.sleep(timeoutMs, { signal: done.signal }).then(
    () => expired.abort(error()),
    () => {}, // done in time
  );
  try {
    return await work(AbortSignal.any([signal, expired.signal]));
  } catch (failure) {
    signal.throwIfAborted();
    expired.signal.throwIfAborted();
    throw failure;
  } finally {
    done.abort();
  }
}
