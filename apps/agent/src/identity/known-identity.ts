import type { CallOptions } from '@hikyaku/core';
import { TargetError } from '@hikyaku/engine';
import type { KubeClient } from '@hikyaku/kube-client';
import { FIRST_KEY_FILE, readPublishedIdentity } from '@hikyaku/kubernetes';
import type { Access, IdentitySecret, KeptIdentity } from '@hikyaku/kubernetes';
import type { Opener } from '@hikyaku/sealing';
import { ageIdentitiesOf, claimedPublicKeys, publicKeysOf } from './public-keys.ts';
import { generateSigningKey } from './signing-key.ts';

/** An identity as it is kept, and what follows from it. */
export interface KnownIdentity {
  readonly kept: KeptIdentity;
  /** Secret. */
  readonly identities: readonly string[];
  readonly publicKeys: readonly string[];
}

export interface KnowingOptions {
  readonly client: KubeClient;
  readonly access: Access;
  readonly secret: IdentitySecret;
  readonly opener: Pick<Opener, 'generate' | 'recipientsOf'>;
}

/**
 * The public keys are derived from the private ones; where they are only shown and decide nothing (`onlyShown`), they may be what two
 * places agree on. Throws TargetError `INVALID`.
 */
export async function knownIdentity(
  kept: KeptIdentity,
  onlyShown: boolean,
  { client, access, secret, opener }: KnowingOptions,
  options: CallOptions,
): Promise<KnownIdentity> {
  const identities = ageIdentitiesOf(kept, secret);
  const claimed = onlyShown ? claimedPublicKeys(kept) : undefined;
  if (claimed !== undefined) {
    const shown = await readPublishedIdentity(client, access, options).catch(() => undefined);
    if (shown?.recipients.join() === claimed.join()) return { kept, identities, publicKeys: claimed };
  }
  return { kept, identities, publicKeys: await asked(() => publicKeysOf(identities, secret, opener, options)) };
}

/** As a Secret is to keep it; it is written nowhere yet. Throws TargetError `INVALID`. */
export async function newIdentity(
  { opener }: Pick<KnowingOptions, 'opener'>,
  options: CallOptions,
): Promise<KeptIdentity> {
  const [{ file }, signingKey] = await Promise.all([asked(() => opener.generate(options)), generateSigningKey()]);
  return { keyFiles: new Map([[FIRST_KEY_FILE, file]]), signingKey };
}

/** A process that cannot be started, for want of memory perhaps, must not stop what needs no identity. */
async function asked<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof TargetError) throw error;
    throw new TargetError('INVALID', 'the process that works with keys failed; it is tried again');
  }
}
