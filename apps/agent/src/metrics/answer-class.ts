import { STATUS_CODES } from 'node:http';
import { isProviderError } from '@hikyaku/core';

/** The code of an answer, as a label: one that nobody knows counts as its class, so that no service can make up any number of them. */
export function statusClass(status: number): string {
  const text = String(status);
  return text in STATUS_CODES ? text : `${text.slice(0, 1)}xx`;
}

/** Why a request had no answer, in few words that are always the same. */
export function failureClass(error: unknown): string {
  if (isProviderError(error)) return error.code === 'FORBIDDEN' ? 'forbidden' : 'failed';
  const { name, code } = Object(error) as { readonly name?: unknown; readonly code?: unknown };
  const text = typeof code === 'string' ? code : String(name);
  return CLASSES.find(([pattern]) => pattern.test(text))?.[1] ?? 'failed';
}

/** Codes of Node (https://nodejs.org/api/errors.html) and of undici. */
const CLASSES: readonly (readonly [RegExp, string])[] = [
  [/ABORT/i, 'aborted'],
  [/TIMEOUT|TIMEDOUT/i, 'timeout'],
  [/REFUSED|UNREACH/, 'refused'],
  [/ENOTFOUND|EAI_/, 'dns'],
  [/CERT|TLS|SSL|EPROTO|UNABLE_TO/, 'tls'],
  [/RESET|EPIPE|UND_ERR_SOCKET/, 'reset'],
];
