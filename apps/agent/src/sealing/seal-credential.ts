import type { Config } from '@hikyaku/config';
import { nearest } from '@hikyaku/config';
import type { SecretValue } from '@hikyaku/core';
import { open, sameBinding, SealedError } from '@hikyaku/sealing';
import type { Binding, SealedHeader } from '@hikyaku/sealing';
import type { FoundIdentity } from '../identity/find-identities.ts';
import { printable } from '../output/printable.ts';
import { UserError } from '../user-error.ts';
import { holders } from './debt.ts';
import { recipientsFor } from './recipients-for.ts';
import type { RecipientKeys } from './recipients-for.ts';
import { keysOf, sameKeys } from './rewrap-values.ts';
import type { CredentialPlace } from './sealed-fields.ts';

/** Who is to open what is sealed now: everybody, or one cluster and the backup keys. Throws a UserError where that is nobody. */
export function recipientsToSealTo(
  { recipients }: Config,
  cluster: string | undefined,
  configPath: string,
): readonly RecipientKeys[] {
  const all = recipientsFor(recipients.values());
  if (all.length === 0)
    throw new UserError(
      `nobody is named under recipients: of ${configPath}. Add a cluster: hikyaku recipients add NAME --context CONTEXT; and your own key: hikyaku recipients new me --backup`,
    );
  if (cluster === undefined) return all;
  const clusters = all.filter(({ backup }) => !backup).map(({ name }) => name);
  if (clusters.includes(cluster)) return recipientsFor(recipients.values(), cluster);
  const known = recipients.get(cluster);
  if (known?.backup === true) throw new UserError(`${cluster} is a backup key, and no cluster`);
  if (known !== undefined)
    throw new UserError(`${cluster} has no key: hikyaku recipients add ${cluster} --context CONTEXT --replace`);
  const near = nearest(cluster, clusters);
  const hint = near === undefined ? `there are: ${clusters.join(', ') || 'none'}` : `did you mean ${near}?`;
  throw new UserError(`there is no cluster ${printable(cluster)} under recipients: of ${configPath}; ${hint}`);
}

/** One value for all, or one for each cluster: nobody changes from one to the other without saying so. Throws a UserError. */
export function checkForm({ name, reference }: CredentialPlace, cluster: string | undefined, replace: boolean): void {
  if (reference === undefined || replace) return;
  if (cluster === undefined && 'perCluster' in reference) {
    const clusters = [...reference.perCluster.keys()].join(', ');
    throw new UserError(
      `${name} has one value for each cluster (${clusters}): --cluster NAME says which; --replace puts one for all in their place`,
    );
  }
  if (cluster !== undefined && 'sealed' in reference) {
    throw new UserError(
      `${name} is one value for all clusters: --replace puts one for ${cluster} alone in its place, and the others need theirs before you push`,
    );
  }
}

/** What the text says about itself, where a key at hand shows that it is this same value. */
export async function headerOfSame(
  text: string,
  value: SecretValue,
  identities: readonly FoundIdentity[],
): Promise<SealedHeader | undefined> {
  if (identities.length === 0) return undefined;
  try {
    const keys = identities.map(({ identity }) => identity);
    const opened = await open(text, keys);
    return opened.value.equals(value) ? opened.header : undefined;
  } catch (error) {
    // Whatever it was, it is replaced.
    if (error instanceof SealedError) return undefined;
    throw error;
  }
}

/** Whether it is sealed for this same place and these same people. */
export function isSealedLike(header: SealedHeader, binding: Binding, recipients: readonly RecipientKeys[]): boolean {
  const before = header.binding;
  return (
    before !== undefined && sameBinding(before, binding) && sameKeys(holders(header.recipients), keysOf(recipients))
  );
}
