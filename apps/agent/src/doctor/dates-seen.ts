import { subscribe, unsubscribe } from 'node:diagnostics_channel';

/** undici tells there of each answer, whoever has asked. */
const CHANNEL = 'undici:request:headers';

/** By how much the clocks of services were ahead of ours when they answered, as the header `date` says it (RFC 9110, to the second). */
export class DatesSeen implements Disposable {
  readonly #aheadMs = new Map<string, number>();

  constructor() {
    subscribe(CHANNEL, this.#look);
  }

  /** Milliseconds, by origin. */
  get aheadMs(): ReadonlyMap<string, number> {
    return this.#aheadMs;
  }

  [Symbol.dispose](): void {
    unsubscribe(CHANNEL, this.#look);
  }

  readonly #look = (message: unknown): void => {
    const { request, response } = message as Answer;
    const { headers } = response;
    for (let at = 0; at + 1 < headers.length; at += 2) {
      if (String(headers[at]).toLowerCase() !== 'date') continue;
      const date = Date.parse(String(headers[at + 1]));
      const origin = URL.parse(String(request.origin))?.origin;
      if (!Number.isNaN(date) && origin !== undefined) this.#aheadMs.set(origin, date - Date.now());
    }
  };
}

interface Answer {
  readonly request: { readonly origin?: unknown };
  /** Names and values in turn. */
  readonly response: { readonly headers: readonly unknown[] };
}
