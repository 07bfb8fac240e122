import type { IncomingMessage, ServerResponse } from 'node:http';
import { listen } from '@hikyaku/provider-utils/testing';

/** How it fails: an answer instead of the right one (to requests for one secret only, with `name`), or worse. */
export type FakeFault =
  | 'hang'
  | 'reset'
  | 'short list'
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
      readonly name?: string;
    };

/** A server on 127.0.0.1 that behaves like acme, as far as the provider can tell. */
export interface FakeAcme extends AsyncDisposable {
  readonly url: string;
  /** The one it takes now. */
  readonly token: string;
  /** How many it has received. */
  readonly requests: number;
  names(): readonly string[];
  set(name: string, value: string): void;
  remove(name: string): void;
  /** Refuses the token so far; takes another. */
  rotate(): void;
  /** Fails so from now on. */
  fail(fault: FakeFault): void;
  recover(): void;
}

export async function startFakeAcme(initial: Readonly<Record<string, string>> = {}): Promise<FakeAcme> {
  const secrets = new Map<string, { readonly value: string; readonly version: string }>();
  let fault: FakeFault | undefined;
  let changes = 0;
  let rotations = 0;
  let requests = 0;
  const token = () => `acme-token-${rotations}`;
  const set = (name: string, value: string) => void secrets.set(name, { value, version: String(++changes) });
  for (const [name, value] of Object.entries(initial)) set(name, value);

  function answer(request: IncomingMessage, response: ServerResponse): void {
    requests += 1;
    const encoded = /^\/secrets\/(.+)$/.exec(request.url ?? '')?.[1];
    const name = encoded === undefined ? undefined : decodeURIComponent(encoded);
    if (fault === 'hang') return;
    if (fault === 'reset') return void request.socket.destroy();
    if (typeof fault === 'object' && (fault.name === undefined || fault.name === name))
      return void response.writeHead(fault.status, fault.headers).end(fault.body);
    if (request.headers.authorization !== `Bearer ${token()}`) return void response.writeHead(401).end();
    const found = name === undefined ? list() : secrets.get(name);
    response.writeHead(found === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(found));
  }
  function list(): object {
    const all = Array.from(secrets, ([name, { version }]) => ({ name, version }));
    return { total: all.length, secrets: fault === 'short list' ? all.slice(1) : all };
  }

  const server = await listen(answer);
  return {
    url: server.url,
    get token() {
      return token();
    },
    get requests() {
      return requests;
    },
    names: () => [...secrets.keys()],
    set,
    remove: (name) => void secrets.delete(name),
    rotate: () => void (rotations += 1),
    fail(next) {
      fault = next;
    },
    recover() {
      fault = undefined;
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
    },
  };
}
