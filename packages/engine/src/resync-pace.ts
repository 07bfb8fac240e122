import type { SecretId } from './secret-spec.ts';

const AT_ONCE = 20;
const EVERY_MS = 1_000;

/** Spreads a resync: what mostly changes nothing is no burst of requests, and stands in the way of nothing that does. */
export class ResyncPace {
  #waiting: readonly SecretId[] = [];
  #atOnce = AT_ONCE;
  #everyMs = EVERY_MS;
  #nextAt = Infinity;

  /** When the turn of the next ones comes, on the monotonic clock; `Infinity` when none waits. */
  get nextAt(): number {
    return this.#nextAt;
  }

  /** Within so many milliseconds at the most; 0: all at once. What waited before does not any more. */
  begin(ids: readonly SecretId[], { now, withinMs }: { readonly now: number; readonly withinMs: number }): void {
    this.#waiting = ids;
    this.#atOnce = withinMs === 0 ? ids.length : AT_ONCE;
    this.#everyMs = Math.min(EVERY_MS, withinMs / Math.ceil(ids.length / this.#atOnce));
    this.#nextAt = ids.length === 0 ? Infinity : now;
  }

  /** Those whose turn it is. */
  take(now: number): ReadonlySet<SecretId> {
    if (now < this.#nextAt) return NONE;
    const taken = this.#waiting.slice(0, this.#atOnce);
    this.#waiting = this.#waiting.slice(this.#atOnce);
    this.#nextAt = this.#waiting.length === 0 ? Infinity : now + this.#everyMs;
    return new Set(taken);
  }

  end(): void {
    this.#waiting = [];
    this.#nextAt = Infinity;
  }
}

const NONE: ReadonlySet<SecretId> = new Set();
