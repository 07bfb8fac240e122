import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { json } from './fake-answer.ts';
import type { FakeAnswer } from './fake-answer.ts';
import type { FakeOperation } from './fake-requests.ts';

/**
 * | kind | what happens |
 * | --- | --- |
 * | `status` | an error with `status`, `errorCode`, `message` and `retryAfter`; nothing is done |
 * | `page` | an HTML page with `status` (200 by default), of a proxy or a login; nothing is done |
 * | `redirect` | 302 to `location`; nothing is done |
 * | `hang` | the request is read, and nothing comes; nothing is done |
 * | `reset` | the connection is reset; nothing is done |
 * | `reset-after` | it is done, and the connection is reset instead of an answer |
 * | `truncate` | half of the right body, then the connection is cut |
 * | `half-json` | half of the right body as if it were all |
 * | `slow` | the right body in ten pieces, `delayMs` apart |
 * | `empty`, `array`, `text` | `{}`, `[]` or a JSON string instead of the right body |
 * | `wrong-types` | words for versions, numbers for values |
 * | `nulls` | null for every value and latest version |
 * | `wrong-name` | about another secret than asked for |
 * | `short-list` | the last secret is left out, the numbers are those of the whole list |
 * | `part-of-list` | the last secret is left out and `Count` says so, `Total` is that of the whole list |
 * | `twice` | the first secret stands in the list twice |
 * | `huge` | status 200 with 3 MiB |
 */
export type FakeFaultKind =
  | 'status'
  | 'page'
  | 'redirect'
  | 'hang'
  | 'reset'
  | 'reset-after'
  | 'truncate'
  | 'half-json'
  | 'slow'
  | 'empty'
  | 'array'
  | 'text'
  | 'wrong-types'
  | 'nulls'
  | 'wrong-name'
  | 'short-list'
  | 'part-of-list'
  | 'twice'
  | 'huge';

export interface FakeFault {
  readonly kind: FakeFaultKind;
  /** How many requests it spoils; 1 by default. */
  readonly times?: number;
  /** Only requests for this, or about this secret. */
  readonly on?: FakeOperation;
  readonly secret?: string;
  /** Of `status` (503 by default) and `page`. */
  readonly status?: number;
  /** `error_code` and `error_msg` of `status`. */
  readonly errorCode?: string;
  readonly message?: string;
  /** Of `redirect`; a login page by default. */
  readonly location?: string;
  /** Seconds, of `status`; without it there is no such header. */
  readonly retryAfter?: number;
  /** Milliseconds between two pieces, of `slow`; 20 by default. */
  readonly delayMs?: number;
}

/** Whether the request is carried out before its answer is spoilt. */
export function isCarriedOut({ kind }: FakeFault): boolean {
  return kind !== 'status' && kind !== 'page' && kind !== 'redirect' && kind !== 'hang' && kind !== 'reset';
}

export interface SpoilOptions {
  /** Of a request that is carried out. */
  readonly right: FakeAnswer | undefined;
  readonly refuse: (status: number, errorCode: string, message: string) => FakeAnswer;
}

/** The answer as the fault makes it, where it is an answer at all. */
export function spoil(fault: FakeFault, { right = { status: 200 }, refuse }: SpoilOptions): FakeAnswer {
  const { kind, status, errorCode = 'fault', message = 'fault injection', retryAfter } = fault;
  switch (kind) {
    case 'status': {
      const answer = refuse(status ?? 503, errorCode, message);
      return {
        ...answer,
        headers: { ...answer.headers, ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }) },
      };
    }
    case 'page':
      return {
        status: status ?? 200,
        headers: { 'content-type': 'text/html' },
        body: '<html><body><h1>Please sign in</h1></body></html>',
      };
    case 'redirect':
      return { status: 302, headers: { location: fault.location ?? '/login' } };
    case 'half-json':
      return { ...right, body: half(right.body) };
    case 'empty':
      return json(200, {});
    case 'array':
      return json(200, []);
    case 'text':
      return json(200, 'Secrets');
    case 'huge':
      return json(200, { Secret: { Name: 'huge', Version: 1, Value: 'x'.repeat(3 * 1024 * 1024) }, Secrets: [] });
    case 'wrong-types':
      return changed(right, (name, value) => (name.endsWith('Version') ? 'two' : name === 'Value' ? 7 : value));
    case 'nulls':
      return changed(right, (name, value) => (name === 'LatestVersion' || name === 'Value' ? null : value));
    case 'wrong-name':
      return changed(right, (name, value) => (name === 'Name' ? `${value}-other` : value));
    case 'short-list':
      return changed(right, (name, value) => (name === 'Secrets' && Array.isArray(value) ? value.slice(0, -1) : value));
    case 'part-of-list':
      return changed(right, (name, value) => {
        if (name === 'Count') return Math.max(0, Number(value) - 1);
        return name === 'Secrets' && Array.isArray(value) ? value.slice(0, -1) : value;
      });
    case 'twice':
      return changed(right, (name, value) => {
        if (name === 'Count' || name === 'Total') return Number(value) + 1;
        const list: readonly unknown[] = Array.isArray(value) ? value : [];
        return name === 'Secrets' ? [...list, list[0]] : value;
      });
    case 'hang':
    case 'reset':
    case 'reset-after':
    case 'truncate':
    case 'slow':
      return right;
    default:
      return kind satisfies never;
  }
}

/** Sends an answer the way the fault wants it. */
export async function send(response: ServerResponse, answer: FakeAnswer, fault?: FakeFault): Promise<void> {
  const body = Buffer.from(answer.body ?? '');
  if (fault?.kind === 'hang') return;
  if (fault?.kind === 'reset' || fault?.kind === 'reset-after') {
    response.socket?.resetAndDestroy();
    return;
  }
  // Node leaves out the length of an empty body where there must be none (204).
  response.writeHead(answer.status, { ...answer.headers, ...(body.length > 0 && { 'content-length': body.length }) });
  if (fault?.kind === 'truncate') {
    response.write(half(answer.body), () => response.socket?.destroy());
    return;
  }
  if (fault?.kind === 'slow') {
    const pieceLength = Math.ceil(body.length / 10);
    for (let start = 0; start < body.length && !response.destroyed; start += pieceLength) {
      response.write(body.subarray(start, start + pieceLength));
      await delay(fault.delayMs ?? 20, undefined, { ref: false });
    }
  }
  response.end(fault?.kind === 'slow' ? undefined : body);
}

function changed(answer: FakeAnswer, change: (name: string, value: unknown) => unknown): FakeAnswer {
  return answer.body === undefined ? answer : { ...answer, body: JSON.stringify(JSON.parse(answer.body, change)) };
}

function half(body = ''): string {
  return body.slice(0, Math.floor(body.length / 2));
}
