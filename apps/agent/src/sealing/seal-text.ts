import type { CredentialReference } from '@hikyaku/config';
import { fingerprintOf } from '@hikyaku/sealing';
import type { Binding, SealedHeader } from '@hikyaku/sealing';
import { printable } from '../output/printable.ts';
import type { Style } from '../output/style.ts';
import { holders } from './debt.ts';
import type { RecipientKeys } from './recipients-for.ts';
import type { ListedRecipient } from './recipients-list.ts';
import { listOf, recipientNames } from './recipients-text.ts';
import type { CredentialPlace } from './sealed-fields.ts';

/** What a value will be good for, before it is asked for. */
export function aboutToSeal(
  { name, source, reference }: CredentialPlace,
  binding: Binding,
  recipients: readonly RecipientKeys[],
  style: Style,
): string {
  const before = reference === undefined ? undefined : keptIn(reference);
  return [
    `${style.strong(name)}  ${printable(source.description.identity)}`,
    `  sent only to  ${destination(binding)}`,
    `  used as       ${binding.use}`,
    `  opened by     ${recipientNames(recipients)}`,
    ...(before === undefined ? [] : [`  instead of    ${before}`]),
    '',
  ].join('\n');
}

/** Whoever is to open a value and cannot open what is sealed already: somebody may just have put that key into the config. */
export function strangersText(
  listed: readonly ListedRecipient[],
  recipients: readonly RecipientKeys[],
): readonly string[] {
  const names = new Set(recipients.map(({ name }) => name));
  return listed
    .filter(({ name, keys, cannotOpen }) => names.has(name) && keys.length > 0 && cannotOpen.length > 0)
    .map(
      ({ name, keys, cannotOpen }) =>
        `${name} (${keys.map(({ fingerprint }) => fingerprint).join(', ')}) cannot open what is sealed already (${listOf(cannotOpen)}): make sure that the key under recipients is its own`,
    );
}

/** `https://api.doppler.com`, and the certificates that are trusted there. */
function destination({ to, ca }: Binding): string {
  const where = to.length === 0 ? 'wherever it says itself' : listOf(to.map(printable));
  return ca === undefined ? where : `${where}, with the CA ${printable(ca)}`;
}

/** `sealed 2026-03-01 for doppler/token at https://api.doppler.com` */
export function sealedText({ binding, sealedAt }: SealedHeader): string {
  const when = sealedAt === undefined ? '' : ` ${printable(sealedAt.slice(0, 10))}`;
  if (binding === undefined) return 'made by plain age: bound to nothing';
  return `sealed${when} for ${printable(binding.use)} at ${destination(binding)}`;
}

/** The names of those who could open it once, with a key that no recipient has any more. */
export function formerReaders({ seen }: SealedHeader, recipients: readonly RecipientKeys[]): readonly string[] {
  const keys = new Set(recipients.flatMap((recipient) => recipient.keys.map(fingerprintOf)));
  return [...new Set(holders(seen).flatMap(({ name, fingerprint }) => (keys.has(fingerprint) ? [] : [name])))];
}

function keptIn(reference: CredentialReference): string | undefined {
  if ('env' in reference) return `the environment variable ${reference.env}`;
  if ('file' in reference) return `the file ${printable(reference.file)}`;
  if ('secretRef' in reference)
    return `the Secret ${reference.secretRef.name}, key ${printable(reference.secretRef.key)}`;
  if ('serviceAccountToken' in reference) return "a token of the agent's ServiceAccount";
  return undefined;
}
