import type { CallOptions, Clock } from '@hikyaku/core';

/** Lets so many requests a minute through, per account, evenly once the first burst is spent. */
export class RequestBudgets {
  readonly #clock: Clock;
  readonly #accounts = new Map<string, { tokens: number; at: number; queue: Promise<void> }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when one more request of the account fits, in the order of the calls. */
  async take(account: string, perMinute: number, { signal }: CallOptions): Promise<void> {
    const now = this.#clock.monotonic();
    const bucket = this.#accounts.get(account) ?? { tokens: perMinute, at: now, queue: Promise.resolve() };
    this.#accounts.set(account, bucket);
    const turn = bucket.queue.then(async () => {
      signal.throwIfAborted();
      bucket.tokens = Math.min(perMinute, bucket.tokens + ((this.#clock.monotonic() - bucket.at) * perMinute) / 60_000);
      bucket.at = this.#clock.monotonic();
      if (bucket.tokens < 1) {
        await this.#clock.sleep(((1 - bucket.tokens) * 60_000) / perMinute, { signal });
        bucket.tokens = 1;
        bucket.at = this.#clock.monotonic();
      }
      bucket.tokens -= 1;
    });
    bucket.queue = turn.catch(() => {});
    await turn;
  }
}
