import type { Clock } from '@hikyaku/core';

const WINDOW_MS = 60_000;

/** How many requests fit into a minute; each token has its own count. */
export interface FakeLimits {
  /** Everything that reads, but for secrets. */
  readonly reads: number;
  readonly secretReads: number;
  readonly writes: number;
}

/** Of Doppler's free plan (https://docs.doppler.com/reference/api, 2026). */
export const FREE_PLAN: FakeLimits = { reads: 240, secretReads: 120, writes: 60 };

/** Counts requests in fixed windows of a minute. */
export class FakeRateLimit {
  readonly #limits: FakeLimits;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #windows = new Map<string, { readonly endsAt: number; used: number }>();

  constructor(limits: FakeLimits, clock: Pick<Clock, 'now'>) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Takes one of the token's requests, and says what its headers should say. */
  take(
    token: string,
    kind: keyof FakeLimits,
  ): { readonly allowed: boolean; readonly headers: Readonly<Record<string, string>> } {
    const now = this.#clock.now();
    const id = `${kind} ${token}`;
    const known = this.#windows.get(id);
    const window = known !== undefined && known.endsAt > now ? known : { endsAt: now + WINDOW_MS, used: 0 };
    this.#windows.set(id, window);
    const limit = this.#limits[kind];
    const allowed = window.used < limit;
    if (allowed) window.used += 1;
    const headers = {
      'x-ratelimit-limit': String(limit),
      'x-ratelimit-remaining': String(limit - window.used),
      'x-ratelimit-reset': String(Math.ceil(window.endsAt / 1000)),
    };
    return {
      allowed,
      headers: allowed ? headers : { ...headers, 'retry-after': String(Math.ceil((window.endsAt - now) / 1000)) },
    };
  }
}
