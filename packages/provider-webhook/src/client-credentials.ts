import { isProviderError, ProviderError } from '@hikyaku/core';
import type { CallOptions, ProviderContext, SecretValue } from '@hikyaku/core';
import { httpError, sendRequest, userAgent, withCredentials } from '@hikyaku/provider-utils';
import type { AccessToken, HttpAnswer } from '@hikyaku/provider-utils';
import * as oauth from 'oauth4webapi';
import type { OAuthConfig, TemplatedConfig } from './templated-config.ts';

const TOKEN = /^[\x21-\x7e]+$/;
/** Of an RFC 6749 error; anything else is not repeated. */
const ERROR_CODE = /^[a-z_]{1,40}$/;

/**
 * Asks for access tokens by OAuth 2 client credentials (RFC 6749, 4.4). The token endpoint gets the client secret and no other
 * credential.
 */
export class ClientCredentials {
  readonly #oauth: OAuthConfig;
  readonly #timeoutMs: number;
  readonly #context: ProviderContext;

  constructor(config: OAuthConfig, { timeout }: Pick<TemplatedConfig, 'timeout'>, context: ProviderContext) {
    this.#oauth = config;
    this.#timeoutMs = timeout;
    this.#context = context;
  }

  /** For whom the tokens are; no credential. */
  get account(): string {
    const { tokenUrl, clientId, scope = '', parameters = {} } = this.#oauth;
    return JSON.stringify([tokenUrl, clientId, scope, parameters]);
  }

  /** A refused client secret is asked for again once, in case it was replaced meanwhile. */
  request({ signal }: CallOptions): Promise<AccessToken> {
    return withCredentials(this.#context, ['oauth.clientSecret'], ([secret]) => this.#requestWith(secret, { signal }), {
      signal,
    });
  }

  async #requestWith(secret: SecretValue, { signal }: CallOptions): Promise<AccessToken> {
    const { tokenUrl, clientId, scope, parameters = {}, authentication } = this.#oauth;
    const text = secret.text()?.trim() ?? '';
    if (text === '')
      throw new ProviderError('INVALID_CONFIG', 'what `oauth.clientSecret` points to is empty or not UTF-8 text');

    const server = { issuer: new URL(tokenUrl).origin, token_endpoint: new URL(tokenUrl).href };
    const client = { client_id: clientId };
    const prove = authentication === 'post' ? oauth.ClientSecretPost(text) : oauth.ClientSecretBasic(text);
    const asked = { ...parameters, ...(scope !== undefined && { scope }) };
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
      return { text: answer.access_token, ...(seconds !== undefined && { lifetimeMs: seconds * 1000 }) };
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
