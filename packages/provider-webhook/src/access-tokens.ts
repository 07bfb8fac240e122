import { isProviderError, ProviderError } from '@hikyaku/core';
import type { CallOptions, ProviderContext, SecretValue } from '@hikyaku/core';
import { httpError, sendRequest, userAgent } from '@hikyaku/provider-utils';
import type { HttpAnswer } from '@hikyaku/provider-utils';
import * as oauth from 'oauth4webapi';
import type { OAuthConfig, TemplatedConfig } from './templated-config.ts';

export interface AccessToken {
  readonly text: string;
  /** For whom it is; not a credential. */
  readonly account: string;
  /** On the monotonic clock; absent when the server did not say. */
  readonly usableUntil?: number;
}

interface Coming {
  readonly token: Promise<AccessToken>;
  readonly signal: AbortSignal;
}

const TOKEN = /^[\x21-\x7e]+$/;
/** Of an RFC 6749 error; anything else is not repeated. */
const ERROR_CODE = /^[a-z_]{1,40}$/;

/**
 * Access tokens by OAuth 2 client credentials (RFC 6749, 4.4): one is used until shortly before it expires, and all who need a new
 * one at the same time wait for the same request. The token endpoint gets the client secret and no other credential.
 */
export class AccessTokens {
  readonly #oauth: OAuthConfig;
  readonly #timeoutMs: number;
  readonly #context: ProviderContext;
  #current: AccessToken | undefined;
  #coming: Coming | undefined;

  constructor(config: OAuthConfig, { timeout }: Pick<TemplatedConfig, 'timeout'>, context: ProviderContext) {
    this.#oauth = config;
    this.#timeoutMs = timeout;
    this.#context = context;
  }

  /** Another one than `refused`. */
  async get({ signal, refused }: CallOptions & { readonly refused?: AccessToken }): Promise<AccessToken> {
    for (;;) {
      const current = this.#current;
      if (current !== undefined && current !== refused && this.#isUsable(current)) return current;
      const coming = (this.#coming ??= this.#begin(signal));
      try {
        return await coming.token;
      } catch (error) {
        signal.throwIfAborted();
        // Whoever began it gave up; the others ask again.
        if (!coming.signal.aborted) throw error;
      }
    }
  }

  #begin(signal: AbortSignal): Coming {
    const token = this.#request({ signal }).finally(() => {
      this.#coming = undefined;
    });
    return { token, signal };
  }

  #isUsable({ usableUntil }: AccessToken): boolean {
    return usableUntil === undefined || this.#context.clock.monotonic() < usableUntil;
  }

  /** A refused client secret is asked for again once, in case it was replaced meanwhile. */
  async #request({ signal }: CallOptions): Promise<AccessToken> {
    const path = 'oauth.clientSecret';
    const secret = await this.#context.credential(path, { signal });
    try {
      return await this.#requestWith(secret, { signal });
    } catch (error) {
      if (!isProviderError(error) || error.code !== 'UNAUTHENTICATED') throw error;
      const fresh = await this.#context.credential(path, { signal, refused: secret });
      if (fresh.equals(secret)) throw error;
      return await this.#requestWith(fresh, { signal });
    }
  }

  async #requestWith(secret: SecretValue, { signal }: CallOptions): Promise<AccessToken> {
    const { tokenUrl, clientId, scope, parameters = {}, authentication } = this.#oauth;
    const { clock } = this.#context;
    const text = secret.text()?.trim() ?? '';
    if (text === '')
      throw new ProviderError('INVALID_CONFIG', 'what `oauth.clientSecret` points to is empty or not UTF-8 text');

    const server = { issuer: new URL(tokenUrl).origin, token_endpoint: new URL(tokenUrl).href };
    const client = { client_id: clientId };
    const prove = authentication === 'post' ? oauth.ClientSecretPost(text) : oauth.ClientSecretBasic(text);
    const asked = { ...parameters, ...(scope !== undefined && { scope }) };
    const startedAt = clock.monotonic();
    try {
      const response = await oauth.clientCredentialsGrantRequest(server, client, prove, asked, {
        signal,
        // Whether plain http may be used was decided when the config was read.
        [oauth.allowInsecureRequests]: true,
        [oauth.customFetch]: (url, options) => this.#fetch(url, options, { signal }),
      });
      const answer = await oauth.processClientCredentialsResponse(server, client, response);
      if (answer.token_type !== 'bearer' || !TOKEN.test(answer.access_token)) throw this.#nonsense();
      const { expires_in: seconds } = answer;
      return (this.#current = {
        text: answer.access_token,
        account: JSON.stringify([tokenUrl, clientId, scope ?? '', parameters]),
        // A tenth earlier, at most a minute, so that no request arrives with a token that has just expired.
        ...(seconds !== undefined && { usableUntil: startedAt + seconds * 1000 - Math.min(60_000, seconds * 100) }),
      });
    } catch (error) {
      signal.throwIfAborted();
      throw isProviderError(error) ? error : this.#explain(error);
    }
  }

  async #fetch(
    url: string,
    { method, headers, body }: oauth.CustomFetchOptions<'POST', URLSearchParams>,
    { signal }: CallOptions,
  ): Promise<Response> {
    const { dispatcher, clock } = this.#context;
    const answer = await sendRequest(url, {
      dispatcher,
      clock,
      signal,
      method,
      headers: { ...headers, 'accept-encoding': 'identity', 'user-agent': userAgent },
      body: body.toString(),
      timeoutMs: this.#timeoutMs,
      maxBytes: 256 * 1024,
    });
    const { status } = answer;
    if (status !== 200 && status !== 400) throw this.#refusal(answer);
    const type = answer.headers.get('content-type') ?? '';
    return new Response(Buffer.from(answer.body), { status, headers: { 'content-type': type } });
  }

  #refusal(answer: HttpAnswer): ProviderError {
    const { status } = answer;
    if (status === 401) return this.#clientRefused('401');
    const transient = status >= 500 || status === 429 || status === 408;
    const what =
      status < 400
        ? 'Redirects are not followed there: check `oauth.tokenUrl`'
        : 'Check `oauth.tokenUrl`, and what the client may do';
    return httpError(
      answer,
      `${this.#where()} answered ${status} when asked for an access token. ${transient ? 'It is tried again' : what}`,
      { clock: this.#context.clock },
    );
  }

  #explain(error: unknown): ProviderError {
    // The library's errors hold the answer, and that may hold a token: none of it is kept.
    if (!(error instanceof oauth.ResponseBodyError)) return this.#nonsense();
    const code = ERROR_CODE.test(error.error) ? error.error : String(error.status);
    if (code === 'invalid_client') return this.#clientRefused(code);
    return new ProviderError(
      'INVALID_CONFIG',
      `${this.#where()} gives no access token (${code}). Check \`oauth.scope\` and \`oauth.parameters\`, and what the client may do`,
    );
  }

  #clientRefused(how: string): ProviderError {
    return new ProviderError(
      'UNAUTHENTICATED',
      `${this.#where()} refused the client (${how}). Check \`oauth.clientId\`, \`oauth.clientSecret\` and \`oauth.authentication\``,
    );
  }

  #nonsense(): ProviderError {
    return new ProviderError(
      'INVALID_RESPONSE',
      `${this.#where()} answered with something other than a Bearer access token. Check \`oauth.tokenUrl\``,
    );
  }

  #where(): string {
    return new URL(this.#oauth.tokenUrl).host;
  }
}
