import { randomUUID, sign } from 'node:crypto';
import { ProviderError, SecretValue, systemClock } from '@hikyaku/core';
import type { Assertion, ClientTls, Clock, FileAccess, Logger, ProviderContext } from '@hikyaku/core';
import { Agent } from 'undici';
import type { Dispatcher } from 'undici';

export interface ContextOptions {
  /** By the path of the field; a function is asked each time, with the text that was refused. */
  readonly credentials?: Readonly<Record<string, string | ((refused: string | undefined) => string)>>;
  /** The name of the cluster under `recipients:`. */
  readonly cluster?: string;
  /** Tokens of the ServiceAccount by audience; a function is asked each time, with the token that was refused. */
  readonly serviceAccountTokens?: Readonly<Record<string, string | ((refused: string | undefined) => string)>>;
  /** Of the cluster, as PEM: signs assertions. */
  readonly signingKey?: string;
  /** The real one by default. */
  readonly clock?: Clock;
  readonly files?: Partial<FileAccess>;
  /** PEM: certificates to trust, as `ca` of the source's description. */
  readonly ca?: string;
  /** As of the source's description: requests to others are refused, as the agent does it. Without it none are. */
  readonly origins?: readonly string[];
}

/** One line that the provider logged. */
export interface Logged {
  readonly level: keyof Logger;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** A request that went through a dispatcher, or was refused by it. */
export interface SentRequest {
  readonly origin: string;
  readonly method: string;
  readonly path: string;
}

export interface TestContext extends ProviderContext, AsyncDisposable {
  readonly logged: readonly Logged[];
  /** `<account> <perMinute>`, one for each request that was asked for. */
  readonly budgets: readonly string[];
  /** Oldest first; also those that were refused because of their origin. */
  readonly requests: readonly SentRequest[];
  /** Somebody has closed a dispatcher, which only the agent may. */
  readonly closed: boolean;
}

/** What the agent hands to `connect`, for a test: real connections, given credentials, no limit of requests. Disposing it cuts the connections. */
export function createContext({
  credentials = {},
  cluster,
  serviceAccountTokens = {},
  signingKey,
  clock = systemClock,
  files = {},
  ca,
  origins,
}: ContextOptions = {}): TestContext {
  const agents: Agent[] = [];
  const requests: SentRequest[] = [];
  const dispatchers = new Map<string, Dispatcher>();
  function dispatcherFor(tls: ClientTls): Dispatcher {
    const key = JSON.stringify([tls.ca, tls.cert, tls.key, tls.servername]);
    const known = dispatchers.get(key);
    if (known !== undefined) return known;
    const agent = new Agent({ connect: { ...(ca !== undefined && { ca }), ...tls } });
    const opened = agent.compose(recordInto(requests, origins));
    agents.push(agent);
    dispatchers.set(key, opened);
    return opened;
  }
  const logged: Logged[] = [];
  function log(level: keyof Logger): Logger['info'] {
    return (fields, message) => void logged.push({ level, fields, message });
  }
  const budgets: string[] = [];
  const base = files.base ?? '/';
  /** As the agent does it: what is for another address is worth nothing to this source. */
  function checkAudience(audience: string): void {
    const to = new URL(audience).origin;
    if (origins?.some((origin) => new URL(origin).origin === to) === false)
      throw new ProviderError(
        'INVALID_CONFIG',
        `a token for ${to} was refused: this source may only reach ${origins.join(', ')}`,
      );
  }
  return {
    async credential(path, { refused }) {
      const value = credentials[path];
      if (value === undefined) throw new ProviderError('INVALID_CONFIG', `${path} is not set`);
      return SecretValue.of(typeof value === 'string' ? value : value(refused?.text()));
    },
    credentialPaths: Object.keys(credentials),
    ...(cluster !== undefined && { cluster }),
    async serviceAccountToken(audience, { signal, refused }) {
      signal.throwIfAborted();
      checkAudience(audience);
      const value = serviceAccountTokens[audience];
      if (value === undefined) throw new ProviderError('INVALID_CONFIG', `there is no token for ${audience}`);
      return SecretValue.of(typeof value === 'string' ? value : value(refused?.text()));
    },
    async signAssertion(assertion, { signal }) {
      signal.throwIfAborted();
      checkAudience(assertion.audience);
      if (signingKey === undefined) throw new ProviderError('INVALID_CONFIG', 'this cluster has no key to sign with');
      return SecretValue.of(signJwt(assertion, signingKey, clock.now()));
    },
    async budget(account, perMinute, { signal }) {
      signal.throwIfAborted();
      budgets.push(`${account} ${perMinute}`);
    },
    dispatcher: dispatcherFor({}),
    dispatcherFor,
    files: { base, root: files.root ?? base, refused: files.refused ?? [] },
    logger: { trace: log('trace'), debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
    clock,
    logged,
    budgets,
    requests,
    get closed() {
      return agents.some((agent) => agent.closed || agent.destroyed);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(agents.map((agent) => agent.destroy()));
    },
  };
}

/** RFC 7515, RS256. */
function signJwt({ issuer, subject, audience, keyId, lifetimeMs }: Assertion, key: string, nowMs: number): string {
  const seconds = Math.floor(nowMs / 1_000);
  const claims = {
    iss: issuer,
    sub: subject,
    aud: audience,
    iat: seconds,
    exp: seconds + Math.floor(lifetimeMs / 1_000),
    jti: randomUUID(),
  };
  const signed = [{ alg: 'RS256', typ: 'JWT', kid: keyId }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${signed}.${sign('RSA-SHA256', Buffer.from(signed), key).toString('base64url')}`;
}

function recordInto(
  requests: SentRequest[],
  origins: readonly string[] | undefined,
): Dispatcher.DispatcherComposeInterceptor {
  const allowed = origins?.map((origin) => new URL(origin).origin);
  return (dispatch) => (options, handler) => {
    const origin = options.origin === undefined ? '' : new URL(options.origin).origin;
    requests.push({ origin, method: options.method, path: options.path });
    if (allowed?.includes(origin) === false) {
      throw new ProviderError(
        'FORBIDDEN',
        `a request to ${origin} was refused: this source may only reach ${allowed.join(', ')}`,
      );
    }
    return dispatch(options, handler);
  };
}
