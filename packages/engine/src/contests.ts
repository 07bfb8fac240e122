import type { Clock } from '@hikyaku/core';
import { backoffMs } from './backoff.ts';
import type { SecretId } from './secret-spec.ts';

/** So many repairs within the time are a contest. */
const REPAIRS = 3;
const WITHIN_MS = 3_600_000;
const BACKOFF = { firstMs: 30_000, mostMs: 600_000 };

interface Contest {
  /** Lost in a row since it is one. */
  readonly lost: number;
  /** On the monotonic clock. */
  readonly until: number;
  readonly hasWaited: boolean;
}

export interface ContestsOptions {
  readonly clock: Clock;
  readonly random: () => number;
}

/**
 * Secrets that somebody else changes again and again. Nobody wins against another controller: what is contested is put right
 * less and less often, until it is found as it was left.
 */
export class Contests {
  readonly #options: ContestsOptions;
  /** When each was put right, the last of them. */
  readonly #repairs = new Map<SecretId, readonly number[]>();
  readonly #contests = new Map<SecretId, Contest>();

  constructor(options: ContestsOptions) {
    this.#options = options;
  }

  /** When one is due to be put right again, on the monotonic clock. */
  get nextAt(): number {
    let next = Infinity;
    for (const { until, hasWaited } of this.#contests.values()) if (!hasWaited) next = Math.min(next, until);
    return next;
  }

  has(id: SecretId): boolean {
    return this.#contests.has(id);
  }

  /** When it may be put right again, on the monotonic clock. */
  until(id: SecretId): number {
    return this.#contests.get(id)?.until ?? -Infinity;
  }

  /** Those whose time has come wait no longer. */
  wake(): void {
    const now = this.#options.clock.monotonic();
    for (const [id, contest] of this.#contests)
      if (contest.until <= now && !contest.hasWaited) this.#contests.set(id, { ...contest, hasWaited: true });
  }

  /** Whether it is to be left alone for now. */
  waits(id: SecretId): boolean {
    return this.#contests.get(id)?.hasWaited === false;
  }

  /** It was not as it had been left. */
  lost(id: SecretId): void {
    const { clock, random } = this.#options;
    const now = clock.monotonic();
    const before = this.#repairs.get(id) ?? [];
    const repairs = [...before.filter((at) => now - at < WITHIN_MS), now].slice(-REPAIRS);
    this.#repairs.set(id, repairs);
    const contest = this.#contests.get(id);
    if (contest === undefined && repairs.length < REPAIRS) return;
    const lost = (contest?.lost ?? 0) + 1;
    // Never sooner than it went until now: a slow contest does not become a fast one.
    const usualMs = now - (before.at(-1) ?? now);
    const waitMs = Math.min(Math.max(backoffMs(BACKOFF, lost, random), usualMs), BACKOFF.mostMs);
    this.#contests.set(id, { lost, until: now + waitMs, hasWaited: false });
  }

  /** It was as it had been left. */
  undisturbed(id: SecretId): void {
    if (this.#contests.delete(id)) this.#repairs.delete(id);
  }

  forget(id: SecretId): void {
    this.#contests.delete(id);
    this.#repairs.delete(id);
  }
}
