import { gzipSync } from 'node:zlib';
import { halve, json, page, redirect } from '@hikyaku/provider-utils/testing';
import type { FakeAnswer } from '@hikyaku/provider-utils/testing';

/**
 * | kind | what happens |
 * | --- | --- |
 * | a number | this status, in JSON; `429` and `503` with `retry-after`, `304` for another ETag |
 * | `502-html` | a page of the proxy in front |
 * | `redirect` | 302 to `location` |
 * | `hang` | the request is read, and nothing comes |
 * | `reset` | the connection is reset |
 * | `truncate` | half of the right body, then the connection is cut |
 * | `no-length` | half of the right body, and then the connection ends as if that were all |
 * | `half-json` | half of the right body as if it were all |
 * | `slow` | the right body in ten pieces, `delayMs` apart |
 * | `not-json` | status 200 with a page |
 * | `wrong-type` | the right body with numbers for lists and mappings |
 * | `short-list` | the right body without its last item |
 * | `twice` | the right body with its first item twice |
 * | `gzip` | the right body, compressed though nobody asked for it |
 * | `huge` | status 200 with 5 MiB |
 */
export type FakeServiceFaultKind =
  | 202
  | 206
  | 304
  | 400
  | 401
  | 403
  | 404
  | 409
  | 410
  | 429
  | 500
  | 503
  | '502-html'
  | 'redirect'
  | 'hang'
  | 'reset'
  | 'truncate'
  | 'no-length'
  | 'half-json'
  | 'slow'
  | 'not-json'
  | 'wrong-type'
  | 'short-list'
  | 'twice'
  | 'gzip'
  | 'huge';

export interface FakeServiceFault {
  readonly kind: FakeServiceFaultKind;
  /** How many requests it spoils; 1 by default, Infinity for all. */
  readonly times?: number;
  /** Only requests whose path begins so. */
  readonly path?: string;
  /** Seconds, of 429 and 503; 1 by default. */
  readonly retryAfter?: number;
  readonly location?: string;
  /** Milliseconds between two pieces, of `slow`; 20 by default. */
  readonly delayMs?: number;
}

/** Whether it spoils the right answer, so that "not modified" will not do. */
export function needsContent({ kind }: FakeServiceFault): boolean {
  return typeof kind === 'string' && !/^(?:hang|reset|redirect|502-html)$/.test(kind);
}

/** Whether nothing is done but to say no. What fails in another way may have been done. */
export function isRefusal({ kind }: FakeServiceFault): boolean {
  return kind === 'redirect' || (typeof kind === 'number' && kind >= 300 && kind < 500);
}

/** What the fault makes of the right answer. */
export function spoil(
  { kind, retryAfter = 1, location = '/login', delayMs = 20 }: FakeServiceFault,
  right: FakeAnswer,
): FakeAnswer {
  switch (kind) {
    case 304:
      return { status: 304, headers: { etag: '"of something else"' } };
    case 429:
    case 503:
      return json(kind, { error: 'as the test wants it' }, { 'retry-after': String(retryAfter) });
    case '502-html':
      return page(502, '502 Bad Gateway');
    case 'redirect':
      return redirect(location);
    case 'not-json':
      return page(200, 'Please sign in to the network');
    case 'wrong-type':
      return changed(right, (_, value) => (typeof value === 'object' ? 7 : value));
    case 'short-list':
      return changed(right, (_, value) => (Array.isArray(value) ? value.slice(0, -1) : value));
    case 'twice':
      return changed(right, (_, value) => (Array.isArray(value) ? [value[0], ...value] : value));
    case 'gzip':
      return { ...right, headers: { ...right.headers, 'content-encoding': 'gzip' }, body: gzipSync(right.body ?? '') };
    case 'huge':
      return json(200, { data: { value: 'x'.repeat(5 * 1024 * 1024) } });
    case 'half-json':
      return halve(right);
    case 'no-length':
      return { ...right, delivery: 'early-end' };
    case 'slow':
      return { ...right, delivery: { delayMs } };
    case 'hang':
    case 'reset':
    case 'truncate':
      return { ...right, delivery: kind };
    default:
      return json(kind, { error: 'as the test wants it' });
  }
}

function changed(right: FakeAnswer, change: (key: string, value: unknown) => unknown): FakeAnswer {
  if (right.status !== 200 || typeof right.body !== 'string') return right;
  const root: unknown = JSON.parse(right.body);
  return { ...right, body: JSON.stringify(changeWithin(root, change)) };
}

/** The members of the root, and the root itself when it is a list. */
function changeWithin(root: unknown, change: (key: string, value: unknown) => unknown): unknown {
  if (Array.isArray(root)) return change('', root);
  return Object.fromEntries(Object.entries(Object(root)).map(([key, value]) => [key, change(key, value)]));
}
