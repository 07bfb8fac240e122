import { ProviderError } from '@hikyaku/core';
import type { Clock, ProviderErrorCode } from '@hikyaku/core';
import { httpError, httpErrorCode, retryAfterMs } from '@hikyaku/provider-utils';
import type { HttpAnswer } from '@hikyaku/provider-utils';
import { errorAnswer } from './documents.ts';

/**
 * The error of an answer that is not 200. The code in its body goes before the status; what else is in the body is never
 * shown, because it may quote a value. `from` is the host and path that answered.
 */
export function refusal(
  answer: HttpAnswer,
  { from, withToken, clock }: { readonly from: string; readonly withToken: boolean; readonly clock: Clock },
): ProviderError {
  const code = (answer.status >= 400 ? codeIn(answer.body) : undefined) ?? codeOfStatus(answer.status);
  const message = `${from} ${MEANING[code](withToken)} (${answer.status})`;
  // httpError takes its code from the status, and the service may have said more.
  if (code === httpErrorCode(answer.status)) return httpError(answer, message, { clock });
  const afterMs = retryAfterMs(answer.headers.get('retry-after'), clock);
  return new ProviderError(code, message, { ...(afterMs !== undefined && { retryAfterMs: afterMs }) });
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

const MEANING: Readonly<Record<ProviderErrorCode, (withToken: boolean) => string>> = {
  UNAUTHENTICATED: (withToken) =>
    withToken
      ? 'refused the token: it has expired, was revoked or is mistyped. Put the right one where `token` points'
      : 'wants a token, and the config has none. Name where it is kept as `token`',
  FORBIDDEN: () => 'does not allow this to the token. Give it the right at the service, or use another token',
  NOT_FOUND: () => 'does not exist at the service. Check `url`: it is the part of the address before /v1',
  RATE_LIMITED: () => 'takes no more requests now. Use a longer `refresh`, or a smaller `requestsPerMinute`',
  UNAVAILABLE: () => 'failed to answer. It is tried again; if it lasts, look at the log of the service',
  CONFLICT: () => 'was changed by somebody else meanwhile. It is tried again',
  UNSUPPORTED: () => 'is not offered by this service',
  PENDING: () => 'is not ready yet. It is tried again',
  INVALID_CONFIG: () => 'did not accept the request. Check that `url` is a service of the hikyaku protocol, version 1',
  INVALID_RESPONSE: () =>
    'answered with something that is not of the hikyaku protocol. Check that `url` is the service itself: redirects are not followed',
};
