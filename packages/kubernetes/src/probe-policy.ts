import type { CallOptions } from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';
import type { KubeClient } from '@hikyaku/kube-client';
import { AGENT_LABEL } from './ownership.ts';

/**
 * Whether the API server's policy limits this account: a dry-run POST of a Secret type that the policy always forbids must be
 * refused by our own policy. Writes nothing.
 */
export async function isPolicyEnforced(client: KubeClient, agent: string, { signal }: CallOptions): Promise<boolean> {
  const metadata = { namespace: agent, name: 'hikyaku-policy-probe', labels: { [AGENT_LABEL]: agent } };
  try {
    await client.secrets.create(
      { apiVersion: 'v1', kind: 'Secret', metadata, type: 'bootstrap.kubernetes.io/token', data: {} },
      { signal, dryRun: true },
    );
    return false;
  } catch (error) {
    signal.throwIfAborted();
    if (!isKubeError(error)) throw error;
    if (error.code === 'INVALID') return error.policyMessage !== undefined;
    throw error;
  }
}
