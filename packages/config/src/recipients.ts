import * as z from 'zod';
import type { Recipient } from './config.ts';
import { readFields, readValue } from './fields.ts';
import { wrongKind } from './issues.ts';
import { dnsLabel } from './kubernetes-names.ts';
import { didYouMean } from './nearest.ts';
import { isMapping } from './place.ts';
import type { Place } from './place.ts';
import { problemAt, problemAtKey } from './problem.ts';
import type { Problem } from './problem.ts';

const recipientName = dnsLabel(40);

// X25519 keys have one length; those of hardware keys (`age1tag1`) and post-quantum ones (`age1pq1`, `age1tagpq1`) their own.
const PUBLIC_KEY = /^age1([02-9ac-hj-np-z]{58}|(tag|pq|tagpq)1[02-9ac-hj-np-z]{59,2500})$/;

const publicKey = z
  .string()
  .regex(PUBLIC_KEY, {
    error: 'must be a public key of age: `age1` and 58 more letters and digits, as the log of the agent says it',
  })
  .describe('A public key of age');

const recipientWords = z
  .strictObject({
    key: publicKey.optional().describe('Its public key; or `keys`'),
    keys: z
      .array(publicKey)
      .optional()
      .describe(
        'Its public keys, the current one first, while its identity is replaced; `[]` for a cluster that has none',
      ),
    backup: z.boolean().optional().describe("A person's key, and no cluster"),
  })
  .meta({ oneOf: [{ required: ['key'] }, { required: ['keys'] }] });

export const recipientMap = z
  .record(recipientName, z.union([publicKey, recipientWords]))
  .describe('Clusters and backup keys, by a name of your choice: their public keys, which open what is sealed');

/** The recipients that entries and credentials may name; absent when the files that name them could not all be read. */
export type KnownRecipients = ReadonlyMap<string, Recipient> | undefined;

/** Reads the entries of `recipients` of all files. Those that are not good are named all the same: with no keys. */
export function readRecipients(
  places: ReadonlyMap<string, Place>,
  problems: Problem[],
): ReadonlyMap<string, Recipient> {
  const owners = new Map<string, string>();
  const recipients = new Map<string, Recipient>();
  for (const [name, place] of places) {
    const nameProblem = recipientNameProblem(name);
    if (nameProblem !== undefined) problems.push(problemAtKey(place, `the name of a recipient ${nameProblem}`));
    const { keys, backup } = readRecipient(place, problems);
    for (const { value } of keys) {
      const owner = owners.get(String(value));
      owners.set(String(value), owner ?? name);
      if (owner === undefined) continue;
      problems.push(
        owner === name
          ? problemAt(place, `a key of \`${name}\` stands here twice`, 'remove one')
          : problemAt(place, `\`${name}\` has a key of \`${owner}\``, 'each has its own; remove one of the two'),
      );
    }
    recipients.set(name, { name, keys: keys.map(({ value }) => String(value)), backup, position: place.keyPosition });
  }
  return recipients;
}

/** What is wrong with the name of a recipient, to stand behind it. */
export function recipientNameProblem(name: string): string | undefined {
  return recipientName.safeParse(name).error?.issues[0]?.message;
}

/** The places of its keys, the good ones. */
function readRecipient(
  place: Place,
  problems: Problem[],
): { readonly keys: readonly Place[]; readonly backup: boolean } {
  const none = { keys: [], backup: false };
  if (!place.whole) return none;
  if (typeof place.value === 'string') {
    return readValue(place, publicKey, problems) === undefined ? none : { keys: [place], backup: false };
  }
  if (!isMapping(place.value)) {
    problems.push({ ...wrongKind(place, 'a public key or a mapping'), suggestion: HOW });
    return none;
  }
  const { key, backup = false } = readFields(place, recipientWords, problems, ['keys']);
  const one = place.children.get('key');
  const several = place.children.get('keys');
  if ((one === undefined) === (several === undefined)) {
    problems.push(problemAt(place, 'a recipient needs exactly one of `key` and `keys`', HOW));
    return { keys: [], backup };
  }
  if (several === undefined) return { keys: one === undefined || key === undefined ? [] : [one], backup };
  if (!Array.isArray(several.value)) {
    problems.push(wrongKind(several, 'a list'));
    return { keys: [], backup };
  }
  if (backup && several.children.size === 0) problems.push(problemAt(several, 'a backup key must be there'));
  const keys = [...several.children.values()].filter((child) => readValue(child, publicKey, problems) !== undefined);
  return { keys, backup };
}

const HOW = '`NAME: age1…`; `NAME: { keys: [] }` is a cluster that has no key';

/** A problem where the text at `place`, which names a cluster, names none. */
export function checkCluster(place: Place, name: string, recipients: KnownRecipients, problems: Problem[]): void {
  if (recipients === undefined) return;
  const recipient = recipients.get(name);
  if (recipient?.backup === true) {
    problems.push(problemAt(place, `\`${name}\` is a backup key, and no cluster`));
    return;
  }
  if (recipient !== undefined) return;
  const clusters = [...recipients.values()].filter(({ backup }) => !backup).map((cluster) => cluster.name);
  problems.push(
    problemAt(
      place,
      `there is no recipient \`${name}\``,
      didYouMean(name, clusters) ?? `name it under \`recipients\`; \`${name}: { keys: [] }\` when it has no key`,
    ),
  );
}
