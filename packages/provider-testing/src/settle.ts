import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '@hikyaku/core';

interface Step {
  /** Up to this turn of the event loop since something last happened. */
  readonly turns: number;
  /** So far a fake clock goes on in each. */
  readonly ms: number;
}

/** Little at first, so that no deadline passes while a service that works is answering. */
const STEPS: Readonly<Record<'careful' | 'quick' | 'silence', readonly Step[]>> = {
  careful: [
    { turns: 100, ms: 10 },
    { turns: 200, ms: 50 },
    { turns: Number.POSITIVE_INFINITY, ms: 500 },
  ],
  quick: [
    { turns: 36, ms: 250 },
    { turns: Number.POSITIVE_INFINITY, ms: 500 },
  ],
  silence: [{ turns: Number.POSITIVE_INFINITY, ms: 5000 }],
};

/**
 * How a fake clock goes on. `careful`: waits are cut short, answers are not. `quick`: the service answers with errors.
 * `silence`: it does not answer. `real`: as the real clock. `still`: not at all.
 */
export type Pace = keyof typeof STEPS | 'real' | 'still';

export interface SettleOptions {
  readonly clock: Clock & { advance?(ms: number): Promise<void> };
  /** Milliseconds of real time. */
  readonly patienceMs: number;
  readonly pace: Pace;
  /** Grows while something happens. */
  readonly activity: () => number;
}

export type Settled<T> = { readonly value: T } | { readonly error: unknown } | 'pending';

/** How `promise` ends, moving a fake clock on meanwhile; `pending` when it takes longer than `patienceMs`. */
export async function settle<T>(promise: Promise<T>, options: SettleOptions): Promise<Settled<T>> {
  const { clock, patienceMs, pace, activity } = options;
  const outcome = promise.then(
    (value): Settled<T> => ({ value }),
    (error: unknown): Settled<T> => ({ error }),
  );
  const moves = pace !== 'still' && clock.advance !== undefined;
  const end = performance.now() + patienceMs;
  let before = { at: performance.now(), activity: activity() };
  for (let turns = 0; ; turns++) {
    const settled = await within(moves ? 1 : end - performance.now(), outcome);
    if (settled !== undefined) return settled;
    const now = { at: performance.now(), activity: activity() };
    if (now.at >= end) return 'pending';
    if (now.activity !== before.activity) turns = 0;
    if (moves) await clock.advance?.(pace === 'real' ? now.at - before.at : stepOf(pace, turns));
    before = now;
  }
}

function stepOf(pace: keyof typeof STEPS, turn: number): number {
  return STEPS[pace].find(({ turns }) => turn < turns)?.ms ?? 0;
}

/** `undefined` when it takes longer. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  const done = new AbortController();
  const late = delay(Math.max(0, ms), undefined, { signal: done.signal }).catch(() => undefined);
  try {
    return await Promise.race([promise, late]);
  } finally {
    done.abort();
  }
}
