import { setImmediate as nextTurn } from 'node:timers/promises';
import { isProviderError, ProviderError } from '@hikyaku/core';
import type { CallOptions, Clock, ProviderContext } from '@hikyaku/core';
import { networkError } from './network-error.ts';
import { readBody } from './read-body.ts';
import { withDeadline } from './with-deadline.ts';

export interface SendRequestOptions extends CallOptions {
  readonly dispatcher: ProviderContext['dispatcher'];
  readonly clock: Clock;
  /** `GET` by default. */
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Milliseconds from connecting to the last byte; 10 000 by default. */
  readonly timeoutMs?: number;
  /** Of the answer's body; 2 MiB by default. */
  readonly maxBytes?: number;
}

export interface HttpAnswer {
  readonly status: number;
  /** By lower-case name; a header that came several times is joined with commas. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
}

/**
 * Sends one request and reads the whole answer, whatever its status, so that the connection is free again. Redirects are not
 * followed. Rejects with `UNAVAILABLE` when the network failed or the time is up, `INVALID_RESPONSE` when the body is too
 * large, and with the signal's reason when it aborts.
 */
export async function sendRequest(
  url: string | URL,
  {
    dispatcher,
    clock,
    signal,
    method = 'GET',
    headers = {},
    body,
    timeoutMs = 10_000,
    maxBytes = 2 * 1024 * 1024,
  }: SendRequestOptions,
): Promise<HttpAnswer> {
  const { origin, host, pathname, search } = new URL(url);

  async function exchange(requestSignal: AbortSignal): Promise<HttpAnswer> {
    const answer = await dispatcher.request({
      origin,
      path: pathname + search,
      method,
      headers,
      ...(body !== undefined && { body }),
      signal: requestSignal,
      // The deadline is ours, so that a test can move the clock.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    const bytes = await readBody(answer.body, { maxBytes, from: host });
    // undici frees the connection only after the body's end was announced: a request sent before that opens another one.
    await nextTurn();
    return {
      status: answer.statusCode,
      headers: new Map(
        Object.entries(answer.headers).map(([name, value]) => [name.toLowerCase(), [value ?? []].flat().join(', ')]),
      ),
      body: bytes,
    };
  }

  function late(): ProviderError {
    return new ProviderError(
      'UNAVAILABLE',
      `${host} did not answer within ${timeoutMs / 1000} s. Check that a firewall or NetworkPolicy lets requests through`,
    );
  }

  try {
    return await withDeadline(exchange, { timeoutMs, clock, signal, error: late });
  } catch (error) {
    signal.throwIfAborted();
    throw isProviderError(error) ? error : networkError(error, url);
  }
}
