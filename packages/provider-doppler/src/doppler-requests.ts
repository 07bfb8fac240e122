import type { CallOptions, ProviderContext } from '@hikyaku/core';
import { baseUrl, sendRequest, userAgent } from '@hikyaku/provider-utils';
import type { HttpAnswer } from '@hikyaku/provider-utils';
import type { DopplerConfig } from './doppler-config.ts';
import { IdentityAccount } from './identity-account.ts';
import type { Account, Login } from './login.ts';
import { requestIdOf } from './refusal.ts';
import { RequestPace } from './request-pace.ts';
import { TokenAccount } from './token-account.ts';

/**
 * Requests per minute and token on the free plan (https://docs.doppler.com/reference/api, rate limits). Of which kind the list of
 * names is, is not said: it is counted with what allows less.
 */
const LIMITS = {
  reads: { perMinute: 120, account: '' },
  names: { perMinute: 120, account: '' },
  writes: { perMinute: 60, account: ' writes' },
};

export interface DopplerRequest {
  readonly kind: keyof typeof LIMITS;
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Makes it a POST. */
  readonly body?: string;
  /** Of the answer. */
  readonly maxBytes?: number;
}

/** Single requests to Doppler's HTTP API, version 3, within the limits. */
export class DopplerRequests {
  readonly #config: DopplerConfig;
  readonly #context: ProviderContext;
  readonly #account: Account;
  readonly #paces: Readonly<Record<DopplerRequest['kind'], RequestPace>>;

  constructor(config: DopplerConfig, context: ProviderContext) {
    this.#config = config;
    this.#context = context;
    this.#account =
      config.oidc === undefined ? new TokenAccount(context) : new IdentityAccount(config, config.oidc, context);
    const { clock } = context;
    this.#paces = { reads: new RequestPace(clock), names: new RequestPace(clock), writes: new RequestPace(clock) };
  }

  /** Runs `work` with the token, and once more with a fresh one where it was refused and there is one: it may have been replaced meanwhile. */
  loggedIn<T>(work: (login: Login) => Promise<T>, { signal }: CallOptions): Promise<T> {
    return this.#account.loggedIn(work, { signal });
  }

  /** Resolves when a request of the kind fits into what Doppler allows; rejects with `RATE_LIMITED` when that is far off. */
  async waitForTurn({ account }: Login, kind: DopplerRequest['kind'], { signal }: CallOptions): Promise<void> {
    const limit = LIMITS[kind];
    await this.#paces[kind].wait({ signal });
    await this.#context.budget(`doppler ${account}${limit.account}`, limit.perMinute, { signal });
  }

  /** One request, whatever is answered. Rejects as `sendRequest` does. */
  async send(
    { token }: Login,
    { kind, path, query = {}, headers, body, maxBytes }: DopplerRequest,
    { signal, attempt }: CallOptions & { readonly attempt: number },
  ): Promise<HttpAnswer> {
    const { clock, dispatcher, logger } = this.#context;
    const url = new URL(`${baseUrl(this.#config.url)}/v3/configs/config/${path}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const answer = await sendRequest(url, {
      dispatcher,
      clock,
      signal,
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${token}`,
        'user-agent': userAgent,
        ...headers,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { method: 'POST', body }),
      ...(maxBytes !== undefined && { maxBytes }),
    });
    this.#paces[kind].note(answer.headers);
    logger.debug(
      {
        status: answer.status,
        cached: answer.status === 304,
        attempt,
        requestId: requestIdOf(answer),
        remaining: answer.headers.get('x-ratelimit-remaining'),
      },
      'doppler answered',
    );
    return answer;
  }
}
