import { ProviderError } from '@hikyaku/core';
import type { Clock, ProviderErrorCode } from '@hikyaku/core';
import { httpErrorCode, retryAfterMs } from '@hikyaku/provider-utils';
import type { HttpAnswer } from '@hikyaku/provider-utils';
import { errorAnswer } from './documents.ts';
import type { Operation } from './documents.ts';

export interface RefusalOptions {
  /** The host and path that answered. */
  readonly from: string;
  readonly operation: Operation;
  readonly withToken: boolean;
  readonly clock: Clock;
}

/**
 * The error of an answer that is not 200. The code in its body goes before the status; what else is in the body is never
 * shown, because it may quote a value.
 */
export function refusal(
  { status, headers, body }: HttpAnswer,
  { from, operation, withToken, clock }: RefusalOptions,
): ProviderError {
  const code = (status >= 400 ? codeIn(body) : undefined) ?? codeOfStatus(status);
  const afterMs = retryAfterMs(headers.get('retry-after'), clock);
  return new ProviderError(code, `${from} ${MEANING[code]({ operation, withToken })} (${status})`, {
    ...(afterMs !== undefined && { retryAfterMs: afterMs }),
  });
}

/** A service that was not told of an operation answers 404, 405 or 501; 404 is also what a wrong address answers. */
function codeOfStatus(status: number): ProviderErrorCode {
  return status === 405 || status === 501 ? 'UNSUPPORTED' : httpErrorCode(status);
}

function codeIn(body: Uint8Array): ProviderErrorCode | undefined {
  try {
    return errorAnswer.safeParse(JSON.parse(Buffer.from(body).toString())).data?.error.code;
  } catch {
    return undefined; // a proxy's page
  }
}

const MEANING: Readonly<Record<ProviderErrorCode, (asked: Pick<RefusalOptions, 'operation' | 'withToken'>) => string>> =
  {
    UNAUTHENTICATED: ({ withToken }) =>
      withToken
        ? 'refused the token: it has expired, was revoked or is mistyped. Put the right one where `token` points'
        : 'wants a token, and the config has none. Name where it is kept as `token`',
    FORBIDDEN: () => 'does not allow this token to do it. Give it the right at the service, or use another one',
    NOT_FOUND: () => 'does not exist at the service. Check `url`: it is the part of the address before /v1',
    RATE_LIMITED: () => 'takes no more requests now. Use a longer `refresh`, or a smaller `requestsPerMinute`',
    UNAVAILABLE: () => 'failed to answer. It is tried again; if it lasts, look at the log of the service',
    CONFLICT: () => 'was changed by somebody else meanwhile. It is tried again',
    UNSUPPORTED: ({ operation }) =>
      operation === 'read'
        ? 'does not give everything there is: name each secret under `data`'
        : 'is not offered by this service',
    PENDING: () => 'is not ready yet. It is tried again',
    INVALID_CONFIG: () =>
      'did not accept the request. Check that `url` is a service of the hikyaku protocol, version 1',
    INVALID_RESPONSE: () =>
      'answered with something that is not of the hikyaku protocol. Check that `url` is the service itself: redirects are not followed',
  };
