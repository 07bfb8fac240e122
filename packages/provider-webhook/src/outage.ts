import { isProviderError } from '@hikyaku/core';
import type { ProviderError } from '@hikyaku/core';

const MANY = 3;

/** Ends the asking, one secret after the other, of a service that does not answer at all: each would wait for its own time to be up. */
export class Outage {
  #failures = 0;
  #error: ProviderError | undefined;

  /** Throws when the service is taken for down. */
  check(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  /** Runs what rejects only if there was no answer. */
  async watch<T>(ask: () => Promise<T>): Promise<T> {
    try {
      const answer = await ask();
      this.#failures = 0;
      return answer;
    } catch (error) {
      if (isProviderError(error) && error.code === 'UNAVAILABLE' && ++this.#failures >= MANY) this.#error = error;
      throw error;
    }
  }

  /** The service said itself that it takes no more. */
  begin(error: ProviderError): void {
    this.#error = error;
  }
}
