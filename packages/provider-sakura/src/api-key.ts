import { ProviderError } from '@hikyaku/core';
import type { CallOptions, ProviderContext, SecretValue } from '@hikyaku/core';
import { fingerprint, tokenText, withCredentials } from '@hikyaku/provider-utils';
import type { Account, Login } from './account.ts';

const what = 'a part of a SAKURA Cloud API key';

/** An API key of SAKURA Cloud: an access token and its secret, by two credentials. */
export class ApiKey implements Account {
  readonly principal = undefined;
  readonly #context: ProviderContext;
  readonly #base: string;

  constructor(context: ProviderContext, base: string) {
    this.#context = context;
    this.#base = base;
  }

  loggedIn<T>(work: (login: Login) => Promise<T>, { signal }: CallOptions): Promise<T> {
    const paths = ['accessToken', 'accessTokenSecret'] as const;
    return withCredentials(this.#context, paths, ([token, secret]) => work(this.#login(token, secret)), { signal });
  }

  #login(token: SecretValue, secret: SecretValue): Login {
    const user = tokenText(token, { path: 'accessToken', what });
    if (user.includes(':'))
      throw new ProviderError('INVALID_CONFIG', `what \`accessToken\` points to is not ${what}: it has a colon`);
    const password = tokenText(secret, { path: 'accessTokenSecret', what });
    return {
      authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
      account: fingerprint('hikyaku sakura', this.#base, user),
    };
  }
}
