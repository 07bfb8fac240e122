import { readFileSync } from 'node:fs';
import { ProviderError } from '@hikyaku/core';
import type { ClientTls, SourceDescription } from '@hikyaku/core';
import { Agent, EnvHttpProxyAgent } from 'undici';
import type { Dispatcher } from 'undici';

/** Connections to providers: shared by all sources that trust the same certificates, each bound to its own origins. */
export class Dispatchers implements AsyncDisposable {
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #shared = new Map<string, Dispatcher>();

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.#env = env;
  }

  for({ ca, origins }: SourceDescription, tls: ClientTls = {}): Dispatcher {
    const trusted = tls.ca ?? ca;
    const settings = { ...tls, ...(trusted !== undefined && { ca: readCertificates(trusted) }) };
    const key = JSON.stringify([settings.ca, settings.cert, settings.key, settings.servername]);
    let shared = this.#shared.get(key);
    if (shared === undefined) {
      shared = this.#connect(settings);
      this.#shared.set(key, shared);
    }
    return shared.compose(boundTo(origins));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#shared.values()].map((dispatcher) => dispatcher.destroy()));
  }

  #connect(tls: ClientTls): Dispatcher {
    // Longer than the usual refresh, so that one connection serves them all.
    const options = { keepAliveTimeout: 120_000, keepAliveMaxTimeout: 600_000, connections: 4, allowH2: false };
    const { HTTPS_PROXY, https_proxy, HTTP_PROXY, http_proxy, NO_PROXY, no_proxy } = this.#env;
    const httpsProxy = https_proxy ?? HTTPS_PROXY ?? '';
    const httpProxy = http_proxy ?? HTTP_PROXY ?? '';
    if (httpsProxy === '' && httpProxy === '') return new Agent({ ...options, connect: { ...tls } });
    const noProxy = no_proxy ?? NO_PROXY ?? '';
    return new EnvHttpProxyAgent({
      ...options,
      httpsProxy,
      httpProxy,
      noProxy,
      connect: { ...tls },
      requestTls: { ...tls },
    });
  }
}

/** Refuses every request to another origin, redirects included, before a byte is sent. */
function boundTo(origins: readonly string[]): Dispatcher.DispatcherComposeInterceptor {
  const allowed = new Set(origins.map((origin) => new URL(origin).origin));
  return (dispatch) => (options, handler) => {
    const origin = options.origin === undefined ? undefined : new URL(options.origin).origin;
    if (origin === undefined || !allowed.has(origin)) {
      throw new ProviderError(
        'FORBIDDEN',
        `a request to ${origin ?? 'an unknown origin'} was refused: this source may only reach ${origins.join(', ')}`,
      );
    }
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
