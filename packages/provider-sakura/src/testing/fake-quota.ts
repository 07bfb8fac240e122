import type { Clock } from '@hikyaku/core';

const WINDOW_MS = 60_000;

/** Counts the requests of a contract in a window of a minute that slides. */
export class FakeQuota {
  readonly #perMinute: number;
  readonly #clock: Pick<Clock, 'now'>;
  #arrived: number[] = [];
  #admitted: number[] = [];

  constructor(perMinute: number, clock: Pick<Clock, 'now'>) {
    this.#perMinute = perMinute;
    this.#clock = clock;
  }

  /** `undefined` when one more fits, otherwise the seconds until it would. */
  take(): number | undefined {
    const now = this.#clock.now();
    this.#arrived.push(now);
    this.#admitted = this.#admitted.filter((at) => at > now - WINDOW_MS);
    if (this.#admitted.length < this.#perMinute) {
      this.#admitted.push(now);
      return undefined;
    }
    return Math.ceil(((this.#admitted[0] ?? now) + WINDOW_MS - now) / 1000);
  }

  /** The most requests that arrived in any 60 s, refused ones too. */
  get busiestMinute(): number {
    let most = 0;
    for (let first = 0, last = 0; last < this.#arrived.length; last++) {
      while ((this.#arrived[first] ?? 0) <= (this.#arrived[last] ?? 0) - WINDOW_MS) first++;
      most = Math.max(most, last - first + 1);
    }
    return most;
  }

  /** Of `busiestMinute`; what was admitted still counts. */
  resetCount(): void {
    this.#arrived = [];
  }
}
