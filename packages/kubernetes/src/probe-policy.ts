import type { CallOptions } from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';
import type { KubeClient } from '@hikyaku/kube-client';
import { AGENT_LABEL } from './ownership.ts';

/** `missing`: nothing limits this account. `without grants`: the policy refuses to create and change anything, as its parameters are not there. */
export type PolicyState = 'enforced' | 'missing' | 'without grants';

/** No grants name it. */
const FORBIDDEN_TYPE = 'hikyaku.dev/policy-probe';

/**
 * Whether the API server's policies limit this account: as a dry run, a Secret without the label, and one of a type that nobody grants, must be
 * refused by our own policies. Writes nothing. The binding `hikyaku-own-merge` does not show itself in this way: a Secret that exists, with the label
 * for merging, would be needed.
 */
export async function probePolicy(client: KubeClient, agent: string, options: CallOptions): Promise<PolicyState> {
  const byLabel = await probe(client, { namespace: agent, type: 'Opaque', labels: {} }, options);
  if (byLabel !== 'enforced') return byLabel;
  return await probe(client, { namespace: agent, type: FORBIDDEN_TYPE, labels: { [AGENT_LABEL]: agent } }, options);
}

interface Probe {
  readonly namespace: string;
  readonly type: string;
  readonly labels: Readonly<Record<string, string>>;
}

async function probe(
  client: KubeClient,
  { namespace, type, labels }: Probe,
  { signal }: CallOptions,
): Promise<PolicyState> {
  const metadata = { namespace, name: 'hikyaku-policy-probe', labels };
  try {
    await client.secrets.create(
      { apiVersion: 'v1', kind: 'Secret', metadata, type, data: {} },
      { signal, dryRun: true },
    );
    return 'missing';
  } catch (error) {
    signal.throwIfAborted();
    if (!isKubeError(error)) throw error;
    if (error.policyParametersMissing) return 'without grants';
    if (error.code === 'INVALID') return error.policyMessage === undefined ? 'missing' : 'enforced';
    throw error;
  }
}
