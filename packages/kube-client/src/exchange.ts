import type { Dispatcher } from 'undici';
import type { IncomingHttpHeaders } from 'undici/types/header.d.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Limits {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** Of the answer's body. */
  readonly maxBytes: number;
  readonly startTimer: StartTimer;
}

/** Calls back after so many milliseconds, unless the function that it returns is called before. */
export type StartTimer = (ms: number, onTime: () => void) => () => void;

export class TimeoutReached extends Error {}

export class TooManyBytes extends Error {}

/**
 * Sends one request and reads the whole answer. Rejects with the signal's reason, TimeoutReached, TooManyBytes or undici's
 * error.
 *
 * This is undici's `request` without its Readable and per-request AbortSignals, which cost more than the rest of a
 * write together.
 */
export function exchange(dispatcher: Dispatcher, request: Dispatcher.DispatchOptions, limits: Limits): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { signal } = limits;
    if (signal.aborted) {
      reject(asError(signal.reason));
      return;
    }
    let controller: Dispatcher.DispatchController | undefined;
    let given: Error | undefined;
    let status = 0;
    let headers: IncomingHttpHeaders = {};
    let chunks: Buffer[] = [];
    let bytes = 0;

    function settle(): void {
      stopTimer();
      signal.removeEventListener('abort', onAbort);
    }
    // Gives up at once, also where the request still waits for a connection; undici then learns it at its start.
    function giveUp(reason: Error): void {
      given = reason;
      chunks = [];
      settle();
      reject(reason);
      controller?.abort(reason);
    }
    function onAbort(): void {
      giveUp(asError(signal.reason));
    }
    const stopTimer = limits.startTimer(limits.timeoutMs, () => giveUp(new TimeoutReached()));
    signal.addEventListener('abort', onAbort, { once: true });

    try {
      dispatcher.dispatch(request, {
        onRequestStart(started) {
          controller = started;
          if (given !== undefined) started.abort(given);
        },
        onResponseStart(_, responseStatus, responseHeaders) {
          status = responseStatus;
          headers = responseHeaders;
        },
        onResponseData(_, chunk) {
          bytes += chunk.length;
          if (bytes > limits.maxBytes) giveUp(new TooManyBytes());
          else chunks.push(chunk);
        },
        onResponseEnd() {
          settle();
          resolve({ status, headers, text: textOf(chunks) });
        },
        onResponseError(_, error) {
          settle();
          reject(error);
        },
      });
    } catch (error) {
      settle();
      reject(asError(error));
    }
  });
}

function textOf(chunks: readonly Buffer[]): string {
  const [first] = chunks;
  if (first === undefined) return '';
  return chunks.length === 1 ? first.toString('utf8') : Buffer.concat(chunks).toString('utf8');
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
