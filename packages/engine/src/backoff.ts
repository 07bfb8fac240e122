/** Exponential backoff: doubles from `firstMs` up to `mostMs`, with up to a fifth of jitter either way. */
export interface Backoff {
  readonly firstMs: number;
  readonly mostMs: number;
}

/** Milliseconds to wait after the `failures`-th failure in a row (from 1). `random` gives numbers from 0 to 1. */
export function backoffMs({ firstMs, mostMs }: Backoff, failures: number, random: () => number): number {
  return jitter(Math.min(mostMs, firstMs * 2 ** Math.min(failures - 1, 30)), 0.2, random);
}

/** `ms` give or take the share. */
export function jitter(ms: number, share: number, random: () => number): number {
  return Math.round(ms * (1 - share + 2 * share * random()));
}
