import { once } from 'node:events';
import { createServer } from 'node:http';

/** A server that nobody may talk to. */
export interface Trap extends AsyncDisposable {
  readonly url: string;
  /** How many requests came all the same. */
  readonly requests: number;
}

export async function openTrap(): Promise<Trap> {
  let requests = 0;
  const server = createServer((_, response) => {
    requests++;
    response.writeHead(404).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}/trap`,
    get requests() {
      return requests;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
