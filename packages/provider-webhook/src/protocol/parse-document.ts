import { ProviderError } from '@hikyaku/core';
import { parseJson } from '@hikyaku/provider-utils';
import type * as z from 'zod';

/**
 * Parses the body of an answer. What is not the document is `INVALID_RESPONSE`; the message says where, and quotes nothing.
 * A field that the schema does not name is of a later time, and is dropped.
 */
export function parseDocument<T>(schema: z.ZodType<T>, body: Uint8Array, from: string): T {
  const json = parseJson(body);
  if (json === undefined) throw notTheProtocol(from, 'it is not JSON');
  const { data, error } = schema.safeParse(json);
  if (error === undefined) return data;
  const where = error.issues[0]?.path.map(String).join('.') ?? '';
  throw notTheProtocol(
    from,
    where === '' ? 'it is another document' : `\`${where}\` is missing or not as it should be`,
  );
}

/** `from` is the host and path that answered. */
export function notTheProtocol(from: string, because: string): ProviderError {
  return new ProviderError(
    'INVALID_RESPONSE',
    `the answer of ${from} is not one of the hikyaku protocol: ${because}. Check that \`url\` is the service itself and that no proxy answers in its place; for its author, docs/protocol.md`,
  );
}
