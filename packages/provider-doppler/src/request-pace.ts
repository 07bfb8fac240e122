import { ProviderError } from '@hikyaku/core';
import type { CallOptions, Clock } from '@hikyaku/core';

const LONGEST_WAIT_MS = 10_000;
/** Doppler counts per minute, so a window that ends later is a clock that is wrong. */
const LONGEST_WINDOW_MS = 60_000;

interface Window {
  readonly limit: number;
  readonly remaining: number;
  /** On the monotonic clock. */
  readonly endsAt: number;
}

/**
 * Slows down as Doppler's own count of what is left runs low, because others share it: it counts per token and per source
 * address. With more than a quarter left there is no wait. Below that, what is left is spread evenly over the rest of the
 * window; with nothing left it waits for the next window, or rejects with `RATE_LIMITED` when that is more than 10 s away.
 */
export class RequestPace {
  readonly #clock: Clock;
  #window: Window | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes over `x-ratelimit-limit`, `-remaining` and `-reset` (seconds since 1970) of an answer. */
  note(headers: ReadonlyMap<string, string>): void {
    const limit = Number(headers.get('x-ratelimit-limit') ?? Number.NaN);
    const remaining = Number(headers.get('x-ratelimit-remaining') ?? Number.NaN);
    const resetAt = Number(headers.get('x-ratelimit-reset') ?? Number.NaN) * 1000;
    // Their clock against their clock: ours may be wrong.
    const date = Date.parse(headers.get('date') ?? '');
    const leftMs = resetAt - (Number.isNaN(date) ? this.#clock.now() : date);
    const usable = limit > 0 && remaining >= 0 && leftMs > 0;
    this.#window = usable
      ? { limit, remaining, endsAt: this.#clock.monotonic() + Math.min(leftMs, LONGEST_WINDOW_MS) }
      : undefined;
  }

  async wait({ signal }: CallOptions): Promise<void> {
    if (this.#window === undefined) return;
    const { limit, remaining, endsAt } = this.#window;
    const leftMs = endsAt - this.#clock.monotonic();
    if (leftMs <= 0 || remaining > limit / 4) return;
    if (remaining === 0 && leftMs > LONGEST_WAIT_MS) {
      throw new ProviderError(
        'RATE_LIMITED',
        `Doppler takes no more requests of this token or address for ${Math.ceil(leftMs / 1000)} s`,
        {
          retryAfterMs: leftMs,
        },
      );
    }
    await this.#clock.sleep(Math.min(leftMs / (remaining + 1), LONGEST_WAIT_MS), { signal });
  }
}
