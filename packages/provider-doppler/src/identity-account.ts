import { isProviderError, ProviderError } from '@hikyaku/core';
import type { CallOptions, ProviderContext, SecretValue } from '@hikyaku/core';
import {
  AccessTokens,
  baseUrl,
  fingerprint,
  forCluster,
  parseJson,
  retry,
  sendRequest,
  userAgent,
} from '@hikyaku/provider-utils';
import type { AccessToken } from '@hikyaku/provider-utils';
import type { DopplerConfig, OidcConfig } from './doppler-config.ts';
import { exchangeRefusal } from './exchange-refusal.ts';
import { field } from './field.ts';
import type { Account, Login } from './login.ts';
import { requestIdOf } from './refusal.ts';

/**
 * A service account identity: the token of the agent's own ServiceAccount is exchanged for one of Doppler that lasts for minutes
 * (https://docs.doppler.com/docs/service-account-identities). It is made for `url` alone, so it is worth nothing to anybody else.
 */
export class IdentityAccount implements Account {
  readonly #base: string;
  readonly #identities: OidcConfig['identity'];
  readonly #context: ProviderContext;
  readonly #tokens: AccessTokens;

  constructor({ url }: Pick<DopplerConfig, 'url'>, { identity }: OidcConfig, context: ProviderContext) {
    this.#base = baseUrl(url);
    this.#identities = identity;
    this.#context = context;
    this.#tokens = new AccessTokens({ clock: context.clock, request: (options) => this.#request(options) });
  }

  async loggedIn<T>(work: (login: Login) => Promise<T>, { signal }: CallOptions): Promise<T> {
    const identity = this.#identity();
    const account = fingerprint('hikyaku doppler identity', this.#base, identity);
    return await this.#tokens.use(({ text }) => work({ token: text, account, identity }), { signal });
  }

  /** Each cluster signs with keys of its own, so each has an identity. */
  #identity(): string {
    return forCluster(this.#identities, this.#context, {
      path: 'oidc.identity',
      remedy: "make one in Doppler for its issuer, and write the identity's id behind its name",
    });
  }

  /** A refused token of the ServiceAccount is asked for again once: the pod may have been made anew under another one. */
  async #request({ signal }: CallOptions): Promise<AccessToken> {
    const audience = new URL(this.#base).origin;
    const proof = await this.#context.serviceAccountToken(audience, { signal });
    try {
      return await this.#exchange(proof, { signal });
    } catch (error) {
      if (!isProviderError(error) || error.code !== 'UNAUTHENTICATED') throw error;
      const fresh = await this.#context.serviceAccountToken(audience, { signal, refused: proof });
      if (fresh.equals(proof)) throw error;
      return await this.#exchange(fresh, { signal });
    }
  }

  #exchange(proof: SecretValue, { signal }: CallOptions): Promise<AccessToken> {
    const { clock, logger } = this.#context;
    return retry((attempt) => this.#exchangeOnce(proof, { signal, attempt }), {
      clock,
      signal,
      onRetry: (error, { attempt, delayMs }) =>
        logger.debug({ code: error.code, attempt, delayMs }, 'asking doppler for a token again'),
    });
  }

  async #exchangeOnce(
    proof: SecretValue,
    { signal, attempt }: CallOptions & { readonly attempt: number },
  ): Promise<AccessToken> {
    const { clock, dispatcher, logger } = this.#context;
    const identity = this.#identity();
    const jwt = proof.text() ?? '';
    const answer = await sendRequest(`${this.#base}/v3/auth/oidc`, {
      dispatcher,
      clock,
      signal,
      method: 'POST',
      headers: { accept: 'application/json', 'content-type': 'application/json', 'user-agent': userAgent },
      body: JSON.stringify({ identity, token: jwt }),
      maxBytes: 256 * 1024,
    });
    logger.debug({ status: answer.status, attempt, requestId: requestIdOf(answer) }, 'doppler answered for a token');
    if (answer.status !== 200) throw exchangeRefusal(answer, { identity, jwt, clock });

    const body = parseJson(answer.body);
    const text = field(body, 'token');
    if (typeof text !== 'string' || !/^[\x21-\x7e]+$/.test(text)) throw noToken(identity);
    const date = Date.parse(answer.headers.get('date') ?? '');
    const expiresAt = Date.parse(String(field(body, 'expires_at')));
    // Their clock against their clock: ours may be wrong.
    const lifetimeMs = expiresAt - (Number.isNaN(date) ? clock.now() : date);
    return { text, ...(!Number.isNaN(lifetimeMs) && { lifetimeMs: Math.max(0, lifetimeMs) }) };
  }
}

function noToken(identity: string): ProviderError {
  return new ProviderError(
    'INVALID_RESPONSE',
    `Doppler answered identity ${identity} with something other than a token. Check that \`url\` is the Doppler API itself and that no proxy answers in its place`,
  );
}
