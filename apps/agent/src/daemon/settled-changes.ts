import type { CallOptions, Clock } from '@hikyaku/core';
import { Wake } from '@hikyaku/engine';

export interface SettledChangesOptions {
  /** Several changes that belong together are one. */
  readonly settleMs: number;
  /** Before that not everything is known, and nothing is told for a while. */
  readonly isComplete: () => boolean;
  readonly clock: Clock;
}

/** A start that takes longer is told of while it goes on. */
const START_MS = 10_000;

/** When it is time to tell what may have changed. */
export class SettledChanges {
  readonly #options: SettledChangesOptions;
  readonly #startedAt: number;
  readonly #wake = new Wake();

  constructor(options: SettledChangesOptions) {
    this.#options = options;
    this.#startedAt = options.clock.monotonic();
  }

  /** Something may have. */
  changed(): void {
    this.#wake.up();
  }

  /** Waits for the next change, so long at most, and until it has settled; or until the signal aborts. Never rejects. */
  async wait(mostMs: number, { signal }: CallOptions): Promise<void> {
    const { clock, settleMs } = this.#options;
    let waitMs = mostMs;
    do {
      await this.#wake.wait(waitMs, clock, signal);
      await clock.sleep(settleMs, { signal }).catch(() => {});
      waitMs = settleMs;
    } while (!signal.aborted && this.#isStarting());
  }

  #isStarting(): boolean {
    const { clock, isComplete } = this.#options;
    return !isComplete() && clock.monotonic() - this.#startedAt < START_MS;
  }
}
