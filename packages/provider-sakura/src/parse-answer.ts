import { ProviderError } from '@hikyaku/core';
import { parseJson } from '@hikyaku/provider-utils';
import * as z from 'zod';

/** APIs of this family write numbers as numbers or as text. */
const wholeNumber = z.union([
  z.int().nonnegative(),
  z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number),
]);
// A lone half of a surrogate pair has no bytes: writing something else in its place would change the value.
const wellFormedText = z.string().refine((text) => text.isWellFormed());
const secretName = wellFormedText.refine((name) => name !== '' && !name.includes('\0'));

export const listPage = z.object({
  Count: wholeNumber.nullish(),
  From: wholeNumber.nullish(),
  Total: wholeNumber.nullish(),
  Secrets: z.array(z.object({ Name: secretName, LatestVersion: wholeNumber })),
});

export const unveiledSecret = z.object({
  Secret: z.object({ Name: secretName, Version: wholeNumber.nullish(), Value: wellFormedText }),
});

export const writtenSecret = z.object({ Secret: z.object({ Name: secretName, LatestVersion: wholeNumber }) });

export const describedVault = z.object({
  Vault: z.object({ ID: z.union([z.string(), z.int().transform(String)]) }),
});

/** RFC 6749, 5.1. */
export const givenToken = z.object({
  access_token: z.string().regex(/^[\x21-\x7e]+$/),
  token_type: z.string().regex(/^bearer$/i),
  expires_in: wholeNumber.nullish(),
});

/** The body as the schema has it; anything else is `INVALID_RESPONSE`, in words that hold nothing of the body. */
export function parseAnswer<T>(schema: z.ZodType<T>, body: Uint8Array, what: string): T {
  const json = parseJson(body);
  if (json === undefined) throw invalidAnswer(what, 'it is not JSON');
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  // Only names that stand in the schemas above are in a path; the issue itself may quote what it found.
  const path = result.error.issues[0]?.path.join('.') ?? '';
  throw invalidAnswer(what, path === '' ? 'it is not a JSON object' : `${path} is missing or is not of its kind`);
}

export function invalidAnswer(what: string, because: string): ProviderError {
  return new ProviderError(
    'INVALID_RESPONSE',
    `the answer about ${what} makes no sense: ${because}. Check that \`url\` is the SAKURA Cloud API and that no proxy answers in its place`,
  );
}
