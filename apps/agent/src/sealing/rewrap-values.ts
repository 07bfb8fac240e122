import { fingerprintOf, readHeader, seal, SealedError } from '@hikyaku/sealing';
import type { Opened } from '@hikyaku/sealing';
import type { Edge } from '../edge.ts';
import type { FoundIdentity } from '../identity/find-identities.ts';
import { openWith } from '../identity/open-with.ts';
import { shellWord } from '../output/shell-word.ts';
import { holders } from './debt.ts';
import type { Holder } from './debt.ts';
import { recipientsFor, sealRecipients } from './recipients-for.ts';
import type { RecipientKeys } from './recipients-for.ts';
import type { SealedField } from './sealed-fields.ts';

/** What a sealed value needs, so that who is under `recipients:` opens it, and nobody else. */
export type RewrapStep = { readonly field: SealedField } & (
  | {
      readonly kind: 'rewrap';
      readonly opened: Opened;
      readonly recipients: readonly RecipientKeys[];
      readonly added: readonly Holder[];
      readonly removed: readonly Holder[];
    }
  /** `checked`: it was opened, so that nobody has changed it since it was sealed. */
  | { readonly kind: 'keep'; readonly checked: boolean }
  /** Made by plain `age`: who opens it is not known. */
  | { readonly kind: 'unbound' }
  | { readonly kind: 'failed'; readonly problem: string }
);

/** Opens what it can; writes nothing. The recipients are those that the values are to have. */
export async function planRewrap(
  fields: readonly SealedField[],
  recipients: Iterable<RecipientKeys>,
  identities: readonly FoundIdentity[],
  edge: Edge,
): Promise<readonly RewrapStep[]> {
  const all = [...recipients];
  const steps: RewrapStep[] = [];
  for (const field of fields) {
    edge.signal.throwIfAborted();
    steps.push(await planOne(field, recipientsFor(all, field.cluster), identities, edge));
  }
  return steps;
}

/** The same value under a fresh key. What it is bound to, and when it was sealed, stay. */
export async function rewrap({
  opened,
  recipients,
}: Extract<RewrapStep, { readonly kind: 'rewrap' }>): Promise<string> {
  const { value, header } = opened;
  // Never without one: a value that has none was not opened.
  if (header.binding === undefined) throw new SealedError('UNBOUND', 'it says nothing about where it may be used');
  return await seal(value, {
    recipients: sealRecipients(recipients),
    binding: header.binding,
    before: header,
    now: Date.now(),
  });
}

async function planOne(
  field: SealedField,
  recipients: readonly RecipientKeys[],
  identities: readonly FoundIdentity[],
  edge: Edge,
): Promise<RewrapStep> {
  const { text } = field.sealed;
  try {
    const isRight = sameKeys(holders((await readHeader(text)).recipients), keysOf(recipients));
    const opened = await tryOpen(text, identities, edge);
    if (typeof opened === 'string')
      return isRight ? { field, kind: 'keep', checked: false } : { field, kind: 'failed', problem: opened };
    if (opened.header.binding === undefined) return { field, kind: 'unbound' };
    if (isRight) return { field, kind: 'keep', checked: true };
    if (recipients.length === 0) return { field, kind: 'failed', problem: 'nobody would be left who could open it' };
    return {
      field,
      kind: 'rewrap',
      opened,
      recipients,
      ...changeOfKeys(holders(opened.header.recipients), recipients),
    };
  } catch (error) {
    if (!(error instanceof SealedError)) throw error;
    if (error.code === 'UNBOUND') return { field, kind: 'unbound' };
    return {
      field,
      kind: 'failed',
      problem: `${error.message}; hikyaku seal ${shellWord(field.name)} puts a good one in its place`,
    };
  }
}

/** Or why none of the keys opens it. */
async function tryOpen(text: string, identities: readonly FoundIdentity[], edge: Edge): Promise<Opened | string> {
  if (identities.length === 0) return 'there is no key to open it with';
  try {
    return await openWith(text, identities, edge);
  } catch (error) {
    if (error instanceof SealedError && error.code === 'NOT_FOR_THIS_KEY') return error.message;
    throw error;
  }
}

export function keysOf(recipients: readonly RecipientKeys[]): readonly Holder[] {
  return recipients.flatMap(({ name, keys }) => keys.map((key) => ({ name, fingerprint: fingerprintOf(key) })));
}

/** A key counts under its name: who is called otherwise now is written so. */
export function sameKeys(a: readonly Holder[], b: readonly Holder[]): boolean {
  const textOf = (keys: readonly Holder[]) => keys.map(({ name, fingerprint }) => `${name} ${fingerprint}`).toSorted();
  return textOf(a).join('\n') === textOf(b).join('\n');
}

/** Who is only called otherwise is neither added nor removed. */
function changeOfKeys(
  before: readonly Holder[],
  recipients: readonly RecipientKeys[],
): { readonly added: readonly Holder[]; readonly removed: readonly Holder[] } {
  const after = keysOf(recipients);
  const without = (keys: readonly Holder[], others: readonly Holder[]) =>
    keys.filter((key) => !others.some(({ fingerprint }) => fingerprint === key.fingerprint));
  return { added: without(after, before), removed: without(before, after) };
}
