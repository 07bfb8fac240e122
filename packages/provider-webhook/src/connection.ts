import { ProviderError } from '@hikyaku/core';
import type { CallOptions, ProviderContext, SecretValue } from '@hikyaku/core';
import { etagOf, sameEtag, sendRequest, userAgent } from '@hikyaku/provider-utils';
import type { HttpAnswer } from '@hikyaku/provider-utils';
import { Authentication } from './authentication.ts';
import type { Proof } from './authentication.ts';
import { fillBody } from './body-template.ts';
import { buildUrl } from './build-url.ts';
import { isHeaderValue } from './header-rules.ts';
import type { RequestTemplate } from './operations.ts';
import { substitute } from './template.ts';
import type { Variables } from './template.ts';
import type { TemplatedConfig } from './templated-config.ts';

export interface SendOptions extends CallOptions {
  readonly variables: Variables;
  /** The bytes of `${value}`. */
  readonly secret?: SecretValue;
  /** An ETag that the account was given for this very request: the answer may be 304 then. */
  readonly known?: (account: string) => string | undefined;
  /** `if-match` or `if-none-match` of a write. */
  readonly condition?: Readonly<Record<string, string>>;
}

export interface Answered extends HttpAnswer {
  readonly account: string;
  /** What was known still holds. */
  readonly unchanged: boolean;
  /** Absent when another address answered: then it is not the ETag of what was asked. */
  readonly etag?: string;
}

const MAX_BYTES = 4 * 1024 * 1024;
const MAX_REDIRECTS = 3;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

type Request = Required<Pick<RequestTemplate, 'method'>> & {
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
};

/** Sends the requests of a source, with its credentials, to its own origin. */
export class Connection {
  readonly #config: TemplatedConfig;
  readonly #context: ProviderContext;
  readonly #authentication: Authentication;
  readonly #origin: string;

  constructor(config: TemplatedConfig, context: ProviderContext) {
    this.#config = config;
    this.#context = context;
    this.#authentication = new Authentication(config, context);
    this.#origin = new URL(config.url).origin;
  }

  get host(): string {
    return new URL(this.#config.url).host;
  }

  /**
   * The answer, whatever its status; a redirect within the origin is followed for GET. Credentials that were refused (401) are
   * asked for again once. Rejects with `FORBIDDEN` for a redirect to another origin, and `UNAVAILABLE` when there is no answer.
   */
  async send(template: RequestTemplate, options: SendOptions): Promise<Answered> {
    const { variables, secret, condition, signal } = options;
    const url = buildUrl({ base: this.#config.url, url: template.url, query: template.query }, variables);
    const body = template.body && fillBody(template.body, variables, secret);
    const request: Request = {
      method: template.method,
      headers: { ...headersOf(template, variables), ...condition },
      ...(body !== undefined && { body }),
    };
    const proof = await this.#authentication.get({ signal });
    const answered = await this.#ask(url, request, proof, options);
    if (answered.status !== 401) return answered;
    const fresh = await this.#authentication.renew(proof, { signal });
    return fresh === undefined ? answered : await this.#ask(url, request, fresh, options);
  }

  async #ask(url: URL, request: Request, proof: Proof, { known, signal }: SendOptions): Promise<Answered> {
    const { account } = proof;
    const etag = request.method === 'GET' ? known?.(account) : undefined;
    if (etag !== undefined) {
      const answer = await this.#exchange(url, withHeader(request, 'if-none-match', etag), proof, { signal });
      if (answer.status === 304 && sameEtag(answer.headers.get('etag') ?? etag, etag)) {
        return { ...answer, account, unchanged: true, etag };
      }
      if (answer.status !== 304 && !REDIRECTS.has(answer.status))
        return { ...answer, account, unchanged: false, ...withEtag(answer) };
      // A 304 for another ETag confirms something that is not here; and the ETag means nothing to another address.
    }
    let at = url;
    for (let redirects = 0; ; redirects++) {
      const answer = await this.#exchange(at, request, proof, { signal });
      if (!REDIRECTS.has(answer.status)) {
        return { ...answer, account, unchanged: false, ...(at === url && withEtag(answer)) };
      }
      at = this.#redirected(at, answer, request.method);
      if (redirects >= MAX_REDIRECTS) {
        throw new ProviderError(
          'INVALID_RESPONSE',
          `${this.host} redirected more than ${MAX_REDIRECTS} times. Check \`url\``,
        );
      }
    }
  }

  async #exchange(
    url: URL,
    { method, headers, body }: Request,
    proof: Proof,
    { signal }: CallOptions,
  ): Promise<HttpAnswer> {
    const { clock, logger } = this.#context;
    const { requestsPerMinute, timeout } = this.#config;
    if (requestsPerMinute !== undefined) {
      await this.#context.budget(`${this.#origin} ${proof.account}`, requestsPerMinute, { signal });
    }
    const answer = await sendRequest(url, {
      dispatcher: proof.tls === undefined ? this.#context.dispatcher : this.#context.dispatcherFor(proof.tls),
      clock,
      signal,
      method,
      // Without it a service may compress (RFC 9110, 12.5.3).
      headers: { 'accept-encoding': 'identity', 'user-agent': userAgent, ...headers, ...proof.headers },
      ...(body !== undefined && { body }),
      timeoutMs: timeout,
      maxBytes: MAX_BYTES,
    });
    logger.debug({ method, status: answer.status, bytes: answer.body.byteLength }, 'service answered');
    return answer;
  }

  #redirected(from: URL, answer: HttpAnswer, method: string): URL {
    const to = parseLocation(answer.headers.get('location'), from);
    if (to === undefined)
      throw new ProviderError('INVALID_RESPONSE', `${this.host} redirected (${answer.status}) without saying where to`);
    if (to.origin !== this.#origin || to.username !== '' || to.password !== '') {
      const where = to.origin === this.#origin ? 'a user at its own address' : to.origin;
      throw new ProviderError(
        'FORBIDDEN',
        `${this.#origin} redirected (${answer.status}) to ${where}. Nothing was sent there: if that is the right address, make it the \`url\``,
        // A login page or a proxy's page of maintenance, as likely as a move for good.
        { retryable: true },
      );
    }
    if (method !== 'GET') {
      throw new ProviderError(
        'INVALID_RESPONSE',
        `${this.host} redirected (${answer.status}) a ${method}, which is not followed. Check \`url\``,
      );
    }
    return to;
  }
}

function parseLocation(location: string | undefined, from: URL): URL | undefined {
  return location !== undefined && URL.canParse(location, from.href) ? new URL(location, from) : undefined;
}

function headersOf({ headers, body }: RequestTemplate, variables: Variables): Record<string, string> {
  const filled: Record<string, string> = body === undefined ? {} : { 'content-type': body.contentType };
  for (const [name, template] of headers) {
    const value = substitute(template, variables, (text) => text);
    if (value === undefined || !isHeaderValue(value)) {
      throw new ProviderError(
        'INVALID_CONFIG',
        `the header ${name} cannot carry this name: it has line breaks or other characters than visible ASCII`,
      );
    }
    filled[name] = value;
  }
  return filled;
}

function withHeader(request: Request, name: string, value: string): Request {
  return { ...request, headers: { ...request.headers, [name]: value } };
}

function withEtag(answer: HttpAnswer): { readonly etag?: string } {
  const etag = etagOf(answer);
  return etag === undefined ? {} : { etag };
}
