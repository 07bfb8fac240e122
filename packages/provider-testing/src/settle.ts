import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '@hikyaku/core';

/** Of a fake clock; small at first, so that no deadline passes while a service that works is answering. */
const STEPS: readonly { readonly until: number; readonly ms: number }[] = [
  { until: 40, ms: 10 },
  { until: 100, ms: 100 },
  { until: Number.POSITIVE_INFINITY, ms: 500 },
];

export interface SettleOptions {
  readonly clock: Clock & { advance?(ms: number): Promise<void> };
  /** Milliseconds of real time. */
  readonly patienceMs: number;
  /** Leaves the clock as it is. */
  readonly still?: boolean;
}

export type Settled<T> = { readonly value: T } | { readonly error: unknown } | 'pending';

/** How `promise` ends, moving a fake clock on meanwhile; `pending` when it takes longer than `patienceMs`. */
export async function settle<T>(
  promise: Promise<T>,
  { clock, patienceMs, still = false }: SettleOptions,
): Promise<Settled<T>> {
  const outcome = promise.then(
    (value): Settled<T> => ({ value }),
    (error: unknown): Settled<T> => ({ error }),
  );
  const moves = !still && clock.advance !== undefined;
  const end = performance.now() + patienceMs;
  for (let count = 0; ; count++) {
    const patience = new AbortController();
    const step = moves ? 1 : Math.max(0, end - performance.now());
    const settled = await Promise.race([
      outcome,
      delay(step, undefined, { signal: patience.signal }).catch(() => undefined),
    ]);
    patience.abort();
    if (settled !== undefined) return settled;
    if (performance.now() >= end) return 'pending';
    if (moves) await clock.advance?.(STEPS.find(({ until }) => count < until)?.ms ?? 0);
  }
}
