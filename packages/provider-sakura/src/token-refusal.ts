import { ProviderError } from '@hikyaku/core';
import type { Clock } from '@hikyaku/core';
import { httpError, parseJson } from '@hikyaku/provider-utils';
import type { HttpAnswer } from '@hikyaku/provider-utils';
import { PUBLIC_KEY } from './public-key.ts';

export interface TokenRefusalOptions {
  readonly principal: string;
  readonly keyId: string;
  readonly clock: Pick<Clock, 'now' | 'monotonic' | 'sleep'>;
}

/** Milliseconds between two clocks that can make an assertion invalid; less may be the way of the answer. */
const NOTABLE_SKEW_MS = 30_000;

/**
 * The error of the token endpoint's answer. SAKURA does not document its errors; those of the standard (RFC 6749, 5.2) say the same for
 * a wrong key and a wrong clock, so the clocks are compared.
 */
export function tokenRefusal(answer: HttpAnswer, { principal, keyId, clock }: TokenRefusalOptions): ProviderError {
  const { status } = answer;
  const word = wordOf(answer.body);
  const quote = word === undefined ? String(status) : `${status} ${word}`;
  const who = `service principal ${principal}`;
  if (status === 401 || (status === 400 && (word === undefined || !OF_THE_REQUEST.has(word)))) {
    const off = clockOff(answer, clock);
    const message =
      off === undefined
        ? `SAKURA does not know key ${keyId} of ${who}, or it is disabled there (${quote}): upload the public key of this cluster (${PUBLIC_KEY}), and put the id that it gets into \`servicePrincipal.kid\``
        : `SAKURA refused what this cluster signed for ${who} (${quote}): the clock here is ${off} SAKURA's. Set it right, by NTP for example; if that is no help, check key ${keyId}`;
    return new ProviderError('UNAUTHENTICATED', message);
  }
  return httpError(answer, whatToDo(status, who, quote), { clock });
}

/** The request itself is refused, whoever signed it. */
const OF_THE_REQUEST: ReadonlySet<string> = new Set([
  'invalid_request',
  'unsupported_grant_type',
  'invalid_scope',
  'unauthorized_client',
]);

function whatToDo(status: number, who: string, quote: string): string {
  if (status >= 500 || status === 408 || status === 423)
    return `SAKURA failed to answer when ${who} asked for an access token (${quote}). It is tried again`;
  if (status === 429) return `SAKURA limits how often ${who} may ask for access tokens (${quote}). It is tried again`;
  if (status < 400)
    return `SAKURA answered ${who} with something else than an access token (${quote}). Check \`url\` and \`servicePrincipal.tokenUrl\`, and that no proxy answers in SAKURA's place`;
  if (status === 404)
    return `SAKURA does not find ${who} (${quote}). Check \`servicePrincipal.id\` and \`servicePrincipal.tokenUrl\``;
  return `SAKURA gives ${who} no access token (${quote}). Check \`servicePrincipal.id\`, and in the control panel that it is enabled`;
}

/** How far the clock here is off: `7 min ahead of`; `undefined` where it is right, or where the answer has no date. */
function clockOff(answer: HttpAnswer, clock: Pick<Clock, 'now'>): string | undefined {
  const theirs = Date.parse(answer.headers.get('date') ?? '');
  const skewMs = clock.now() - theirs;
  if (Number.isNaN(skewMs) || Math.abs(skewMs) < NOTABLE_SKEW_MS) return undefined;
  const seconds = Math.round(Math.abs(skewMs) / 1000);
  const amount = seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
  return `${amount} ${skewMs > 0 ? 'ahead of' : 'behind'}`;
}

/** `error` of RFC 6749, or SAKURA's `error_code`. What else is said may quote the assertion, and is never shown. */
function wordOf(body: Uint8Array): string | undefined {
  const said = new Map<string, unknown>(Object.entries(Object(parseJson(body))));
  return [said.get('error'), said.get('error_code')].find(
    (word): word is string => typeof word === 'string' && /^[a-z0-9_]{1,64}$/.test(word),
  );
}
