import type { Connection } from './connection.ts';
import { TimeoutReached, TooManyBytes } from './exchange.ts';
import type { WatchEvent, WatchOptions } from './kube-client.ts';
import { KubeError } from './kube-error.ts';
import { timeoutError } from './network-error.ts';
import { fromServer } from './objects.ts';
import type { KubeObject } from './objects.ts';
import { withQuery } from './path.ts';
import { asRecord } from './plain-text.ts';
import { readLines, readText } from './read-lines.ts';
import { errorFromStatus, statusError } from './status-error.ts';

export async function* watch<T extends KubeObject>(
  connection: Connection,
  path: string,
  options: WatchOptions,
): AsyncGenerator<WatchEvent<T>, void, undefined> {
  const doing = `watch ${path}`;
  // Spread, so that many watches do not end in the same moment.
  const timeoutSeconds = Number(options.query?.['timeoutSeconds'] ?? 240 + Math.floor(Math.random() * 120));
  const query = { allowWatchBookmarks: true, ...options.query, watch: true, timeoutSeconds };
  using limit = new WatchLimit(options.signal, connection.timeoutMs);
  try {
    const response = await connection.open(withQuery(path, query), options.accept, limit.signal);
    if (response.statusCode !== 200) {
      throw statusError(doing, response.statusCode, response.headers, await readText(response.body, connection));
    }
    // The server ends the watch itself; when it does not, nobody is there any more.
    limit.restart(timeoutSeconds * 1000 + 30_000);
    for await (const line of readLines(response.body, connection)) {
      const event = asRecord(JSON.parse(line));
      const object = asRecord(event['object']);
      if (event['type'] === 'ERROR') {
        const code = object['code'];
        throw errorFromStatus(doing, typeof code === 'number' ? code : 500, object);
      }
      yield fromServer<WatchEvent<T>>(event);
    }
  } catch (error) {
    if (options.signal.aborted) throw options.signal.reason;
    if (error instanceof KubeError) throw error;
    if (error instanceof TimeoutReached) throw timeoutError(doing, connection.host, limit.timeoutMs);
    if (error instanceof TooManyBytes) {
      throw new KubeError('UNEXPECTED', `${doing}: what ${connection.host} sends is longer than any object`);
    }
    if (error instanceof SyntaxError) {
      throw new KubeError('UNEXPECTED', `${doing}: an event of ${connection.host} is not JSON`);
    }
    throw connection.failure(doing, error);
  }
}

/** A signal that follows the caller's and a timer that can be started again, and leaves nothing behind. */
class WatchLimit implements Disposable {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal;
  readonly #onAbort = (): void => this.#controller.abort(this.#outer.reason);
  #timer: NodeJS.Timeout | undefined;
  timeoutMs = 0;

  constructor(outer: AbortSignal, timeoutMs: number) {
    this.#outer = outer;
    if (outer.aborted) this.#onAbort();
    outer.addEventListener('abort', this.#onAbort, { once: true });
    this.restart(timeoutMs);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  restart(timeoutMs: number): void {
    clearTimeout(this.#timer);
    this.timeoutMs = timeoutMs;
    this.#timer = setTimeout(() => this.#controller.abort(new TimeoutReached()), timeoutMs);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#outer.removeEventListener('abort', this.#onAbort);
  }
}
