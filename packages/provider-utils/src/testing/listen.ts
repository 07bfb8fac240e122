import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';

export interface ListenOptions {
  /** 0, any free port, by default. */
  readonly port?: number;
  /** PEM; the two make the url https. */
  readonly key?: string;
  readonly cert?: string;
  /** PEM; clients must show a certificate that it vouches for. */
  readonly clientCa?: string;
}

export interface ListeningServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`, or https. */
  readonly url: string;
  /** Cuts all connections. */
  readonly close: () => Promise<void>;
}

/** A server on 127.0.0.1. Where `respond` fails, the connection is cut. */
export async function listen(
  respond: (request: IncomingMessage, response: ServerResponse) => unknown,
  { port = 0, key, cert, clientCa }: ListenOptions = {},
): Promise<ListeningServer> {
  async function respondOrCut(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await respond(request, response);
    } catch {
      response.destroy();
    }
  }
  const server =
    cert === undefined
      ? createServer((request, response) => void respondOrCut(request, response))
      : createTlsServer({ key, cert, ca: clientCa, requestCert: clientCa !== undefined }, (request, response) => {
          void respondOrCut(request, response);
        });
  // Node's five seconds would make every poll open a connection.
  server.keepAliveTimeout = 75_000;
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');

  async function close(): Promise<void> {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  return {
    url: `${cert === undefined ? 'http' : 'https'}://127.0.0.1:${address.port}`,
    close,
    [Symbol.asyncDispose]: close,
  };
}
