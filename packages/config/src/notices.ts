import * as z from 'zod';
import type { CredentialReference, NoticesConfig } from './config.ts';
import { credentialReference } from './credential-forms.ts';
import { readCredential } from './credential.ts';
import { readFields } from './fields.ts';
import { missing } from './issues.ts';
import type { Place } from './place.ts';
import { problemAtKey } from './problem.ts';
import type { Problem } from './problem.ts';
import type { KnownRecipients } from './recipients.ts';

/** Secrets that a source shares with who sends its notices. They are the agent's: no provider gets them, and they are sent nowhere. */
const FIELDS = ['secret', 'next'] as const;

/** `notices` of a source. */
export const noticeWords = z
  .strictObject({
    secret: credentialReference.describe('Where the secret is kept that the notices are signed with'),
    next: credentialReference
      .optional()
      .describe('Another one that is accepted as well, while the service is given a new secret'),
    header: z
      .string()
      .regex(/^[A-Za-z][\w-]{0,99}$/, { error: 'must be the name of a header, such as `X-Hub-Signature-256`' })
      .transform((name) => name.toLowerCase())
      .optional()
      .describe(
        'The header that holds the HMAC-SHA256 of the body in hex; without it notices are signed as the service signs them, or as in Standard Webhooks',
      ),
  })
  .describe('Who may say that something has changed: webhooks that come to `hikyaku run --receiver`');

/** The paths of the credentials under `notices`: `notices.secret`, and `notices.next`. */
export const noticeCredentials: readonly string[] = FIELDS.map((field) => `notices.${field}`);

export function isNoticeCredential(field: string): boolean {
  return noticeCredentials.includes(field);
}

interface ReadNotices {
  readonly notices: NoticesConfig;
  /** By their paths in the source. */
  readonly credentials: ReadonlyMap<string, CredentialReference>;
}

/** Reads `notices` of a source. `undefined` when it is not good; everything that is wrong is in `problems` then. */
export function readNotices(place: Place, recipients: KnownRecipients, problems: Problem[]): ReadNotices | undefined {
  const before = problems.length;
  const { header } = readFields(place, noticeWords, problems, FIELDS);
  const credentials = new Map<string, CredentialReference>();
  for (const field of FIELDS) {
    const child = place.children.get(field);
    const reference = child && readCredential(child, recipients, problems);
    if (child === undefined || reference === undefined) continue;
    if ('serviceAccountToken' in reference)
      problems.push(problemAtKey(child, `\`${field}\` is known to both sides, and a token is not`, 'use another form'));
    else credentials.set(`notices.${field}`, reference);
  }
  if (place.whole && problems.length === before && !place.children.has('secret'))
    problems.push(missing(place, 'secret', 'such as `secret: { env: NAME }`; without one anybody could send notices'));
  return problems.length > before ? undefined : { notices: header === undefined ? {} : { header }, credentials };
}
