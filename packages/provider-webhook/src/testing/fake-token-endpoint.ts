import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { systemClock } from '@hikyaku/core';
import type { Clock } from '@hikyaku/core';
import { listen } from '@hikyaku/provider-utils/testing';
import { json } from './fake-service-answer.ts';
import type { FakeServiceAnswer } from './fake-service-answer.ts';

export interface FakeTokenEndpointOptions {
  readonly clientId: string;
  readonly clientSecret: string;
  /** How the client must prove itself; `basic` by default. */
  readonly authentication?: 'basic' | 'post';
  /** Of each token, in seconds; 3600 by default, `undefined`: it is not said, and they do not expire. */
  readonly expiresIn?: number | undefined;
  readonly clock?: Clock;
}

export interface FakeTokenEndpoint extends AsyncDisposable {
  /** For `oauth.tokenUrl`. */
  readonly url: string;
  /** How many tokens were given out. */
  readonly issued: number;
  /** All requests, with the names of the headers and the parameters without `client_secret`. */
  readonly requests: readonly {
    readonly headers: readonly string[];
    readonly parameters: Readonly<Record<string, string>>;
  }[];
  /** Whether an `authorization` header has a token that holds. */
  accepts(authorization: string | undefined): boolean;
  /** Ends all tokens that were given out. */
  revokeAll(): void;
  setClientSecret(secret: string): void;
  /** The next request gets this answer. */
  answerNext(answer: FakeServiceAnswer): void;
}

/** A token endpoint for client credentials (RFC 6749, 4.4). */
export async function startFakeTokenEndpoint({
  clientId,
  clientSecret,
  authentication = 'basic',
  clock = systemClock,
  ...options
}: FakeTokenEndpointOptions): Promise<FakeTokenEndpoint> {
  const expiresIn = 'expiresIn' in options ? options.expiresIn : 3600;
  const tokens = new Map<string, number>();
  const requests: { readonly headers: readonly string[]; readonly parameters: Readonly<Record<string, string>> }[] = [];
  const answers: FakeServiceAnswer[] = [];
  let secret = clientSecret;
  let issued = 0;

  async function respond(request: IncomingMessage): Promise<FakeServiceAnswer> {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const parameters = new URLSearchParams(body);
    const { client_secret: _, ...shown } = Object.fromEntries(parameters);
    requests.push({ headers: Object.keys(request.headers), parameters: shown });
    const next = answers.shift();
    if (next !== undefined) return next;
    if (request.method !== 'POST' || request.url !== '/oauth/token') return json(404, {});
    if (parameters.get('grant_type') !== 'client_credentials') return json(400, { error: 'unsupported_grant_type' });
    if (!isClient(request.headers.authorization, parameters)) return json(401, { error: 'invalid_client' });
    const token = randomUUID();
    issued++;
    tokens.set(token, expiresIn === undefined ? Number.POSITIVE_INFINITY : clock.monotonic() + expiresIn * 1000);
    return json(200, {
      access_token: token,
      token_type: 'Bearer',
      ...(expiresIn !== undefined && { expires_in: expiresIn }),
    });
  }

  function isClient(authorization: string | undefined, parameters: URLSearchParams): boolean {
    if (authentication === 'post')
      return parameters.get('client_id') === clientId && parameters.get('client_secret') === secret;
    const expected = [clientId, secret].map(formEncode).join(':');
    return authorization === `Basic ${Buffer.from(expected).toString('base64')}`;
  }

  const server = await listen((request, response) => {
    respond(request).then(
      ({ status, headers, body }) => response.writeHead(status, headers).end(body),
      () => response.destroy(),
    );
  });
  return {
    url: `${server.url}/oauth/token`,
    get issued() {
      return issued;
    },
    requests,
    accepts(authorization) {
      const expiresAt = tokens.get(authorization?.replace(/^Bearer /, '') ?? '');
      return expiresAt !== undefined && clock.monotonic() < expiresAt;
    },
    revokeAll: () => tokens.clear(),
    setClientSecret(next) {
      secret = next;
    },
    answerNext: (answer) => void answers.push(answer),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** RFC 6749, appendix B. */
function formEncode(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}
