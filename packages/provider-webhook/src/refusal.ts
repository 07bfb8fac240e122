import { ProviderError } from '@hikyaku/core';
import type { Clock } from '@hikyaku/core';
import { httpError } from '@hikyaku/provider-utils';
import type { HttpAnswer } from '@hikyaku/provider-utils';

export interface RefusalOptions {
  readonly host: string;
  /** Such as `the secret A`, `the list`. */
  readonly what: string;
  readonly clock: Clock;
}

/** The error of an answer with a status that was not wanted. What its body says is never shown: it may quote a value. */
export function refusal(
  answer: Pick<HttpAnswer, 'status' | 'headers'>,
  { host, what, clock }: RefusalOptions,
): ProviderError {
  return httpError(answer, whatToDo(answer.status, host, what), { clock });
}

/** 404 for a secret where the config says that something else means absent. */
export function unclearAbsence(status: number, { host, what }: RefusalOptions): ProviderError {
  return new ProviderError(
    'INVALID_RESPONSE',
    `${host} answered ${status} for ${what}. If that means that it does not exist, add ${status} to \`absent\``,
  );
}

function whatToDo(status: number, host: string, what: string): string {
  if (status >= 500 || status === 408) return `${host} failed to answer for ${what} (${status}). It is tried again`;
  if (status === 304)
    return `${host} answered "not modified" (304) for ${what}, which was not asked for. Check that no proxy in between caches`;
  if (status < 400)
    return `${host} answered ${status} for ${what}, where only 200 is an answer. Check \`url\` of the operation`;
  switch (status) {
    case 401:
      return `${host} refused the credential for ${what} (401). Check that it has not expired, and that it stands under the right word`;
    case 403:
      return `${host} does not allow ${what} to this credential (403). Give it the right at the service, or use another`;
    case 404:
      return `${host} does not know ${what} (404). Check \`url\` of the source and of the operation`;
    case 409:
      return `${host} says that ${what} conflicts with what is there (409)`;
    case 429:
      return `${host} takes no more requests now (429, for ${what}). Use a longer \`refresh\` or \`requestsPerMinute\``;
    default:
      return `${host} refused the request for ${what} (${status}). Check \`method\`, \`url\`, \`headers\` and \`body\` of the operation`;
  }
}
