import type { Clock } from '@hikyaku/core';

/** A wake-up call that is not lost when nobody waits yet. */
export class Wake {
  #called = false;
  #ring: (() => void) | undefined;

  get called(): boolean {
    return this.#called;
  }

  up(): void {
    this.#called = true;
    this.#ring?.();
  }

  /** Waits that long, or until it is called, or until the signal aborts; never rejects. Says whether it was called. */
  async wait(ms: number, clock: Clock, signal: AbortSignal): Promise<boolean> {
    if (!this.#called && ms > 0) {
      const rung = new AbortController();
      this.#ring = () => rung.abort();
      await clock.sleep(ms, { signal: AbortSignal.any([signal, rung.signal]) }).catch(() => {});
      this.#ring = undefined;
    }
    const called = this.#called;
    this.#called = false;
    return called;
  }
}
