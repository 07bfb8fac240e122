import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { SelfSignedCertificate } from './self-signed-certificate.ts';

export interface ListeningServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`, or https with `tls`. */
  readonly url: string;
}

/** A server on a free port of 127.0.0.1; disposing it also cuts the connections that are open. */
export async function listen(listener: RequestListener, tls?: SelfSignedCertificate): Promise<ListeningServer> {
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${address.port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
