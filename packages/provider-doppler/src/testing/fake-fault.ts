import { changeJson, halve, json, page, redirect } from '@hikyaku/provider-utils/testing';
import type { FakeAnswer } from '@hikyaku/provider-utils/testing';
import { refuse } from './fake-answer.ts';

/**
 * | kind | what happens |
 * | --- | --- |
 * | `500`, `502-html` | an outage: Doppler's JSON, or a page of the proxy in front of it |
 * | `429` | with `retry-after` and a spent `x-ratelimit-remaining` |
 * | `400`, `401`, `403`, `404` | refused, in Doppler's words |
 * | `302` | a redirect to a login page |
 * | `304` | "not modified", whatever was asked |
 * | `hang` | the request is read, and nothing comes |
 * | `reset` | the connection is reset |
 * | `truncate` | half of the right body, then the connection is cut |
 * | `half-json` | half of the right body as if it were all |
 * | `slow` | the right body in ten pieces, `delayMs` apart |
 * | `not-json`, `text`, `list`, `nested`, `empty` | status 200 with a page, a JSON string, a list, nested objects, `{}` |
 * | `nulls` | the right body with null for every value that Doppler does not add itself |
 * | `huge` | status 200 with 3 MiB of one value |
 */
export type FakeFaultKind =
  | '500'
  | '502-html'
  | '429'
  | '400'
  | '401'
  | '403'
  | '404'
  | '302'
  | '304'
  | 'hang'
  | 'reset'
  | 'truncate'
  | 'half-json'
  | 'slow'
  | 'not-json'
  | 'text'
  | 'list'
  | 'nested'
  | 'empty'
  | 'nulls'
  | 'huge';

export interface FakeFault {
  readonly kind: FakeFaultKind;
  /** How many requests it spoils; 1 by default. */
  readonly times?: number;
  /** Only requests for this project, config, or path. */
  readonly project?: string;
  readonly config?: string;
  readonly path?: string;
  /** Seconds, of `429`; 1 by default. */
  readonly retryAfter?: number;
  /** Milliseconds between two pieces, of `slow`; 20 by default. */
  readonly delayMs?: number;
  /** Where `302` leads; to a login page by default. */
  readonly location?: string;
  /** Instead of Doppler's words. */
  readonly messages?: readonly string[];
  /** Whether a write is done before its answer is spoiled; true by default. What is refused (3xx, 4xx) never is. */
  readonly applied?: boolean;
  /** `{ isRetryable: true }` or `{ isRetryableAfterSec: 2 }` in an error's body. */
  readonly data?: Readonly<Record<string, unknown>>;
}

const MESSAGES: Readonly<Partial<Record<FakeFaultKind, string>>> = {
  '500': 'Internal server error',
  '429': 'Too many requests',
  '400': "This token does not have access to requested config 'prd'",
  '401': 'Invalid Auth token',
  '403': 'You do not have access to this config.',
  '404': "Could not find requested config 'prd'",
};

/** Whether the fault needs the right body, so that "not modified" will not do. */
export function needsBody({ kind }: FakeFault): boolean {
  return kind === 'nulls' || kind === 'truncate' || kind === 'half-json' || kind === 'slow';
}

/** Whether a write is done all the same, though its answer will not say so. */
export function letsWrite({ kind, applied = true }: FakeFault): boolean {
  return applied && !/^[34]/.test(kind);
}

/** What the fault makes of the right answer. */
export function spoil(fault: FakeFault, right: FakeAnswer, nowMs: number): FakeAnswer {
  const { kind, messages = [MESSAGES[kind] ?? ''], data, retryAfter = 1, delayMs = 20, location = '/login' } = fault;
  switch (kind) {
    case '500':
    case '400':
    case '401':
    case '403':
    case '404':
      return refuse(Number(kind), messages, data);
    case '429': {
      const answer = refuse(429, messages, data);
      const reset = String(Math.ceil(nowMs / 1000) + retryAfter);
      return {
        ...answer,
        headers: {
          ...answer.headers,
          'retry-after': String(retryAfter),
          'x-ratelimit-remaining': '0',
          'x-ratelimit-reset': reset,
        },
      };
    }
    case '502-html':
      return page(502, '502 Bad Gateway');
    case '302':
      return redirect(location);
    case '304':
      return { status: 304, headers: { etag: 'W/"another"' } };
    case 'not-json':
      return page(200, 'Please sign in to the network');
    case 'text':
      return json(200, 'NAME=value');
    case 'list':
      return json(200, ['NAME']);
    case 'nested':
      return json(200, { DOPPLER_PROJECT: 'x', DOPPLER_CONFIG: 'x', NAME: { computed: 'value' } });
    case 'empty':
      return json(200, {});
    case 'nulls':
      return changeJson(right, hideValue);
    case 'huge':
      return json(200, { DOPPLER_PROJECT: 'x', DOPPLER_CONFIG: 'x', NAME: 'x'.repeat(3 * 1024 * 1024) });
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

function hideValue(name: string, value: unknown): unknown {
  return typeof value === 'string' && !name.startsWith('DOPPLER_') ? null : value;
}
