import { ProviderError, SecretValue } from '@hikyaku/core';
import type { HttpAnswer } from '@hikyaku/provider-utils';
import type { JsonDocument } from './json-document.ts';
import type { Found } from './json-path.ts';

type Encoding = 'base64' | 'base64url' | undefined;

/** The body, byte for byte. Throws `INVALID_RESPONSE` when it may not be all of it, or not as it is. */
export function bodyValue(answer: HttpAnswer, encoding: Encoding, label: string): SecretValue {
  // A body that ends with the connection may have been cut, and nothing would say so.
  if (!answer.headers.has('content-length') && answer.headers.get('transfer-encoding') !== 'chunked') {
    throw invalid(`${label} does not say where it ends: the service must send \`content-length\` or chunks`);
  }
  return encoding === undefined
    ? SecretValue.of(answer.body)
    : decoded(Buffer.from(answer.body).toString('latin1'), encoding, label);
}

/** What was found in a document: null is `INVALID_RESPONSE`. */
export function foundValue(document: JsonDocument, found: Found, encoding: Encoding, path: string): SecretValue {
  const text = document.textOf(found);
  if (text === undefined) throw invalid(`${path} finds null in ${document.label}, which is no value`);
  if (encoding === undefined) return SecretValue.of(text);
  if (typeof found.value !== 'string')
    throw invalid(`${path} finds something other than text in ${document.label}, which cannot be ${encoding}`);
  return decoded(text, encoding, document.label);
}

/** A version or a name: text, or a number as it was written. */
export function foundText(document: JsonDocument, path: string, from?: Found): string {
  const found = document.findOne(path, from);
  const isText = typeof found?.value === 'string' || typeof found?.value === 'number';
  const text = found !== undefined && isText ? document.textOf(found) : undefined;
  if (text !== undefined && text !== '' && !text.includes('\0')) return text;
  throw invalid(`${path} does not find a text in ${document.label}`);
}

export function refuseEncoded(answer: HttpAnswer, label: string): void {
  const encoding = answer.headers.get('content-encoding') ?? 'identity';
  if (encoding !== 'identity') throw invalid(`${label} is compressed, though it was asked not to be`);
}

function decoded(text: string, encoding: 'base64' | 'base64url', label: string): SecretValue {
  const bare = text.replaceAll(/[\r\n]/g, '').replace(/={1,2}$/, '');
  const bytes = Buffer.from(bare, encoding);
  // Buffer leaves out what it does not know.
  if (bytes.toString(encoding).replace(/=+$/, '') !== bare)
    throw invalid(`${label} is not ${encoding}, which \`decode\` says it is`);
  return SecretValue.of(bytes);
}

function invalid(message: string): ProviderError {
  return new ProviderError('INVALID_RESPONSE', message);
}
