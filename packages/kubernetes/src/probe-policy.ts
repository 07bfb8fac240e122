import type { CallOptions } from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';
import type { KubeClient } from '@hikyaku/kube-client';
import { AGENT_LABEL } from './ownership.ts';

/** `missing`: nothing limits this account. `without grants`: the policy refuses everything, as its parameters are not there. */
export type PolicyState = 'enforced' | 'missing' | 'without grants';

/** No grants name it. */
const FORBIDDEN_TYPE = 'hikyaku.dev/policy-probe';

/**
 * Whether the API server's policy limits this account: a dry-run POST of a Secret type that nobody grants must be refused by
 * our own policy. Writes nothing.
 */
export async function probePolicy(client: KubeClient, agent: string, { signal }: CallOptions): Promise<PolicyState> {
  const metadata = { namespace: agent, name: 'hikyaku-policy-probe', labels: { [AGENT_LABEL]: agent } };
  try {
    const probe = { apiVersion: 'v1', kind: 'Secret', metadata, type: FORBIDDEN_TYPE, data: {} };
    await client.secrets.create(probe, { signal, dryRun: true });
    return 'missing';
  } catch (error) {
    signal.throwIfAborted();
    if (!isKubeError(error)) throw error;
    if (error.policyParametersMissing) return 'without grants';
    if (error.code === 'INVALID') return error.policyMessage === undefined ? 'missing' : 'enforced';
    throw error;
  }
}
