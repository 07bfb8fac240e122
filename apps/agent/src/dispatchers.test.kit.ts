import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';

export interface CountingServer extends AsyncDisposable {
  readonly origin: string;
  readonly port: number;
  /** Method and url of each request. */
  readonly received: readonly string[];
  readonly connections: number;
}

/** Counts also connections without a request; refuses to be a tunnel. */
export async function startServer(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  host = '127.0.0.1',
): Promise<CountingServer> {
  const received: string[] = [];
  let connections = 0;
  const server = createServer((incoming, response) => {
    received.push(`${incoming.method} ${incoming.url}`);
    answer(incoming, response);
  });
  server.on('connection', () => connections++);
  server.on('connect', (incoming, socket) => {
    received.push(`CONNECT ${incoming.url}`);
    socket.end('HTTP/1.1 503 no\r\n\r\n');
  });
  server.listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  return {
    origin: host.includes(':') ? `http://[${host}]:${port}` : `http://${host}:${port}`,
    port,
    received,
    get connections() {
      return connections;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

export function ok(_: IncomingMessage, response: ServerResponse): void {
  response.end('ok');
}

/** The code of what was thrown, looked for also in what caused it. */
export async function refusal(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
    return 'passed';
  } catch (error) {
    for (let at: unknown = error; at instanceof Error; at = at.cause)
      if ('code' in at && at.code === 'FORBIDDEN') return at.code;
    return error;
  }
}
