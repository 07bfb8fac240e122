import { changeJson, halve, page, redirect } from '@hikyaku/provider-utils/testing';
import type { FakeAnswer } from '@hikyaku/provider-utils/testing';
import { json } from './fake-answer.ts';
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
 * | `wrong-types` | words for versions, numbers for values and access tokens |
 * | `nulls` | null for every value, latest version and access token |
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

/** The answer as the fault makes it. */
export function spoil(fault: FakeFault, { right = { status: 200 }, refuse }: SpoilOptions): FakeAnswer {
  const { kind, status, errorCode = 'fault', message = 'fault injection', retryAfter, delayMs = 20 } = fault;
  switch (kind) {
    case 'status': {
      const answer = refuse(status ?? 503, errorCode, message);
      return {
        ...answer,
        headers: { ...answer.headers, ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }) },
      };
    }
    case 'page':
      return page(status ?? 200, 'Please sign in');
    case 'redirect':
      return redirect(fault.location ?? '/login');
    case 'half-json':
      return halve(right);
    case 'empty':
      return json(200, {});
    case 'array':
      return json(200, []);
    case 'text':
      return json(200, 'Secrets');
    case 'huge':
      return json(200, { Secret: { Name: 'huge', Version: 1, Value: 'x'.repeat(3 * 1024 * 1024) }, Secrets: [] });
    case 'wrong-types':
      return changeJson(right, (name, value) => (name.endsWith('Version') ? 'two' : isText(name) ? 7 : value));
    case 'nulls':
      return changeJson(right, (name, value) => (name === 'LatestVersion' || isText(name) ? null : value));
    case 'wrong-name':
      return changeJson(right, (name, value) => (name === 'Name' ? `${value}-other` : value));
    case 'short-list':
      return changeJson(right, (name, value) =>
        name === 'Secrets' && Array.isArray(value) ? value.slice(0, -1) : value,
      );
    case 'part-of-list':
      return changeJson(right, (name, value) => {
        if (name === 'Count') return Math.max(0, Number(value) - 1);
        return name === 'Secrets' && Array.isArray(value) ? value.slice(0, -1) : value;
      });
    case 'twice':
      return changeJson(right, (name, value) => {
        if (name === 'Count' || name === 'Total') return Number(value) + 1;
        const list: readonly unknown[] = Array.isArray(value) ? value : [];
        return name === 'Secrets' ? [...list, list[0]] : value;
      });
    case 'slow':
      return { ...right, delivery: { delayMs } };
    case 'reset-after':
      return { ...right, delivery: 'reset' };
    case 'hang':
    case 'reset':
    case 'truncate':
      return { ...right, delivery: kind };
    default:
      return kind satisfies never;
  }
}

/** What is wanted most of an answer. */
function isText(name: string): boolean {
  return name === 'Value' || name === 'access_token';
}
