import { readFileSync } from 'node:fs';
import { ProviderError } from '@hikyaku/core';
import type { ClientTls, DispatcherOptions, SourceDescription } from '@hikyaku/core';
import { Agent, EnvHttpProxyAgent } from 'undici';
import type { Dispatcher } from 'undici';
import { AddressRules } from './address-rules.ts';
import type { AddressRulesOptions } from './address-rules.ts';
import { guardedConnector } from './guarded-connector.ts';
import { countRequests } from './metrics/count-requests.ts';

/** To one origin, at the most; answers that stay open have as many as they need. */
const CONNECTIONS = 4;

/** Connections to providers: shared by all sources that trust the same certificates, each bound to its own origins. */
export class Dispatchers implements AsyncDisposable {
  readonly #env: AddressRulesOptions['env'];
  readonly #rules: AddressRules;
  readonly #shared = new Map<string, Dispatcher>();

  constructor(options: AddressRulesOptions) {
    this.#env = options.env;
    this.#rules = new AddressRules(options);
  }

  /** `onAnswer`: told of each request, as {@link countRequests} says it. */
  for(
    { ca, origins }: SourceDescription,
    tls: ClientTls = {},
    { longLived = false }: DispatcherOptions = {},
    onAnswer: (answer: string) => void = () => {},
  ): Dispatcher {
    const trusted = tls.ca ?? ca;
    const settings = { ...tls, ...(trusted !== undefined && { ca: readCertificates(trusted) }) };
    const key = JSON.stringify([settings.ca, settings.cert, settings.key, settings.servername, longLived]);
    let shared = this.#shared.get(key);
    if (shared === undefined) {
      shared = this.#connect(settings, longLived ? null : CONNECTIONS);
      this.#shared.set(key, shared);
    }
    // What is refused before it goes out is no request.
    return shared.compose(countRequests(onAnswer), boundTo(origins, this.#rules));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#shared.values()].map((dispatcher) => dispatcher.destroy()));
  }

  #connect(tls: ClientTls, connections: number | null): Dispatcher {
    // Longer than the usual refresh, so that one connection serves them all.
    const timeouts = { keepAliveTimeout: 120_000, keepAliveMaxTimeout: 600_000 };
    const options = { ...timeouts, connections, allowH2: false, connect: guardedConnector(tls, this.#rules) };
    const { HTTPS_PROXY, https_proxy, HTTP_PROXY, http_proxy, NO_PROXY, no_proxy } = this.#env;
    const httpsProxy = https_proxy ?? HTTPS_PROXY ?? '';
    const httpProxy = http_proxy ?? HTTP_PROXY ?? '';
    if (httpsProxy === '' && httpProxy === '') return new Agent(options);
    const noProxy = no_proxy ?? NO_PROXY ?? '';
    // The proxy itself is reached without the rules: its address is not from the config.
    return new EnvHttpProxyAgent({ ...options, httpsProxy, httpProxy, noProxy, requestTls: { ...tls } });
  }
}

/**
 * Refuses every request to another origin, redirects included, before a byte is sent; and to those that the rules refuse as they
 * are written, which is all that can be known where a proxy looks the name up.
 */
function boundTo(origins: readonly string[], rules: AddressRules): Dispatcher.DispatcherComposeInterceptor {
  const allowed = new Set(origins.map((origin) => new URL(origin).origin));
  return (dispatch) => (options, handler) => {
    const origin = options.origin === undefined ? undefined : new URL(options.origin).origin;
    if (origin === undefined || !allowed.has(origin)) {
      throw new ProviderError(
        'FORBIDDEN',
        `a request to ${origin ?? 'an unknown origin'} was refused: this source may only reach ${origins.join(', ')}`,
      );
    }
    // A whole url, or the target of a tunnel, would be for a proxy to forward.
    if (!options.path.startsWith('/')) {
      throw new ProviderError('FORBIDDEN', `a request to ${origin} was refused: its path does not begin with a slash`);
    }
    rules.check(origin);
    return dispatch(options, handler);
  };
}

function readCertificates(ca: string): string {
  if (ca.includes('-----BEGIN')) return ca;
  try {
    return readFileSync(ca, 'utf8');
  } catch {
    throw new ProviderError('INVALID_CONFIG', `the CA file ${ca} cannot be read`);
  }
}
