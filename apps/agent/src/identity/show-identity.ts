import type { CallOptions, Logger } from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';
import type { KubeClient } from '@hikyaku/kube-client';
import { OWN, publishIdentity } from '@hikyaku/kubernetes';
import type { Access, PublishedIdentity } from '@hikyaku/kubernetes';
import { fingerprintOf } from '@hikyaku/sealing';
import { publicSigningKeyOf } from './signing-key.ts';

/** What people may see of an identity. */
export function shownIdentity(publicKeys: readonly string[], signingKey: string | undefined): PublishedIdentity {
  const servicePrincipalPublicKey = signingKey && publicSigningKeyOf(signingKey);
  return {
    recipients: publicKeys,
    fingerprints: publicKeys.map(fingerprintOf),
    ...(servicePrincipalPublicKey && { servicePrincipalPublicKey }),
  };
}

/** Puts it into the ConfigMap; where that fails the log says so, and all goes on. */
export async function showIdentity(
  { client, access, logger }: { readonly client: KubeClient; readonly access: Access; readonly logger: Logger },
  shown: PublishedIdentity,
  options: CallOptions,
): Promise<void> {
  try {
    if (await publishIdentity(client, access, shown, options)) return;
    logger.warn(
      { configMap: `${access.agent}/${OWN.identity}` },
      'public key not shown: the ConfigMap is missing. Apply deploy/rights-own.yaml',
    );
  } catch (error) {
    options.signal.throwIfAborted();
    if (!isKubeError(error)) throw error;
    logger.warn({ error }, 'public key not shown in its ConfigMap');
  }
}
