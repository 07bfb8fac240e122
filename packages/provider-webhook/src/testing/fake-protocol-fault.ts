import { changeJson, halve, json, page, redirect } from '@hikyaku/provider-utils/testing';
import type { FakeAnswer } from '@hikyaku/provider-utils/testing';
import { refuse } from './fake-protocol-answer.ts';

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

/** What the fault makes of the right answer. */
export function spoil(
  { kind, retryAfter = 1, location = '/login', delayMs = 20 }: FakeProtocolFault,
  right: FakeAnswer,
): FakeAnswer {
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
      return page(404, 'Not Found');
    case 'bare-405':
      return page(405, 'Method Not Allowed');
    case '502-html':
      return page(502, '502 Bad Gateway');
    case '302':
      return redirect(location);
    case 'not-json':
      return page(200, 'Please sign in to the network');
    case 'text':
      return json(200, 'NAME=value');
    case 'list':
      return json(200, ['NAME']);
    case 'empty':
      return json(200, {});
    case 'no-complete':
      return changeJson(right, (key, value) => (key === 'complete' ? undefined : value));
    case 'not-complete':
      return changeJson(right, (key, value) => (key === 'complete' ? false : value));
    case 'no-secrets':
      return changeJson(right, (key, value) => (key === 'secrets' ? undefined : value));
    case 'wrong-type':
      return changeJson(right, (key, value) => (key === 'valueBase64' || key === 'version' ? 1 : value));
    case 'plain-text':
      return changeJson(right, (key, value) => (key === 'valueBase64' ? 'correct horse' : value));
    case 'null-version':
      return changeJson(right, (key, value) => (key === 'version' ? null : value));
    case 'twice':
      return changeJson(right, (key, value) =>
        key === 'secrets' && Array.isArray(value) ? [value[0], ...value] : value,
      );
    case 'unchanged':
      return json(200, { unchanged: true, revision: 'another' });
    case 'huge':
      return json(200, { complete: true, secrets: [], filling: 'x'.repeat(17 * 1024 * 1024) });
    case 'half-json':
      return halve(right);
    case 'slow':
      return { ...right, delivery: { delayMs } };
    case 'hang':
    case 'reset':
    case 'truncate':
      return { ...right, delivery: kind };
    default:
      return kind satisfies never;
  }
}
