import type { Clock } from '@hikyaku/core';

export interface SeenIdsOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly keepMs: number;
  /** At most so many; the oldest go first. 10,000 by default. */
  readonly most?: number;
}

/** Which ids were seen, for a while. */
export class SeenIds {
  readonly #options: SeenIdsOptions;
  /** Until when, on the monotonic clock; oldest first. */
  readonly #ids = new Map<string, number>();

  constructor(options: SeenIdsOptions) {
    this.#options = options;
  }

  add(id: string): 'first' | 'again' {
    const { clock, keepMs, most = 10_000 } = this.#options;
    const now = clock.monotonic();
    for (const [old, until] of this.#ids) {
      if (until > now && this.#ids.size < most) break;
      this.#ids.delete(old);
    }
    if (this.#ids.has(id)) return 'again';
    this.#ids.set(id, now + keepMs);
    return 'first';
  }
}
