import { addAbortListener } from 'node:events';
import type { CallOptions, Clock } from '@hikyaku/core';

/**
 * A minute, and a second more: services count when a request arrives, and the first ones of a burst arrive late, by the time
 * that opening a connection takes.
 */
const WINDOW_MS = 61_000;

interface Account {
  /** When requests passed, on the monotonic clock; none older than the window. */
  readonly passed: number[];
  /** Settles when everybody who asked before has passed or given up. */
  queue: Promise<void>;
  waiting: number;
}

/** Lets at most so many requests through in any minute, whenever it begins: per account, in the order of the calls. */
export class RequestBudgets {
  readonly #clock: Clock;
  readonly #accounts = new Map<string, Account>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when one more request of the account fits. Who aborts leaves the queue, and takes nothing. */
  async take(account: string, perMinute: number, { signal }: CallOptions): Promise<void> {
    // With anything else nobody would ever pass.
    if (!(perMinute >= 1)) throw new RangeError(`a budget of ${perMinute} requests a minute lets nothing through`);
    signal.throwIfAborted();
    this.#forgetIdle();
    const own = this.#accounts.get(account) ?? { passed: [], queue: Promise.resolve(), waiting: 0 };
    this.#accounts.set(account, own);

    const before = own.queue;
    const { promise, resolve } = Promise.withResolvers<void>();
    own.queue = promise;
    own.waiting++;
    try {
      await settledOrAborted(before, signal);
      await this.#waitForRoom(own, Math.floor(perMinute), { signal });
      own.passed.push(this.#clock.monotonic());
    } finally {
      own.waiting--;
      // Who gives up lets nobody pass those in front.
      void before.then(resolve);
    }
  }

  async #waitForRoom({ passed }: Account, perMinute: number, { signal }: CallOptions): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const now = this.#clock.monotonic();
      forgetOld(passed, now);
      const blocking = passed.at(-perMinute);
      if (blocking === undefined) return;
      await this.#clock.sleep(blocking + WINDOW_MS - now, { signal });
    }
  }

  /** A changed token is another account, and the old one is never asked for again. */
  #forgetIdle(): void {
    const now = this.#clock.monotonic();
    for (const [name, { passed, waiting }] of this.#accounts) {
      forgetOld(passed, now);
      if (passed.length === 0 && waiting === 0) this.#accounts.delete(name);
    }
  }
}

function forgetOld(passed: number[], now: number): void {
  const first = passed.findIndex((at) => at > now - WINDOW_MS);
  passed.splice(0, first === -1 ? passed.length : first);
}

async function settledOrAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<never>();
  using _ = addAbortListener(signal, () => aborted.reject(signal.reason));
  await Promise.race([work, aborted.promise]);
}
