import { ProviderError } from '@hikyaku/core';
import type { Clock, ProviderErrorCode } from '@hikyaku/core';
import { httpErrorCode, retryAfterMs } from '@hikyaku/provider-utils';
import type { HttpAnswer } from '@hikyaku/provider-utils';

/** What a request is for: the same status means different things. */
export type Purpose = 'list' | 'unveil' | 'write';

export interface RefusalOptions {
  readonly purpose: Purpose;
  /** What the request is about, for messages: `vault 110000000000`. */
  readonly what: string;
  /** The id of the service principal that asked; without it, it was an API key. */
  readonly principal?: string | undefined;
  readonly clock: Clock;
}

/** The error of an answer of another status than the wanted: about what, SAKURA's word for it, what to do. */
export function refusal(answer: HttpAnswer, { purpose, what, principal, clock }: RefusalOptions): ProviderError {
  const word = errorCodeOf(answer.body);
  const code = codeOf(answer.status, purpose, word);
  const quote = word === undefined ? String(answer.status) : `${answer.status} ${word}`;
  const afterMs = retryAfterMs(answer.headers.get('retry-after'), clock);
  return new ProviderError(code, whatToDo({ code, purpose, what, principal, quote }), {
    ...(afterMs !== undefined && { retryAfterMs: afterMs }),
  });
}

/** SAKURA does not document its errors; 409 and 423 mean "busy" in its other APIs. */
function codeOf(status: number, purpose: Purpose, word: string | undefined): ProviderErrorCode {
  if (status === 409 || status === 423) {
    if (purpose !== 'write') return 'UNAVAILABLE';
    return word?.startsWith('limit_') === true ? 'FORBIDDEN' : 'CONFLICT';
  }
  const code = httpErrorCode(status);
  // What is asked comes from the list, so a refusal is about the vault: its KMS key may be gone.
  return purpose === 'unveil' && code === 'INVALID_CONFIG' ? 'FORBIDDEN' : code;
}

interface Refused extends Pick<RefusalOptions, 'purpose' | 'what' | 'principal'> {
  readonly code: ProviderErrorCode;
  readonly quote: string;
}

function whatToDo({ code, purpose, what, principal, quote }: Refused): string {
  const who = principal === undefined ? 'the API key' : `service principal ${principal}`;
  switch (code) {
    case 'UNAUTHENTICATED':
      if (principal !== undefined)
        return `SAKURA refused the access token of ${who} for ${what} (${quote}), which it had just given out. Check that \`url\` is SAKURA's own, and that the service principal may use the Secret Manager`;
      return `SAKURA refused the API key for ${what} (${quote}): it was deleted, has expired or is mistyped. Make a new one in the control panel and put it where \`accessToken\` and \`accessTokenSecret\` point`;
    case 'FORBIDDEN':
      return forbidden(purpose, what, principal === undefined ? 'this API key' : who, quote);
    case 'NOT_FOUND':
      return `SAKURA does not find ${what} (${quote}). Check \`vault\` and \`url\`, and that ${who} belongs to the project that has the vault`;
    case 'RATE_LIMITED':
      return `SAKURA limits the requests for ${what} (${quote}). All clusters and tools of a contract share its quota: lower \`requestsPerMinute\` or use a longer \`refresh\``;
    case 'CONFLICT':
      return `somebody else is changing ${what} (${quote}). It may be tried again`;
    case 'UNAVAILABLE':
      return `SAKURA failed to answer for ${what} (${quote}). It is tried again`;
    case 'INVALID_RESPONSE':
      return `SAKURA answered for ${what} with something else than asked for (${quote}). Check that \`url\` is the SAKURA Cloud API itself and that no proxy answers in its place`;
    default:
      return `SAKURA refused the request for ${what} (${quote}). Check \`vault\` and \`url\``;
  }
}

function forbidden(purpose: Purpose, what: string, who: string, quote: string): string {
  switch (purpose) {
    case 'list':
      return `SAKURA does not let ${who} list ${what} (${quote}). Give it the right to read the vault`;
    case 'unveil':
      return `SAKURA lists ${what} and does not open it (${quote}). Check in the control panel that the KMS key of the vault still exists and that ${who} may read values; what was read before stays in use`;
    case 'write':
      return `SAKURA does not let ${who} change ${what} (${quote}). Check its rights, and the number of secrets of the contract: the limit is 100`;
    default:
      return purpose satisfies never;
  }
}

/** Of `{"error_code": "not_found"}`. Everything else that an error says may quote what was sent, and is never shown. */
function errorCodeOf(body: Uint8Array): string | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(body).toString());
    if (typeof parsed !== 'object' || parsed === null || !('error_code' in parsed)) return undefined;
    const { error_code: word } = parsed;
    return typeof word === 'string' && /^[a-z0-9_]{1,64}$/.test(word) ? word : undefined;
  } catch {
    return undefined;
  }
}
