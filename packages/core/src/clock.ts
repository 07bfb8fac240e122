import { setTimeout as delay } from 'node:timers/promises';
import type { CallOptions } from './call-options.ts';

/** Time as a value that tests can replace. */
export interface Clock {
  /** Wall clock, milliseconds since 1970; may jump. */
  now(): number;
  /** Milliseconds from an arbitrary start; never jumps, for measuring and for deadlines. */
  monotonic(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when it aborts. */
  sleep(ms: number, options: CallOptions): Promise<void>;
}

/** A timer of Node that is longer fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The real time of this process. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  async sleep(ms, { signal }) {
    signal.throwIfAborted();
    try {
      for (let left = ms; left > 0; left -= LONGEST_TIMER_MS)
        await delay(Math.min(left, LONGEST_TIMER_MS), undefined, { signal });
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    }
  },
};
