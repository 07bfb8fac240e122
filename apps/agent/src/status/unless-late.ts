import type { CallOptions, Clock } from '@hikyaku/core';

/** Whoever asked waits no longer, and others wait for their turn. */
const LATE_MS = 600_000;

/** What comes of the work, or `late` after ten minutes, when it is told to end. */
export async function unlessLate<T>(
  work: (options: CallOptions) => Promise<T>,
  { clock, signal }: CallOptions & { readonly clock: Clock },
): Promise<T | 'late'> {
  const done = new AbortController();
  const late = new AbortController();
  clock.sleep(LATE_MS, { signal: AbortSignal.any([signal, done.signal]) }).then(
    () => late.abort(),
    () => {},
  );
  try {
    return await work({ signal: AbortSignal.any([signal, late.signal]) });
  } catch (error) {
    if (signal.aborted || !late.signal.aborted) throw error;
    return 'late';
  } finally {
    done.abort();
  }
}
