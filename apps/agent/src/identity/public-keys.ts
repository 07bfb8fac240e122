import type { CallOptions } from '@hikyaku/core';
import type { TargetError } from '@hikyaku/engine';
import { unreadableIdentity } from '@hikyaku/kubernetes';
import type { IdentitySecret, KeptIdentity } from '@hikyaku/kubernetes';
import { parseIdentities, SealedError } from '@hikyaku/sealing';
import type { Opener } from '@hikyaku/sealing';

type Place = Pick<IdentitySecret, 'namespace' | 'name'>;

/** The age identities of a Secret, the newest first; secret. Throws TargetError `INVALID`. */
export function ageIdentitiesOf({ keyFiles }: KeptIdentity, secret: Place): readonly string[] {
  return [...keyFiles].flatMap(([entry, text]) => {
    try {
      return parseIdentities(text);
    } catch (error) {
      throw unusable(error, secret, entry);
    }
  });
}

/** Their public keys, in order. Throws TargetError `INVALID`. */
export async function publicKeysOf(
  identities: readonly string[],
  secret: Place,
  opener: Pick<Opener, 'recipientsOf'>,
  options: CallOptions,
): Promise<readonly string[]> {
  try {
    return await opener.recipientsOf(identities, options);
  } catch (error) {
    throw unusable(error, secret, 'one of its entries');
  }
}

/** What the files say of themselves, where each says it: good to look at, but no proof. */
export function claimedPublicKeys({ keyFiles }: KeptIdentity): readonly string[] | undefined {
  const claims = [...keyFiles.values()].map((text) =>
    [...text.matchAll(/^# public key: (age1[a-z0-9]+)\s*$/gm)].map(([, key]) => key ?? ''),
  );
  return claims.every((keys) => keys.length === 1) ? claims.flat() : undefined;
}

function unusable(error: unknown, secret: Place, entry: string): TargetError {
  if (!(error instanceof SealedError)) throw error;
  return unreadableIdentity(secret, `holds no age identity under ${entry}: ${error.message}`);
}
