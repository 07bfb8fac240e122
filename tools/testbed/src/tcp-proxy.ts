import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * | mode | what happens to connections |
 * | --- | --- |
 * | `open` | everything goes through |
 * | `slow` | each piece is held back for a moment |
 * | `closed` | new ones are refused, and those that are open are cut |
 * | `silent` | nothing goes through, and nothing is closed |
 */
export type ProxyMode = 'open' | 'slow' | 'closed' | 'silent';

const SLOW_MS = 300;

/** Stands between somebody and the API server. */
export class TcpProxy implements AsyncDisposable {
  mode: ProxyMode = 'open';
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((client) => this.#connect(client));
  readonly #target: () => number;

  private constructor(target: () => number) {
    this.#target = target;
  }

  /** To a port of this machine, asked for at each connection. */
  static async start(target: () => number): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new TypeError('not listening on a port');
    return address.port;
  }

  /** Every connection that is open now. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #connect(client: Socket): void {
    if (this.mode === 'closed') {
      client.destroy();
      return;
    }
    const server = connect(this.#target(), '127.0.0.1');
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      from.on('error', () => from.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      void this.#carry(from, to);
    }
  }

  async #carry(from: Socket, to: Socket): Promise<void> {
    try {
      for await (const piece of from as AsyncIterable<Buffer>) {
        if (this.mode === 'slow') await sleep(SLOW_MS);
        while (this.mode === 'silent' && !from.destroyed) await sleep(50);
        to.write(piece);
      }
      to.end();
    } catch {
      to.destroy(); // it was cut
    }
  }
}
