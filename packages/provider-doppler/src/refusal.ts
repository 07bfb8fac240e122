import type { Clock, ProviderError } from '@hikyaku/core';
import { httpError } from '@hikyaku/provider-utils';
import type { HttpAnswer } from '@hikyaku/provider-utils';
import type { DopplerConfig } from './doppler-config.ts';

export interface RefusalOptions {
  readonly config: Pick<DopplerConfig, 'project' | 'config'>;
  /** The token in use, so that it can be blotted out of what Doppler says. */
  readonly token: string;
  readonly clock: Clock;
}

/** The tokens of Doppler, whatever their kind (https://docs.doppler.com/reference/auth-token-formats). */
const TOKEN = /\bdp\.[a-z]+\.[\w.-]+/gi;

/**
 * The error of an answer that is neither 200 nor 304: which config, what Doppler said, what to do. The same mistake may give
 * 400 or 404, and 404 may mean "not allowed", so none of them is ever taken for "the secrets are gone".
 */
export function refusal(answer: HttpAnswer, { config, token, clock }: RefusalOptions): ProviderError {
  const body = parseBody(answer.body);
  const which =
    config.project === undefined ? 'the config of the token' : `project ${config.project} config ${config.config}`;
  const said = scrub(messagesOf(body), token, [config.project, config.config]);
  const id = requestIdOf(answer);
  const quote = `${answer.status}${said === '' ? '' : ` ${said}`}${id === undefined ? '' : `, request ${id}`}`;
  return httpError(answer, whatToDo(answer.status, which, quote, config.project !== undefined), {
    clock,
    ...retryAfterOf(body),
  });
}

/** Doppler's name for the answer, for its support; `undefined` when it is not there or not plain. */
export function requestIdOf(answer: Pick<HttpAnswer, 'headers'>): string | undefined {
  const id = answer.headers.get('x-request-id');
  return id !== undefined && /^[\w-]{1,64}$/.test(id) ? id : undefined;
}

function whatToDo(status: number, which: string, quote: string, named: boolean): string {
  if (status >= 500 || status === 408) return `Doppler failed to answer for ${which} (${quote}). It is tried again`;
  if (status < 400) {
    return `Doppler answered for ${which} with something other than secrets (${quote}). Check that \`url\` is the Doppler API itself and that no proxy answers in its place`;
  }
  switch (status) {
    case 401:
      return `Doppler refused the token for ${which} (${quote}): it was revoked, has expired or is mistyped. Make a new one under Project → Config → Access and put it where \`token\` points`;
    case 403:
      return `Doppler does not let this token read ${which} (${quote}). Use a service token of that config, or give the token's account access to the project`;
    case 404:
      return named
        ? `Doppler does not find ${which} (${quote}). Check the spelling of \`project\` and \`config\`, and that the token's account may see them: Doppler answers the same for both`
        : `Doppler does not find ${which} (${quote}). Was the config removed or renamed? Check \`url\` too`;
    case 429:
      return `Doppler limits the requests for ${which} (${quote}). Use a longer \`refresh\`; all that share a token or an address count together`;
    default:
      return named
        ? `Doppler refused the request for ${which} (${quote}). A service token opens only the config that it was made for: check \`project\`, \`config\` and which token is in use`
        : `Doppler refused the request for ${which} (${quote}). Only service tokens (dp.st.…) know their config: with another token, set \`project\` and \`config\``;
  }
}

/** `{"messages": ["…"], "success": false, "data": {"isRetryable": true}}`; anything else, such as a proxy's page, says nothing. */
function parseBody(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString());
  } catch {
    return undefined;
  }
}

function messagesOf(body: unknown): string {
  const messages = field(body, 'messages');
  return Array.isArray(messages) ? messages.filter((message) => typeof message === 'string').join('; ') : '';
}

/** `data` says, on some answers, that trying again helps (Doppler's Terraform provider relies on it). */
function retryAfterOf(body: unknown): { readonly retryable?: true; readonly retryAfterMs?: number } {
  const data = field(body, 'data');
  const seconds = field(data, 'isRetryableAfterSec');
  if (typeof seconds === 'number' && seconds >= 0) return { retryable: true, retryAfterMs: seconds * 1000 };
  return field(data, 'isRetryable') === true ? { retryable: true } : {};
}

function field(from: unknown, name: string): unknown {
  return typeof from === 'object' && from !== null
    ? new Map<string, unknown>(Object.entries(from)).get(name)
    : undefined;
}

/** Words of a language, short numbers, and the punctuation around them. */
const PLAIN_WORD = /^["'(]*(?:[A-Za-z][a-z]{0,14}|[A-Z]{2,5}|[a-z]{1,8}'[a-z]{1,2}|\d{1,3}|\[token\])["'),.:;!?]*$/;

/**
 * One line of at most 200 characters. Only plain words and the names in the file are kept: an answer may hold a token or a
 * value, of Doppler or of whoever answers in its place.
 */
function scrub(text: string, token: string, names: readonly (string | undefined)[]): string {
  const words = text
    .replaceAll(token, '[token]')
    .replaceAll(TOKEN, '[token]')
    .split(/[\p{C}\p{Z}]+/u)
    .filter((word) => word !== '')
    .map((word) =>
      PLAIN_WORD.test(word) || names.includes(word.replaceAll(/^["'(]+|["'),.:;!?]+$/g, '')) ? word : '…',
    );
  const line = words.filter((word, index) => word !== '…' || words[index - 1] !== '…').join(' ');
  return line.length > 200 ? `${line.slice(0, 199)}…` : line;
}
