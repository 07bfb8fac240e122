import type { CallOptions } from '@hikyaku/core';

export interface Login {
  readonly token: string;
  /** Stands for who asks, also after the token was renewed; says nothing about it. */
  readonly account: string;
  /** The id of the service account identity that the token was given to. */
  readonly identity?: string;
}

/** Who asks Doppler: whoever has a token, or an identity. */
export interface Account {
  /** Runs `work`, and once more with a fresh token where it was refused (`UNAUTHENTICATED`) and there is one. */
  loggedIn<T>(work: (login: Login) => Promise<T>, options: CallOptions): Promise<T>;
}
