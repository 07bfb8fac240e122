import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';

export interface LocalRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface LocalAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A text as it is, anything else as JSON. */
  readonly body: unknown;
}

export interface LocalServer extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly LocalRequest[];
}

/** A server on 127.0.0.1, with `tls` an https one, that answers as a test wants. */
export async function startLocalServer(
  answer: (request: LocalRequest) => LocalAnswer,
  tls?: { readonly key: string; readonly cert: string },
): Promise<LocalServer> {
  const requests: LocalRequest[] = [];
  function respond(request: IncomingMessage, response: ServerResponse): void {
    void (async () => {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      const { method = 'GET', url: path = '/', headers } = request;
      const received = { method, path, headers, body };
      requests.push(received);
      const { status, headers: answered = {}, body: content } = answer(received);
      const isText = typeof content === 'string';
      response.writeHead(status, { 'content-type': isText ? 'text/html' : 'application/json', ...answered });
      response.end(isText ? content : JSON.stringify(content));
    })();
  }
  const server = tls === undefined ? createServer(respond) : createTlsServer(tls, respond);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close').catch(() => {});
    },
  };
}
