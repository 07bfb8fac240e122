import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Fault } from '../fixture.ts';

interface Version {
  readonly version: string;
  readonly value: Uint8Array;
}

/** A service of secrets as simple as can be, which can fail in all ways. */
export class MemoryService implements AsyncDisposable {
  readonly #versions = new Map<string, readonly Version[]>();
  readonly #unreadable = new Set<string>();
  readonly #watchers = new Set<ServerResponse>();
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  #counter = 0;
  #fault: { readonly kind: Fault; readonly retryAfterMs?: number; readonly to?: string } | undefined;
  token = 'token-0123456789';
  requests = 0;

  static async start(secrets: Readonly<Record<string, string>>): Promise<MemoryService> {
    const service = new MemoryService();
    for (const [name, value] of Object.entries(secrets)) service.set(name, Buffer.from(value));
    service.#server.listen(0, '127.0.0.1');
    await once(service.#server, 'listening');
    return service;
  }

  get url(): string {
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  }

  /** Grows with each change. */
  get revision(): number {
    return this.#counter;
  }

  names(): readonly string[] {
    return [...this.#versions.keys()];
  }

  set(name: string, value: Uint8Array): string {
    const version = String(++this.#counter);
    this.#versions.set(name, [...(this.#versions.get(name) ?? []), { version, value: Uint8Array.from(value) }]);
    this.#tell();
    return version;
  }

  remove(name: string): void {
    this.#counter++;
    this.#versions.delete(name);
    this.#tell();
  }

  fail(kind: Fault, details: { readonly retryAfterMs?: number; readonly to?: string } = {}): void {
    this.#fault = { kind, ...details };
  }

  makeUnreadable(name: string): void {
    this.#unreadable.add(name);
  }

  recover(): void {
    this.#fault = undefined;
    this.#unreadable.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher.write('changed\n');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests++;
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    if (this.#refuse(response)) return;
    if (request.headers.authorization !== `Bearer ${this.token}`)
      return void response.writeHead(401).end('who are you?');
    const { pathname, searchParams } = new URL(request.url ?? '', this.url);
    if (pathname === '/events') {
      this.#watchers.add(response);
      response.once('close', () => this.#watchers.delete(response));
      response.writeHead(200).write('ready\n');
      return;
    }
    const name = searchParams.get('name');
    const body: Record<string, unknown> = chunks.length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString());
    const [status, answer] =
      name === null
        ? [200, this.#list()]
        : request.method === 'GET'
          ? this.#get(name, searchParams.get('version'))
          : this.#change(name, body);
    this.#send(response, status, answer);
  }

  #list(): object {
    const secrets = [...this.#versions].map(([name, versions]) => ({ name, version: versions.at(-1)?.version }));
    return { count: secrets.length, secrets: this.#fault?.kind === 'shortList' ? secrets.slice(1) : secrets };
  }

  #get(name: string, version: string | null): readonly [number, object] {
    if (this.#unreadable.has(name)) return [403, {}];
    const versions = this.#versions.get(name) ?? [];
    const found = version === null ? versions.at(-1) : versions.find((one) => one.version === version);
    if (found === undefined) return [404, { missing: name }];
    return [200, { version: found.version, value: Buffer.from(found.value).toString('base64') }];
  }

  #change(name: string, { value, ifVersion }: Readonly<Record<string, unknown>>): readonly [number, object] {
    const current = this.#versions.get(name)?.at(-1)?.version ?? null;
    if (ifVersion !== undefined && ifVersion !== current) return [409, {}];
    if (typeof value === 'string') return [200, { version: this.set(name, Buffer.from(value, 'base64')) }];
    this.remove(name);
    return [200, {}];
  }

  /** Whether a fault has ended, or will never end, this exchange. */
  #refuse(response: ServerResponse): boolean {
    const echo = JSON.stringify({ secrets: this.#dump() });
    switch (this.#fault?.kind) {
      case 'unauthenticated':
        response.writeHead(401).end(echo);
        return true;
      case 'forbidden':
        response.writeHead(403).end(echo);
        return true;
      case 'notFound':
        response.writeHead(404).end(echo);
        return true;
      case 'rateLimited':
        response.writeHead(429, { 'retry-after': String((this.#fault.retryAfterMs ?? 0) / 1000) }).end(echo);
        return true;
      case 'unavailable':
        response.writeHead(503).end(echo);
        return true;
      case 'redirect':
        response.writeHead(302, { location: this.#fault.to ?? '' }).end();
        return true;
      case 'page':
        response.writeHead(200).end(`<html>${echo}`);
        return true;
      case 'wrongType':
        response.writeHead(200).end('[1]');
        return true;
      case 'hang':
        return true;
      case 'reset':
        response.socket?.resetAndDestroy();
        return true;
      default:
        return false;
    }
  }

  #send(response: ServerResponse, status: number, answer: object): void {
    const body = Buffer.from(JSON.stringify(answer));
    const half = body.subarray(0, body.byteLength / 2);
    switch (this.#fault?.kind) {
      case 'cut':
        response.writeHead(status, { 'content-length': body.byteLength }).write(half, () => response.destroy());
        return;
      case 'truncated':
        response.writeHead(status).end(half);
        return;
      case 'slow':
        response.writeHead(status).write(half);
        setTimeout(() => response.end(body.subarray(half.byteLength)), 50);
        return;
      default:
        response.writeHead(status).end(body);
    }
  }

  #dump(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      [...this.#versions].map(([name, versions]) => [name, Buffer.from(versions.at(-1)?.value ?? []).toString()]),
    );
  }
}
