import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { json, refuse } from './fake-protocol-answer.ts';
import type { FakeProtocolAnswer } from './fake-protocol-answer.ts';

/**
 * | kind | what happens |
 * | --- | --- |
 * | `400`, `401`, `403`, `404`, `405`, `429`, `500`, `501`, `503` | refused, in the words of the protocol; `429` and `503` with `retry-after` |
 * | `bare-404`, `bare-405`, `502-html` | a status without the protocol's words, as a framework or a proxy gives it |
 * | `pending` | 503 with the code `PENDING` |
 * | `302` | a redirect, to a login page unless `location` says otherwise |
 * | `hang` | the request is read, and nothing comes |
 * | `reset` | the connection is reset |
 * | `truncate` | half of the right body, then the connection is cut |
 * | `half-json` | half of the right body as if it were all |
 * | `slow` | the right body in ten pieces, `delayMs` apart |
 * | `not-json`, `text`, `list`, `empty` | status 200 with a page, a JSON string, a list, `{}` |
 * | `no-complete`, `not-complete` | the right body without `complete`, or with `false` |
 * | `no-secrets` | the right body without `secrets` |
 * | `wrong-type` | numbers instead of values and versions |
 * | `plain-text` | values that are not base64 |
 * | `null-version` | null for every version |
 * | `twice` | the first secret twice |
 * | `unchanged` | "unchanged", whatever was asked |
 * | `huge` | status 200 with 17 MiB |
 */
export type FakeProtocolFaultKind =
  | '400'
  | '401'
  | '403'
  | '404'
  | '405'
  | '429'
  | '500'
  | '501'
  | '503'
  | 'bare-404'
  | 'bare-405'
  | '502-html'
  | 'pending'
  | '302'
  | 'hang'
  | 'reset'
  | 'truncate'
  | 'half-json'
  | 'slow'
  | 'not-json'
  | 'text'
  | 'list'
  | 'empty'
  | 'no-complete'
  | 'not-complete'
  | 'no-secrets'
  | 'wrong-type'
  | 'plain-text'
  | 'null-version'
  | 'twice'
  | 'unchanged'
  | 'huge';

export interface FakeProtocolFault {
  readonly kind: FakeProtocolFaultKind;
  /** How many requests it spoils; 1 by default, Infinity for all. */
  readonly times?: number;
  /** Only requests for this path: `/v1/read`. */
  readonly path?: string;
  /** Seconds, of `429` and `503`; 1 by default. */
  readonly retryAfter?: number;
  /** Where `302` leads; `/login` by default. */
  readonly location?: string;
  /** Milliseconds between two pieces, of `slow`; 20 by default. */
  readonly delayMs?: number;
}

const CODES: Readonly<Partial<Record<FakeProtocolFaultKind, string>>> = {
  '400': 'INVALID_CONFIG',
  '401': 'UNAUTHENTICATED',
  '403': 'FORBIDDEN',
  '404': 'NOT_FOUND',
  '405': 'UNSUPPORTED',
  '429': 'RATE_LIMITED',
  '500': 'UNAVAILABLE',
  '501': 'UNSUPPORTED',
  '503': 'UNAVAILABLE',
};

/** Whether the fault needs the whole right body, so that "unchanged" will not do. */
export function needsContent({ kind }: FakeProtocolFault): boolean {
  return !/^\d|hang|reset|bare|pending/.test(kind);
}

/** What the fault makes of the right answer, where it is an answer at all. */
export function spoil(
  { kind, retryAfter = 1, location = '/login' }: FakeProtocolFault,
  right: FakeProtocolAnswer,
): FakeProtocolAnswer {
  const page = { 'content-type': 'text/html' };
  switch (kind) {
    case '400':
    case '401':
    case '403':
    case '404':
    case '405':
    case '500':
    case '501':
      return refuse(Number(kind), CODES[kind] ?? '', 'as the test wants it');
    case '429':
    case '503': {
      const answer = refuse(Number(kind), CODES[kind] ?? '', 'as the test wants it');
      return { ...answer, headers: { ...answer.headers, 'retry-after': String(retryAfter) } };
    }
    case 'pending':
      return refuse(503, 'PENDING', 'as the test wants it');
    case 'bare-404':
      return { status: 404, headers: page, body: '<h1>Not Found</h1>' };
    case 'bare-405':
      return { status: 405, headers: page, body: '<h1>Method Not Allowed</h1>' };
    case '502-html':
      return { status: 502, headers: page, body: '<html><body><h1>502 Bad Gateway</h1></body></html>' };
    case '302':
      return { status: 302, headers: { location } };
    case 'not-json':
      return { status: 200, headers: page, body: '<html><body>Please sign in to the network</body></html>' };
    case 'text':
      return json(200, 'NAME=value');
    case 'list':
      return json(200, ['NAME']);
    case 'empty':
      return json(200, {});
    case 'no-complete':
      return changed(right, (key, value) => (key === 'complete' ? undefined : value));
    case 'not-complete':
      return changed(right, (key, value) => (key === 'complete' ? false : value));
    case 'no-secrets':
      return changed(right, (key, value) => (key === 'secrets' ? undefined : value));
    case 'wrong-type':
      return changed(right, (key, value) => (key === 'valueBase64' || key === 'version' ? 1 : value));
    case 'plain-text':
      return changed(right, (key, value) => (key === 'valueBase64' ? 'correct horse' : value));
    case 'null-version':
      return changed(right, (key, value) => (key === 'version' ? null : value));
    case 'twice':
      return changed(right, (key, value) => (key === 'secrets' && Array.isArray(value) ? [value[0], ...value] : value));
    case 'unchanged':
      return json(200, { unchanged: true, revision: 'another' });
    case 'huge':
      return json(200, { complete: true, secrets: [], filling: 'x'.repeat(17 * 1024 * 1024) });
    case 'half-json':
      return { ...right, body: half(right.body) };
    case 'hang':
    case 'reset':
    case 'truncate':
    case 'slow':
      return right;
    default:
      return kind satisfies never;
  }
}

/** Sends an answer the way the fault wants it. */
export async function send(
  response: ServerResponse,
  answer: FakeProtocolAnswer,
  fault?: FakeProtocolFault,
): Promise<void> {
  const body = Buffer.from(answer.body ?? '');
  if (fault?.kind === 'hang') return;
  if (fault?.kind === 'reset') {
    response.socket?.resetAndDestroy();
    return;
  }
  response.writeHead(answer.status, { ...answer.headers, 'content-length': body.length });
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

function changed(answer: FakeProtocolAnswer, reviver: (key: string, value: unknown) => unknown): FakeProtocolAnswer {
  return { ...answer, body: JSON.stringify(JSON.parse(answer.body ?? '{}', reviver)) };
}

function half(body = ''): string {
  return body.slice(0, Math.floor(body.length / 2));
}
