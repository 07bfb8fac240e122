import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

// Below every system's range for outgoing connections. A port inside it can be taken by a client's own connection while the server is
// down (even by one to that very port, which then connects to itself), and a restart on the same port would fail.
const lowest = 20_000;
const highest = 29_999;

/** A port of 127.0.0.1 where nothing listens. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(lowest, highest + 1);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port between ${lowest} and ${highest} on 127.0.0.1`);
}

/** True when one may listen on the port of 127.0.0.1. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
