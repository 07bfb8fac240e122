import type { KubeConfig } from '@kubernetes/client-node';
import type { Dispatcher } from 'undici';
import { Credentials } from './credentials.ts';
import type { Access } from './credentials.ts';
import { createDispatcher } from './dispatchers.ts';
import { describeRequest } from './describe-request.ts';
import { exchange, TimeoutReached, TooManyBytes } from './exchange.ts';
import type { Answer, StartTimer } from './exchange.ts';
import type { KubeResponse, Method, RequestOptions } from './kube-client.ts';
import { tlsTexts } from './outside-connections.ts';
import type { OutsideConnections, Purpose } from './outside-connections.ts';
import { KubeError } from './kube-error.ts';
import { networkError, timeoutError } from './network-error.ts';
import { withQuery } from './path.ts';
import { statusError } from './status-error.ts';

export interface ConnectionOptions {
  readonly connections: number;
  readonly userAgent: string;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly pingMs: number;
  readonly now: () => number;
  readonly startTimer: StartTimer;
  readonly outside: OutsideConnections | undefined;
}

export interface NamedRequestOptions extends RequestOptions {
  /** What the request does, for error messages; default: derived from its path. */
  readonly doing?: string;
}

/** How long requests that are under way may take when the client is closed, milliseconds. */
const CLOSE_WITHIN_MS = 500;

/** The credentials and the two dispatchers of one cluster. */
export class Connection {
  readonly server: string;
  readonly host: string;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly #kubeConfig: KubeConfig;
  readonly #options: ConnectionOptions;
  readonly #credentials: Credentials;
  readonly #origin: string;
  readonly #basePath: string;
  #closed: Promise<void> | undefined;
  #sharesWatches: boolean | undefined;
  #tlsFingerprint = '';
  #dispatchers: Partial<Record<Purpose, Promise<Dispatcher> | Dispatcher>> = {};

  constructor(kubeConfig: KubeConfig, server: URL, options: ConnectionOptions) {
    this.server = server.href.replace(/\/$/, '');
    this.host = server.host;
    this.timeoutMs = options.timeoutMs;
    this.maxBytes = options.maxBytes;
    this.#kubeConfig = kubeConfig;
    this.#options = options;
    this.#credentials = new Credentials(kubeConfig, options.now);
    this.#origin = server.origin;
    this.#basePath = server.pathname.replace(/\/$/, '');
  }

