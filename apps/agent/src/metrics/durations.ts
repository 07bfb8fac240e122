/** Upper bounds, seconds: from a conditional request in the same house to a read within a budget of requests. */
export const BUCKETS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300] as const;

/** How often something took how long. */
export class Durations {
  /** Beside each bound, those that took longer than the one before; at the end, those above all bounds. */
  readonly counts: number[] = Array.from({ length: BUCKETS.length + 1 }, () => 0);
  sum = 0;

  add(seconds: number): void {
    const index = BUCKETS.findIndex((bound) => seconds <= bound);
    const at = index === -1 ? BUCKETS.length : index;
    this.counts[at] = (this.counts[at] ?? 0) + 1;
    this.sum += seconds;
  }
}
