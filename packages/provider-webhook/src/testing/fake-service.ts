import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { FaultQueue, json, listen, receiveBody, sendAnswer, statusSeen } from '@hikyaku/provider-utils/testing';
import type { FakeAnswer } from '@hikyaku/provider-utils/testing';
import { answerCall } from './fake-service-api.ts';
import { FakeServiceCollection } from './fake-service-collection.ts';
import { isRefusal, needsContent, spoil } from './fake-service-fault.ts';
import type { FakeServiceFault } from './fake-service-fault.ts';

/** Whether a request comes from somebody who may ask. */
export type FakeServiceAccess = (headers: IncomingHttpHeaders) => boolean;

export interface FakeServiceOptions {
  /** By name; more by `set`. */
  readonly secrets?: Readonly<Record<string, string | Uint8Array>>;
  /** Everybody by default. */
  readonly access?: FakeServiceAccess;
  /** Whether answers have ETags; `true` by default. */
  readonly etags?: boolean;
  /** PEM; makes the url https. With `clientCa`, a certificate that it vouches for is asked of clients. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly clientCa?: string };
  /** 0, any free port, by default. */
  readonly port?: number;
}

export interface FakeServiceRequest {
  readonly method: string;
  /** Path and query, as they came. */
  readonly path: string;
  /** With `[credential]` in the place of what may be one. */
  readonly headers: Readonly<Record<string, string>>;
  /** 0 while there is no whole answer. */
  readonly status: number;
}

export interface FakeService extends AsyncDisposable {
  /** `http://127.0.0.1:<port>/api`, or https with `tls`; for `url` in the config. */
  readonly url: string;
  set(name: string, value: string | Uint8Array): number;
  remove(name: string): void;
  names(): readonly string[];
  /** The latest value, as a person would see it at the service. */
  valueOf(name: string): Uint8Array | undefined;
  /** From now on, until `recover`, this one cannot be read. */
  setUnreadable(name: string): void;
  setAccess(access: FakeServiceAccess): void;
  /** From now on this path, below `/api`, gets this answer. */
  answerWith(path: string, answer: FakeAnswer): void;
  /** Spoils the next requests that it fits; several faults are used up one after the other. */
  fail(fault: FakeServiceFault): void;
  /** Ends faults; secrets that could not be read can be read again. */
  recover(): void;
  /** Oldest first. */
  readonly requests: readonly FakeServiceRequest[];
  resetRequests(): void;
  /** The bodies that came with `POST`, oldest first, with their content type. */
  readonly posted: readonly { readonly contentType: string | undefined; readonly body: string }[];
  close(): Promise<void>;
}

/** Headers that say nothing about who asks. */
const PLAIN = /^(?:host|connection|accept.*|content-.*|user-agent|if-.*|transfer-encoding|x-plain.*)$/;

/** A small REST service that keeps secrets, with faults on demand; its routes are in `fake-service-api.ts`. */
export async function startFakeService(options: FakeServiceOptions = {}): Promise<FakeService> {
  const { port = 0, tls, secrets = {}, etags = true } = options;
  const collection = new FakeServiceCollection();
  for (const [name, value] of Object.entries(secrets)) collection.set(name, value);
  const answers = new Map<string, FakeAnswer>();
  const posted: { readonly contentType: string | undefined; readonly body: string }[] = [];
  let access = options.access ?? (() => true);
  const faults = new FaultQueue<FakeServiceFault>();
  let requests: FakeServiceRequest[] = [];

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url: path = '/', headers } = request;
    const body = await receiveBody(request);
    const url = new URL(path, 'http://fake');
    const record = { method, path, headers: hideCredentials(headers), status: 0 };
    requests.push(record);
    if (method === 'POST') posted.push({ contentType: headers['content-type'], body: body.toString() });

    const fault = faults.take((one) => path.startsWith(one.path ?? ''));
    const asked = fault !== undefined && needsContent(fault) ? { ...headers, 'if-none-match': undefined } : headers;
    const right = !access(headers)
      ? json(401, { error: 'who are you?' })
      : fault !== undefined && isRefusal(fault)
        ? json(200, {})
        : (answers.get(url.pathname) ?? answerCall({ method, url, headers: asked, body }, { collection, etags }));
    const answer = fault === undefined ? right : spoil(fault, right);
    // Before the last byte is out: whoever has the answer may look at the record.
    record.status = statusSeen(answer);
    await sendAnswer(response, answer);
  }

  const { url: origin, close } = await listen(respond, { port, ...tls });

  return {
    url: `${origin}/api`,
    set: (name, value) => collection.set(name, value),
    remove: (name) => void collection.remove(name),
    names: () => collection.names,
    valueOf: (name) => collection.latest(name)?.value,
    setUnreadable: (name) => void collection.unreadable.add(name),
    setAccess(next) {
      access = next;
    },
    answerWith: (path, answer) => void answers.set(`/api${path}`, answer),
    fail: (fault) => faults.add(fault),
    recover() {
      faults.clear();
      collection.unreadable.clear();
    },
    get requests() {
      return requests;
    },
    resetRequests() {
      requests = [];
    },
    posted,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function hideCredentials(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      PLAIN.test(name) ? [value ?? []].flat().join(', ') : '[credential]',
    ]),
  );
}