  async request(method: Method, path: string, options: NamedRequestOptions): Promise<KubeResponse> {
    const { body, signal, timeoutMs = this.timeoutMs } = options;
    const send = async (access: Access): Promise<Answer> => {
      const headers: Record<string, string> = this.#headers(access, options.accept);
      if (body !== undefined) headers['content-type'] = options.contentType ?? 'application/json';
      const dispatcher = this.#dispatcher('request', access);
      return exchange(
        dispatcher instanceof Promise ? await dispatcher : dispatcher,
        this.#dispatchOptions(method, withQuery(path, options.query), headers, text),
        { signal, timeoutMs, maxBytes: this.maxBytes, startTimer: this.#options.startTimer },
      );
    };
    const text = body === undefined ? null : JSON.stringify(body);
    try {
      let access = this.#credentials.current();
      if (access instanceof Promise) access = await abortable(access, signal);
      let answer = await send(access);
      if (answer.status === 401) {
        const renewed = await abortable(this.#credentials.renewed(access), signal);
        if (renewed !== undefined) answer = await send(renewed);
      }
      if (answer.status >= 200 && answer.status < 300) {
        return { status: answer.status, body: parseBody(answer) };
      }
      throw statusError(options.doing ?? describeRequest(method, path), answer.status, answer.headers, answer.text);
    } catch (error) {
      if (error instanceof KubeError) throw error;
      if (signal.aborted) throw signal.reason;
      const doing = options.doing ?? describeRequest(method, path);
      if (error instanceof TimeoutReached) throw timeoutError(doing, this.host, timeoutMs);
      if (error instanceof NotJson)
        throw new KubeError('UNEXPECTED', `${doing}: the answer of ${this.host} is not JSON`);
      if (error instanceof TooManyBytes)
        throw new KubeError('UNEXPECTED', `${doing}: the answer of ${this.host} is longer than any object`);
      throw this.failure(doing, error);
    }
  }

  /** A response whose body is still to be read; any status but 401, which is tried once more. */
  async open(path: string, accept: string | undefined, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const send = async (access: Access): Promise<Dispatcher.ResponseData> => {
      const dispatcher = await this.#dispatcher('watch', access);
      return dispatcher.request({
        ...this.#dispatchOptions('GET', path, this.#headers(access, accept), null),
        signal,
      });
    };
    const access = await abortable(Promise.resolve(this.#credentials.current()), signal);
    const response = await send(access);
    if (response.statusCode !== 401) return response;
    const renewed = await abortable(this.#credentials.renewed(access), signal);
    if (renewed === undefined) return response;
    await response.body.dump();
    return send(renewed);
  }

  /** What to throw for a request that got no answer. */
  failure(doing: string, error: unknown): unknown {
    return this.#options.outside?.isOwnError?.(error) === true ? error : networkError(doing, this.host, error);
  }

  get sharesWatches(): boolean | undefined {
    return this.#sharesWatches;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const { request, watch } = this.#dispatchers;
    const [requests, watches] = await Promise.all([request, watch]);
    // What still waits for a connection to be made would keep `close` waiting as long as that takes.
    const late = setTimeout(() => void requests?.destroy(), CLOSE_WITHIN_MS);
    await Promise.all([requests?.close().catch(() => {}), watches?.destroy()]);
    clearTimeout(late);
  }

  #headers(access: Access, accept: string | undefined): Record<string, string> {
    return {
      ...access.headers,
      accept: accept ?? 'application/json',
      'user-agent': this.#options.userAgent,
    };
  }

  #dispatchOptions(
    method: Method,
    path: string,
    headers: Record<string, string>,
    body: string | null,
  ): Dispatcher.DispatchOptions & { origin: string } {
    // Every exchange has its own limit, also on connections that are not ours.
    const limits = { headersTimeout: 0, bodyTimeout: 0 };
    return { origin: this.#origin, path: this.#basePath + path, method, headers, body, ...limits };
  }

  #dispatcher(purpose: Purpose, access: Access): Promise<Dispatcher> | Dispatcher {
    const { outside, connections, pingMs } = this.#options;
    if (outside !== undefined) return outside.dispatcher(tlsTexts(access.tls), purpose);
    if (access.tlsFingerprint !== this.#tlsFingerprint) {
      // What is in flight may end on the old connections.
      for (const old of Object.values(this.#dispatchers)) void closeQuietly(old);
      this.#dispatchers = {};
      this.#tlsFingerprint = access.tlsFingerprint;
    }
    const existing = this.#dispatchers[purpose];
    if (existing !== undefined) return existing;
    const dispatchers = this.#dispatchers;
    const created = createDispatcher(
      this.#kubeConfig,
      access.tls,
      purpose === 'watch'
        ? { connections: null, http2: true, pingMs, onConnected: (http2) => (this.#sharesWatches = http2) }
        : { connections, http2: false, pingMs, onConnected: () => {} },
    );
    dispatchers[purpose] = created;
    created.then(
      (dispatcher) => (dispatchers[purpose] = dispatcher),
      () => delete dispatchers[purpose],
    );
    return created;
  }
}

async function closeQuietly(dispatcher: Promise<Dispatcher> | Dispatcher): Promise<void> {
  try {
    await (await dispatcher).close();
  } catch {
    // It was closed or never made.
  }
}

class NotJson extends Error {}

function parseBody(answer: Answer): unknown {
  if (answer.text === '') return undefined;
  const type = answer.headers['content-type'];
  if (typeof type === 'string' && !type.includes('json')) return answer.text;
  try {
    return JSON.parse(answer.text);
  } catch {
    throw new NotJson(); // the syntax error would quote the answer
  }
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    function onAbort(): void {
      reject(signal.reason);
    }
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
