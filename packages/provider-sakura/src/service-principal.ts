import type { CallOptions, ProviderContext } from '@hikyaku/core';
import { AccessTokens, fingerprint, forCluster, retry, sendRequest, userAgent } from '@hikyaku/provider-utils';
import type { AccessToken } from '@hikyaku/provider-utils';
import type { Account, Login } from './account.ts';
import { givenToken, parseAnswer } from './parse-answer.ts';
import { PUBLIC_KEY } from './public-key.ts';
import type { ServicePrincipalConfig } from './sakura-config.ts';
import { tokenRefusal } from './token-refusal.ts';
import { tokenUrlOf } from './token-url.ts';

/** What SAKURA is asked to take an assertion for; it is used at once. */
const ASSERTION_LIFETIME_MS = 5 * 60_000;

/**
 * A service principal of SAKURA Cloud: the cluster signs an assertion with its own key, and gets an access token for it (RFC 7523). Only
 * the token endpoint sees the assertion, and only the Secret Manager the token.
 */
export class ServicePrincipal implements Account {
  readonly principal: string;
  readonly #config: ServicePrincipalConfig;
  readonly #context: ProviderContext;
  readonly #base: string;
  readonly #tokens: AccessTokens;

  constructor(config: ServicePrincipalConfig, context: ProviderContext, base: string) {
    this.principal = config.id;
    this.#config = config;
    this.#context = context;
    this.#base = base;
    this.#tokens = new AccessTokens({ clock: context.clock, request: (options) => this.#request(options) });
  }

  loggedIn<T>(work: (login: Login) => Promise<T>, { signal }: CallOptions): Promise<T> {
    const account = fingerprint('hikyaku sakura principal', this.#base, this.principal);
    return this.#tokens.use(({ text }) => work({ authorization: `Bearer ${text}`, account }), { signal });
  }

  #request({ signal }: CallOptions): Promise<AccessToken> {
    const { clock, logger } = this.#context;
    return retry(() => this.#requestOnce({ signal }), {
      clock,
      signal,
      onRetry: (error, { attempt, delayMs }) =>
        logger.debug({ code: error.code, attempt, delayMs }, 'asking sakura for an access token again'),
    });
  }

  async #requestOnce({ signal }: CallOptions): Promise<AccessToken> {
    const { clock, dispatcher, logger } = this.#context;
    // What SAKURA calls the key of this cluster.
    const keyId = forCluster(this.#config.kid, this.#context, {
      path: 'servicePrincipal.kid',
      remedy: `upload its public key to service principal ${this.principal} (${PUBLIC_KEY}), and write the id that it gets behind its name`,
    });
    const url = tokenUrlOf(this.#config, this.#base);
    // Each one is taken once only, so a repeated request needs another.
    const assertion = await this.#context.signAssertion(
      {
        issuer: this.principal,
        subject: this.principal,
        audience: url,
        keyId,
        lifetimeMs: ASSERTION_LIFETIME_MS,
      },
      { signal },
    );
    const answer = await sendRequest(url, {
      dispatcher,
      clock,
      signal,
      method: 'POST',
      headers: {
        accept: 'application/json',
        'content-type': 'application/x-www-form-urlencoded',
        'user-agent': userAgent,
      },
      body: new URLSearchParams({
        grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
        assertion: assertion.text() ?? '',
      }).toString(),
      maxBytes: 256 * 1024,
    });
    logger.debug({ status: answer.status }, 'sakura answered for an access token');
    if (answer.status !== 200 && answer.status !== 201)
      throw tokenRefusal(answer, { principal: this.principal, keyId, clock });
    const what = `an access token for service principal ${this.principal}`;
    const { access_token: text, expires_in: seconds } = parseAnswer(givenToken, answer.body, what);
    return { text, ...(typeof seconds === 'number' && { lifetimeMs: seconds * 1000 }) };
  }
}
