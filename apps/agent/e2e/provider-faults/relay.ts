import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';

/** A port that leads to a server, and can be closed. */
export interface Relay {
  /** As the server's, with another port. */
  readonly url: string;
  /** Opens the port again. */
  start(): Promise<void>;
  /** Closes the port, and cuts all connections. */
  stop(): Promise<void>;
}

export async function startRelay(to: string): Promise<Relay> {
  const url = new URL(to);
  const target = Number(url.port);
  const sockets = new Set<Socket>();
  let server: Server | undefined;

  function carry(near: Socket): void {
    const far = connect(target, '127.0.0.1');
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.pipe(other);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  }

  async function listen(port: number): Promise<number> {
    server = createServer(carry).listen(port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' ? (address?.port ?? port) : port;
  }

  const port = await listen(0);
  url.port = String(port);
  return {
    url: url.origin,
    async start() {
      await listen(port);
    },
    async stop() {
      if (server?.listening !== true) return;
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.resetAndDestroy();
      await closed;
    },
  };
}
