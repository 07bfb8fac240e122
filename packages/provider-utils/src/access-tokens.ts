import { isProviderError, untilAborted } from '@hikyaku/core';
import type { CallOptions, Clock } from '@hikyaku/core';

/** A token that a service gives out for something else that proves who asks, and takes for a while. */
export interface AccessToken {
  readonly text: string;
  /** For how long it is taken from when it was asked for, milliseconds; absent where the service does not say. */
  readonly lifetimeMs?: number;
}

export interface AccessTokensOptions<Token extends AccessToken> {
  readonly clock: Clock;
  /** Asks the service for a new one. The signal aborts when nobody waits for it any more. */
  readonly request: (options: CallOptions) => Promise<Token>;
}

interface Held<Token> {
  readonly token: Token;
  /** On the monotonic clock. */
  readonly usableUntil: number;
}

interface Coming<Token> {
  readonly token: Promise<Token>;
  readonly giveUp: AbortController;
  waiting: number;
}

/**
 * Keeps one access token until shortly before it expires. All who need a new one at the same time wait for the same request; whoever
 * gives up meanwhile leaves it to the others.
 */
export class AccessTokens<Token extends AccessToken = AccessToken> {
  readonly #options: AccessTokensOptions<Token>;
  #held: Held<Token> | undefined;
  #coming: Coming<Token> | undefined;

  constructor(options: AccessTokensOptions<Token>) {
    this.#options = options;
  }

  /** Another one than `refused`. */
  async get({ signal, refused }: CallOptions & { readonly refused?: Token }): Promise<Token> {
    signal.throwIfAborted();
    const held = this.#held;
    if (held !== undefined && held.token !== refused && this.#options.clock.monotonic() < held.usableUntil)
      return held.token;
    const coming = (this.#coming ??= this.#begin());
    coming.waiting++;
    try {
      return await untilAborted(coming.token, { signal });
    } finally {
      coming.waiting--;
      if (coming.waiting === 0) this.#end(coming);
    }
  }

  /** Runs `work` with a token, and once more with another one where it was refused (`UNAUTHENTICATED`). */
  async use<T>(work: (token: Token) => Promise<T>, { signal }: CallOptions): Promise<T> {
    const token = await this.get({ signal });
    try {
      return await work(token);
    } catch (error) {
      if (!isProviderError(error) || error.code !== 'UNAUTHENTICATED') throw error;
      return await work(await this.get({ signal, refused: token }));
    }
  }

  #begin(): Coming<Token> {
    const giveUp = new AbortController();
    return { token: this.#request({ signal: giveUp.signal }), giveUp, waiting: 0 };
  }

  #end(coming: Coming<Token>): void {
    if (this.#coming === coming) this.#coming = undefined;
    coming.giveUp.abort();
  }

  async #request({ signal }: CallOptions): Promise<Token> {
    const startedAt = this.#options.clock.monotonic();
    const token = await this.#options.request({ signal });
    // A tenth earlier, at most a minute, so that no request arrives with a token that has just expired.
    const { lifetimeMs = Infinity } = token;
    this.#held = { token, usableUntil: startedAt + lifetimeMs - Math.min(60_000, lifetimeMs / 10) };
    return token;
  }
}
