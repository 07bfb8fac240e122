import type { CallOptions, ProviderContext } from '@hikyaku/core';
import { fingerprint, tokenText, withCredentials } from '@hikyaku/provider-utils';
import type { Account, Login } from './login.ts';

/** Whoever has the token that the config names. */
export class TokenAccount implements Account {
  readonly #context: ProviderContext;

  constructor(context: ProviderContext) {
    this.#context = context;
  }

  loggedIn<T>(work: (login: Login) => Promise<T>, { signal }: CallOptions): Promise<T> {
    return withCredentials(
      this.#context,
      ['token'],
      ([credential]) => {
        const token = tokenText(credential, { path: 'token', what: 'a Doppler token' });
        return work({ token, account: fingerprint('hikyaku doppler', token) });
      },
      { signal },
    );
  }
}
