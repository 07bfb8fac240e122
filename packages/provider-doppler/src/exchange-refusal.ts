import { ProviderError } from '@hikyaku/core';
import type { Clock } from '@hikyaku/core';
import { httpError, httpErrorCode, parseJson } from '@hikyaku/provider-utils';
import type { HttpAnswer } from '@hikyaku/provider-utils';
import { field } from './field.ts';
import { quoteOf, retryAfterOf } from './refusal.ts';

export interface ExchangeRefusalOptions {
  readonly identity: string;
  /** What was to be exchanged, to be blotted out of what Doppler says. */
  readonly jwt: string;
  readonly clock: Clock;
}

/**
 * The error of an answer to `POST /v3/auth/oidc` that is not 200. With which status Doppler refuses a token of the ServiceAccount is not
 * documented: 400 is taken for it as 401 is.
 */
export function exchangeRefusal(answer: HttpAnswer, { identity, jwt, clock }: ExchangeRefusalOptions): ProviderError {
  const { status } = answer;
  const quote = quoteOf(answer, { token: jwt, names: [identity] });
  const error = httpError(answer, whatToDo(status, identity, quote, jwt), { clock, ...retryAfterOf(answer) });
  if (status !== 400) return error;
  return new ProviderError('UNAUTHENTICATED', error.message, { retryable: error.retryable });
}

function whatToDo(status: number, identity: string, quote: string, jwt: string): string {
  if (status === 429)
    return `Doppler limits how often identity ${identity} may ask for a token (${quote}). It is tried again`;
  if (httpErrorCode(status) === 'UNAVAILABLE')
    return `Doppler failed to answer when identity ${identity} asked for a token (${quote}). It is tried again`;
  if (status < 400)
    return `Doppler answered identity ${identity} with something other than a token (${quote}). Check that \`url\` is the Doppler API itself and that no proxy answers in its place`;
  if (status === 404)
    return `Doppler does not find identity ${identity} (${quote}). Check \`oidc.identity\` and \`url\``;
  return `Doppler does not take this cluster's token for identity ${identity} (${quote}). The token says ${claimsOf(jwt)}: the identity must say the same, and Doppler must be able to read the issuer's discovery document over the internet. Identities are part of the Team and Enterprise plans`;
}

/** What an identity is compared with; no secret. */
function claimsOf(jwt: string): string {
  const claims = parseJson(Buffer.from(jwt.split('.')[1] ?? '', 'base64url'));
  const said = (['iss', 'sub', 'aud'] as const).map((name) => {
    const text = [field(claims, name)].flat().join(', ');
    return `${LABELS[name]} ${/^[\x21-\x7e]{1,200}$/.test(text) ? text : 'unknown'}`;
  });
  return said.join(', ');
}

const LABELS = { iss: 'issuer', sub: 'subject', aud: 'audience' };
