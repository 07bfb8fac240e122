import { halve, json, page, redirect } from '@hikyaku/provider-utils/testing';
import type { FakeAnswer } from '@hikyaku/provider-utils/testing';
import { refuse } from './fake-answer.ts';
import type { FakeVerb } from './fake-rights.ts';

/**
 * | kind | what happens |
 * | --- | --- |
 * | `401`, `403`, `500` | refused, in Kubernetes' words |
 * | `429` | with `retry-after` |
 * | `404-page`, `503-page`, `200-page` | a page of something in front of the API server |
 * | `302` | a redirect to `location` |
 * | `hang` | the request is read, and nothing comes |
 * | `reset` | the connection is reset |
 * | `reset-after` | the same after the request was carried out |
 * | `cut` | half of the right body, then the connection is cut |
 * | `truncated` | half of the right body as if it were all |
 * | `slow` | the right body in ten pieces |
 * | `wrong-type` | the right object with a list for its data |
 * | `no-base64` | the right object with a number for each value |
 * | `another` | the right object under another name |
 * | `list` | an empty list for an object |
 * | `huge` | 5 MiB of one value |
 */
export type FakeFaultKind =
  | '401'
  | '403'
  | '500'
  | '429'
  | '404-page'
  | '503-page'
  | '200-page'
  | '302'
  | 'hang'
  | 'reset'
  | 'reset-after'
  | 'cut'
  | 'truncated'
  | 'slow'
  | 'wrong-type'
  | 'no-base64'
  | 'another'
  | 'list'
  | 'huge';

export interface FakeFault {
  readonly kind: FakeFaultKind;
  /** How many requests it spoils; 1 by default. */
  readonly times?: number;
  /** Only requests of this verb, or for this Secret. */
  readonly verb?: FakeVerb;
  readonly name?: string;
  /** Seconds, of `429`; 1 by default. */
  readonly retryAfter?: number;
  /** Of `302`. */
  readonly location?: string;
}

/** Whether the request is carried out all the same. */
export function isCarriedOut({ kind }: FakeFault): boolean {
  return !/^(?:\d|hang$|reset$)/.test(kind);
}

/** What the fault makes of the right answer. */
export function spoil({ kind, retryAfter = 1, location = '/' }: FakeFault, right: FakeAnswer): FakeAnswer {
  switch (kind) {
    case '401':
      return refuse(401, { reason: 'Unauthorized', message: 'Unauthorized' });
    case '403':
      return refuse(403, { reason: 'Forbidden', message: 'secrets is forbidden: no', kind: 'secrets' });
    case '500':
      // The API server's own text may quote what it was sent.
      return refuse(500, { reason: 'InternalError', message: `Internal error occurred: ${right.body}` });
    case '429': {
      const answer = refuse(429, { reason: 'TooManyRequests', message: 'Too many requests, please try again later.' });
      return { ...answer, headers: { ...answer.headers, 'retry-after': String(retryAfter) } };
    }
    case '404-page':
    case '503-page':
    case '200-page':
      return page(Number(kind.slice(0, 3)), 'Sorry');
    case '302':
      return redirect(location);
    case 'truncated':
      return halve(right);
    case 'wrong-type':
      return changed(right, (object) => ({ ...object, data: ['a', 'list'] }));
    case 'no-base64':
      return changed(right, (object) => ({ ...object, data: { key: 12 } }));
    case 'another':
      return changed(right, (object) => ({ ...object, metadata: { ...object['metadata'], name: 'another' } }));
    case 'list':
      return json(200, { kind: 'SecretList', apiVersion: 'v1', metadata: { resourceVersion: '1' }, items: [] });
    case 'huge':
      return changed(right, (object) => ({ ...object, data: { key: 'x'.repeat(5 * 1024 * 1024) } }));
    case 'slow':
      return { ...right, delivery: { delayMs: 20 } };
    case 'cut':
      return { ...right, delivery: 'truncate' };
    case 'reset-after':
      return { ...right, delivery: 'reset' };
    case 'hang':
    case 'reset':
      return { ...right, delivery: kind };
    default:
      return kind satisfies never;
  }
}

function changed(right: FakeAnswer, change: (object: Readonly<Record<string, object>>) => object): FakeAnswer {
  return { ...right, status: 200, body: JSON.stringify(change(JSON.parse(String(right.body)))) };
}
