import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  FaultQueue,
  hideCredential,
  listen,
  parseJson,
  receiveBody,
  sendAnswer,
  statusSeen,
} from '@hikyaku/provider-utils/testing';
import { answerCall } from './fake-protocol-api.ts';
import type { FakeProtocolOffer } from './fake-protocol-api.ts';
import { refuse } from './fake-protocol-answer.ts';
import { FakeProtocolCollection } from './fake-protocol-collection.ts';
import type { FakeProtocolError } from './fake-protocol-collection.ts';
import { needsContent, spoil } from './fake-protocol-fault.ts';
import type { FakeProtocolFault } from './fake-protocol-fault.ts';

export interface FakeProtocolOptions {
  /** The token it wants; none by default. */
  readonly token?: string;
  /** By name; more by `set`. */
  readonly secrets?: Readonly<Record<string, string | Uint8Array>>;
  /** All by default. */
  readonly offers?: readonly FakeProtocolOffer[];
  /** Whether it knows pinned versions; `true` by default. */
  readonly pins?: boolean;
  /** Whether a read answers with a revision; `true` by default. */
  readonly revisions?: boolean;
  /** How long it holds a watch at the most, milliseconds; 50 000 by default. */
  readonly longestWaitMs?: number;
  /** 0, any free port, by default. */
  readonly port?: number;
  /** PEM; makes the url https. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

export interface FakeProtocolRequest {
  readonly method: string;
  readonly path: string;
  /** With `[token]` in the place of a credential. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body's fields, without values: `{}` for none. */
  readonly body: Readonly<Record<string, unknown>>;
  /** 0 while there is no whole answer. */
  readonly status: number;
}

export interface FakeProtocol extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`, or https with `tls`; for `url` in the config. */
  readonly url: string;
  /** The version that it made. */
  set(name: string, value: string | Uint8Array): string;
  remove(name: string): void;
  /** From now on, until `recover`, the fake cannot say what this secret is. */
  setUnreadable(name: string, error: FakeProtocolError): void;
  /** Of everything there is now. */
  names(): readonly string[];
  /** What a person would see at the service: the latest value, as it is. */
  valueOf(name: string): Uint8Array | undefined;
  /** From now on only this token is right; `undefined`: none is wanted. */
  setToken(token: string | undefined): void;
  /** Spoils the next requests that it fits; several faults are used up one after the other. */
  fail(fault: FakeProtocolFault): void;
  /** Ends faults; secrets that could not be read can be read again. */
  recover(): void;
  /** Oldest first. */
  readonly requests: readonly FakeProtocolRequest[];
  resetRequests(): void;
  /** Cuts all connections. */
  close(): Promise<void>;
}

/** A service that speaks the hikyaku protocol with all that it may offer, and faults on demand. */
export async function startFakeProtocol(options: FakeProtocolOptions = {}): Promise<FakeProtocol> {
  const { port = 0, tls, secrets = {} } = options;
  const collection = new FakeProtocolCollection();
  for (const [name, value] of Object.entries(secrets)) collection.set(name, value);
  const api = {
    collection,
    offers: options.offers ?? (['list', 'write', 'watch'] as const),
    pins: options.pins ?? true,
    revisions: options.revisions ?? true,
    longestWaitMs: options.longestWaitMs ?? 50_000,
  };
  let { token } = options;
  const faults = new FaultQueue<FakeProtocolFault>();
  let requests: FakeProtocolRequest[] = [];

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '/';
    const body = await readJson(request);
    const record = { ...recordOf(request, path, body ?? {}), status: 0 };
    requests.push(record);

    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const fault = faults.take((one) => one.path === undefined || one.path === path);
    const asked = fault !== undefined && needsContent(fault) ? { ...body, revision: undefined } : (body ?? {});
    const right =
      token !== undefined && request.headers.authorization !== `Bearer ${token}`
        ? refuse(401, 'UNAUTHENTICATED', 'the token is not right')
        : body === undefined
          ? refuse(400, 'INVALID_CONFIG', 'the body is not a JSON object')
          : await answerCall({ route: `${record.method} ${path}`, body: asked, signal: gone.signal }, api);
    const answer = fault === undefined ? right : spoil(fault, right);
    // Before the last byte is out: whoever has the answer may look at the record.
    record.status = statusSeen(answer);
    await sendAnswer(response, answer);
  }

  const { url, close } = await listen(respond, { port, ...tls });

  return {
    url,
    set: (name, value) => collection.set(name, value),
    remove: (name) => collection.remove(name),
    setUnreadable: (name, error) => collection.setUnreadable(name, error),
    names: () => collection.names,
    valueOf: (name) => collection.latest(name)?.value,
    setToken(next) {
      token = next;
    },
    fail: (fault) => faults.add(fault),
    recover() {
      faults.clear();
      collection.makeReadable();
    },
    get requests() {
      return requests;
    },
    resetRequests() {
      requests = [];
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Without its status. */
function recordOf(request: IncomingMessage, path: string, body: object): Omit<FakeProtocolRequest, 'status'> {
  const hidden: unknown = JSON.parse(JSON.stringify(body), (key, value: unknown) =>
    key === 'valueBase64' ? '[value]' : value,
  );
  return {
    method: request.method ?? 'GET',
    path,
    headers: hideCredential(request.headers, '[token]'),
    body: Object.fromEntries(Object.entries(Object(hidden))),
  };
}

/** `{}` for no body, `undefined` for one that is not a JSON object. */
async function readJson(request: IncomingMessage): Promise<object | undefined> {
  const received = await receiveBody(request);
  if (received.length === 0) return {};
  const parsed = parseJson(received);
  return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? parsed : undefined;
}
