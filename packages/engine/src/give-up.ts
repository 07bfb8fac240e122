import type { CallOptions, Clock } from '@hikyaku/core';

/** A read that brings nothing for so long has no end. */
export const OVERDUE_MS = 300_000;
export const OVERDUE = 'the read is stuck: nothing was heard of it for 5 minutes, and it was given up';

export interface Patience extends CallOptions {
  readonly clock: Clock;
  /** How long nothing may be heard of the work, milliseconds. */
  readonly silenceMs: number;
  /** For work that was told to stop, before it is left behind. */
  readonly lastWordsMs: number;
}

export type Ended<T> =
  | { readonly value: T }
  /** It was told to stop; `isDeaf`: and goes on all the same. */
  | { readonly value?: undefined; readonly isDeaf: boolean };

/**
 * Waits for work as long as it calls `alive` now and then, and gives up what has no end. Throws what the work throws, and the reason of
 * the signal as soon as it aborts.
 */
export async function giveUpWhenSilent<T>(
  work: (options: CallOptions & { readonly alive: () => void }) => Promise<T>,
  { clock, silenceMs, lastWordsMs, signal }: Patience,
): Promise<Ended<T>> {
  const cut = new AbortController();
  const ended = new AbortController();
  let heardAt = clock.monotonic();
  const alive = () => {
    heardAt = clock.monotonic();
  };
  const sleep = (ms: number) =>
    clock.sleep(ms, { signal: AbortSignal.any([signal, ended.signal]) }).then(() => undefined);
  const outcome = work({ signal: AbortSignal.any([signal, cut.signal]), alive }).then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  try {
    for (;;) {
      const leftMs = heardAt + silenceMs - clock.monotonic();
      if (leftMs <= 0) break;
      const first = await Promise.race([outcome, sleep(leftMs)]);
      if (first === undefined) continue;
      if ('error' in first) throw first.error;
      return first;
    }
    cut.abort(new DOMException('it has taken too long', 'TimeoutError'));
    return { isDeaf: (await Promise.race([outcome, sleep(lastWordsMs)])) === undefined };
  } finally {
    ended.abort();
  }
}
