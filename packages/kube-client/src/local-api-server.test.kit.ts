import { createServer } from 'node:http';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { User } from '@kubernetes/client-node';
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';

interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export type Respond = (request: Received, response: ServerResponse) => unknown;

export interface LocalApiServer extends AsyncDisposable {
  readonly url: string;
  readonly received: Received[];
  /** Made so far. */
  readonly connections: () => number;
  readonly openConnections: () => Promise<number>;
}

export async function startServer(respond: Respond): Promise<LocalApiServer> {
  const received: Received[] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const whole = { method, url, headers, body: Buffer.concat(chunks).toString() };
      received.push(whole);
      void respond(whole, response);
    });
  });
  server.on('connection', () => (connections += 1));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${portOf(server.address())}`,
    received,
    connections: () => connections,
    openConnections: () => new Promise((resolve) => server.getConnections((_, count) => resolve(count))),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function portOf(address: string | AddressInfo | null): number {
  if (address === null || typeof address === 'string') throw new TypeError('not listening on a port');
  return address.port;
}

export function answer(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

export interface ClusterParts {
  readonly user?: Omit<User, 'name'>;
  readonly proxyUrl?: string;
  readonly caFile?: string;
  readonly tlsServerName?: string;
}

export function kubeConfigFor(server: string, parts: ClusterParts = {}): KubeConfig {
  const { user, ...cluster } = parts;
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromOptions({
    clusters: [{ name: 'local', server, skipTLSVerify: server.startsWith('http:'), ...cluster }],
    users: [{ name: 'someone', ...(user ?? { token: 'token-of-the-test' }) }],
    contexts: [{ name: 'local', cluster: 'local', user: 'someone' }],
    currentContext: 'local',
  });
  return kubeConfig;
}

export interface Folder extends Disposable {
  readonly path: string;
  /** Returns the file's path. */
  write(name: string, contents: string | object): string;
}

export function temporaryFolder(): Folder {
  const path = mkdtempSync(join(tmpdir(), 'kube-client-'));
  return {
    path,
    write(name, contents) {
      const file = join(path, name);
      writeFileSync(file, typeof contents === 'string' ? contents : JSON.stringify(contents));
      return file;
    },
    [Symbol.dispose]: () => rmSync(path, { recursive: true }),
  };
}

export async function collect<T>(iterable: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of iterable) items.push(item);
  return items;
}

export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it did not reject');
}
