import type { CallOptions } from '@hikyaku/core';

/** Who asks SAKURA: an API key, or a service principal. */
export interface Account {
  /** For messages; `undefined` for the API key. */
  readonly principal: string | undefined;
  /** Runs `work`, and once more with a fresh proof of who asks where it was refused (`UNAUTHENTICATED`) and there is one. */
  loggedIn<T>(work: (login: Login) => Promise<T>, options: CallOptions): Promise<T>;
}

export interface Login {
  /** The value of the `authorization` header. */
  readonly authorization: string;
  /** Names the account in counts of requests, also after its proof was renewed; says nothing about it. */
  readonly account: string;
}
