import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';

export interface ListenAddress {
  /** Absent: all addresses of the machine. */
  readonly host?: string;
  readonly port: number;
}

export interface HttpServer extends AsyncDisposable {
  readonly port: number;
}

/** Rejects where it may not listen there, with the error of Node. A bug in `answer` is not kept quiet. */
export async function startHttpServer(
  { host, port }: ListenAddress,
  answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<HttpServer> {
  const server = createServer(
    {
      // Who is slow or silent is cut off.
      headersTimeout: 5_000,
      requestTimeout: 10_000,
      keepAliveTimeout: 5_000,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: 16 * 1024,
    },
    (request, response) => void answer(request, response),
  );
  server.maxConnections = 256;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host !== undefined && { host }) }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('not listening on a port');
  return {
    port: address.port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

export function end(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>> = {},
  body = '',
): void {
  response.writeHead(status, {
    'content-length': String(Buffer.byteLength(body)),
    'cache-control': 'no-store',
    ...headers,
  });
  response.end(body);
}
