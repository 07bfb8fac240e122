import type { Socket } from 'node:net';
import type { KubeConfig } from '@kubernetes/client-node';
import { buildConnector, Pool, ProxyAgent } from 'undici';
import type { Dispatcher } from 'undici';
import type { TlsSettings } from './credentials.ts';

export interface DispatcherOptions {
  readonly connections: number | null;
  /** Many watches share a connection; single requests are faster on many connections of HTTP/1.1. */
  readonly http2: boolean;
  /** How often a connection of HTTP/2 is asked whether it lives, milliseconds. */
  readonly pingMs: number;
  /** Called with each connection that is made: whether it is one of HTTP/2. */
  readonly onConnected: (http2: boolean) => void;
}

// Below the 60 s after which load balancers drop silent connections.
const keepAliveInitialDelay = 30_000;
const connectTimeoutMs = 10_000;
// The API server allows 100 streams on a connection, and one more waits for ever.
const watchesPerConnection = 90;

export async function createDispatcher(
  kubeConfig: KubeConfig,
  tls: TlsSettings,
  options: DispatcherOptions,
): Promise<Dispatcher> {
  const cluster = kubeConfig.getCurrentCluster();
  const proxy = cluster?.proxyUrl;
  // client-node's agents for proxies and undici's speak HTTP/1.1 through a tunnel.
  const http2 = options.http2 && !proxy;
  if (proxy) options.onConnected(false);
  if (proxy?.startsWith('socks')) return socksDispatcher(kubeConfig);
  const common = {
    connections: options.connections,
    allowH2: http2,
    pipelining: 1,
    keepAliveTimeout: 10_000,
    // Every exchange has its own limit; a watch is silent for minutes.
    headersTimeout: 0,
    bodyTimeout: 0,
    ...(http2 ? { h2Options: { maxConcurrentStreams: watchesPerConnection, pingInterval: options.pingMs } } : {}),
  };
  if (proxy) {
    return new ProxyAgent({
      ...common,
      uri: proxy,
      requestTls: tls,
      connect: { keepAlive: true, keepAliveInitialDelay },
    });
  }
  const connect = buildConnector({
    ...tls,
    allowH2: http2,
    keepAlive: true,
    keepAliveInitialDelay,
    timeout: connectTimeoutMs,
  });
  return new Pool(new URL(cluster?.server ?? '').origin, {
    ...common,
    connect(target, connected) {
      connect(target, (error, socket) => {
        if (error !== null) return connected(error, null);
        const isHttp2 = 'alpnProtocol' in socket && socket.alpnProtocol === 'h2';
        if (isHttp2) endWhenDead(socket, 2.5 * options.pingMs);
        options.onConnected(isHttp2);
        return connected(null, socket);
      });
    },
  });
}

/**
 * undici pings and does not look for answers, and what waits for acknowledgement keeps TCP from probing: a connection whose other end has
 * gone without a word would be used for a quarter of an hour, by all watches and by those that replace them.
 */
function endWhenDead(socket: Socket, silentMs: number): void {
  let before = -1;
  const timer = setInterval(() => {
    if (socket.bytesRead === before)
      socket.destroy(Object.assign(new Error('no answer to a ping'), { code: 'ETIMEDOUT' }));
    before = socket.bytesRead;
  }, silentMs).unref();
  socket.once('close', () => clearInterval(timer));
}

/** client-node makes one for SOCKS proxies only together with the authentication of a request. */
async function socksDispatcher(kubeConfig: KubeConfig): Promise<Dispatcher> {
  let captured: Dispatcher | undefined;
  const context = {
    setHeaderParam(): void {},
    setDispatcher(dispatcher: Dispatcher): void {
      captured = dispatcher;
    },
  };
  type Context = Parameters<KubeConfig['applySecurityAuthentication']>[0];
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it calls these two only
  await kubeConfig.applySecurityAuthentication(context as unknown as Context);
  if (captured === undefined) throw new TypeError('client-node gave no dispatcher for the SOCKS proxy');
  return captured;
}
