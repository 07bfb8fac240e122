import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { systemClock } from '@hikyaku/core';
import type { Clock } from '@hikyaku/core';
import { json, listen, receiveBody, sendAnswer } from '@hikyaku/provider-utils/testing';
import type { FakeAnswer } from '@hikyaku/provider-utils/testing';

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
  answerNext(answer: FakeAnswer): void;
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
  const answers: FakeAnswer[] = [];
  let secret = clientSecret;
  let issued = 0;

  async function respond(request: IncomingMessage): Promise<FakeAnswer> {
    const parameters = new URLSearchParams(String(await receiveBody(request)));
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

  const server = await listen(async (request, response) => sendAnswer(response, await respond(request)));
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
    [Symbol.asyncDispose]: server.close,
  };
}

/** RFC 6749, appendix B. */
function formEncode(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}
