import type { Clock, ProviderError } from '@hikyaku/core';
import { httpError, parseJson } from '@hikyaku/provider-utils';
import type { HttpAnswer } from '@hikyaku/provider-utils';
import type { DopplerConfig } from './doppler-config.ts';
import { field } from './field.ts';

type Scope = Pick<DopplerConfig, 'project' | 'config'>;

export interface RefusalOptions {
  readonly config: Scope;
  /** The service account identity that asked, where it is one. */
  readonly identity?: string | undefined;
  /** The token in use, so that it can be blotted out of what Doppler says. */
  readonly token: string;
  /** The values that were to be written, to be blotted out too; absent when it was no write. */
  readonly written?: readonly string[];
  readonly clock: Clock;
}

/** The tokens of Doppler, whatever their kind (https://docs.doppler.com/reference/auth-token-formats). */
const TOKEN = /\bdp\.[a-z]+\.[\w.-]+/gi;

/**
 * The error of an answer that is neither 200 nor 304: which config, what Doppler said, what to do. The same mistake may give
 * 400 or 404, and 404 may mean "not allowed", so none of them is ever taken for "the secrets are gone".
 */
export function refusal(
  answer: HttpAnswer,
  { config, identity, token, written, clock }: RefusalOptions,
): ProviderError {
  const which = whichConfig(config);
  const quote = quoteOf(answer, { token, written, names: [config.project, config.config] });
  const named = config.project !== undefined;
  const message =
    (identity === undefined ? undefined : refusedIdentity(answer.status, identity, which, quote)) ??
    (written && refusedWrite(answer.status, which, quote, named)) ??
    whatToDo(answer.status, which, quote, named);
  return httpError(answer, message, { clock, ...retryAfterOf(answer) });
}

/** The status, what Doppler says without what must not be seen, and its name for the answer. */
export function quoteOf(answer: HttpAnswer, known: Known): string {
  const said = scrub(messagesOf(parseJson(answer.body)), known);
  const id = requestIdOf(answer);
  return `${answer.status}${said === '' ? '' : ` ${said}`}${id === undefined ? '' : `, request ${id}`}`;
}

/** As messages name it. */
export function whichConfig({ project, config }: Scope): string {
  return project === undefined ? 'the config of the token' : `project ${project} config ${config}`;
}

/** Doppler's name for the answer, for its support; `undefined` when it is not there or not plain. */
export function requestIdOf(answer: Pick<HttpAnswer, 'headers'>): string | undefined {
  const id = answer.headers.get('x-request-id');
  return id !== undefined && /^[\w-]{1,64}$/.test(id) ? id : undefined;
}

/** Where the way in is another one; a service account sees no config without a role of the workplace (404). */
function refusedIdentity(status: number, identity: string, which: string, quote: string): string | undefined {
  switch (status) {
    case 401:
      return `Doppler refused the token of identity ${identity} for ${which} (${quote}), though it had just given it out. Check the identity, and that its service account is there`;
    case 403:
    case 404:
      return `Doppler does not let identity ${identity} do this with ${which} (${quote}). Give its service account a workplace role and access to the project, and check the spelling of \`project\` and \`config\``;
    default:
      return undefined;
  }
}

/** Where a write asks for something else to be done than a read; `undefined` where it does not. */
function refusedWrite(status: number, which: string, quote: string, named: boolean): string | undefined {
  if (status >= 500 || status === 408) return `Doppler failed to answer for ${which} (${quote})`;
  switch (status) {
    case 400:
    case 422:
      return `Doppler refused the change of ${which} (${quote}). Check that the values are as the config wants them, and that ${
        named
          ? 'the token is for this config'
          : '`project` and `config` are set, which only a service token can do without'
      }`;
    case 403:
      return `Doppler does not let this token write to ${which} (${quote}). Use a service token of that config with read/write access`;
    case 429:
      return `Doppler limits the changes of ${which} (${quote}). All that share a token or an address count together`;
    default:
      return undefined;
  }
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

/** Of `{"messages": ["…"], "success": false, "data": {"isRetryable": true}}`; anything else, such as a proxy's page, says nothing. */
function messagesOf(body: unknown): string {
  const messages = field(body, 'messages');
  return Array.isArray(messages) ? messages.filter((message) => typeof message === 'string').join('; ') : '';
}

/** `data` says, on some answers, that trying again helps (Doppler's Terraform provider relies on it). */
export function retryAfterOf({ body }: Pick<HttpAnswer, 'body'>): {
  readonly retryable?: true;
  readonly retryAfterMs?: number;
} {
  const data = field(parseJson(body), 'data');
  const seconds = field(data, 'isRetryableAfterSec');
  if (typeof seconds === 'number' && seconds >= 0) return { retryable: true, retryAfterMs: seconds * 1000 };
  return field(data, 'isRetryable') === true ? { retryable: true } : {};
}

/** Words of a language, short numbers, and the punctuation around them. */
const PLAIN_WORD = /^["'(]*(?:[A-Za-z][a-z]{0,14}|[A-Z]{2,5}|[a-z]{1,8}'[a-z]{1,2}|\d{1,3}|\[token\])["'),.:;!?]*$/;

interface Known {
  readonly token: string;
  readonly written?: readonly string[] | undefined;
  readonly names: readonly (string | undefined)[];
}

/**
 * One line of at most 200 characters. Only plain words and the names in the file are kept: an answer may hold a token or a
 * value, of Doppler or of whoever answers in its place. A word that is part of a written value may be the value.
 */
function scrub(text: string, { token, written = [], names }: Known): string {
  const words = text
    .replaceAll(token, '[token]')
    .replaceAll(TOKEN, '[token]')
    .split(/[\p{C}\p{Z}]+/u)
    .filter((word) => word !== '')
    .map((word) => {
      const bare = word.replaceAll(/^["'(]+|["'),.:;!?]+$/g, '');
      if (names.includes(bare)) return word;
      return PLAIN_WORD.test(word) && !written.some((value) => value.includes(bare)) ? word : '…';
    });
  const line = words.filter((word, index) => word !== '…' || words[index - 1] !== '…').join(' ');
  return line.length > 200 ? `${line.slice(0, 199)}…` : line;
}
