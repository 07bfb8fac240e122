import { ProviderError } from '@hikyaku/core';
import type { Cluster } from './cluster.ts';
import type { OwnCluster } from './kubernetes-context.ts';

/** The agent's own cluster, by the agent's own client. */
export function ownCluster(own: OwnCluster | undefined, namespace: string): Cluster {
  if (own === undefined) {
    throw new ProviderError(
      'INVALID_CONFIG',
      'there is no cluster of its own to read here: name another one with `kubeconfig` and `server`',
    );
  }
  const { client, agentNamespace, identitySecret } = own;
  if (namespace === agentNamespace) {
    throw new ProviderError(
      'INVALID_CONFIG',
      `the namespace ${namespace} is the agent's own, with its identity and its credentials: it can be no source`,
    );
  }
  return {
    name: 'this cluster',
    agentNamespace,
    ...(identitySecret !== undefined && { identitySecret }),
    credentialAdvice: "It is the agent's own: see its ServiceAccount, or your kubeconfig",
    client: async () => client,
    renewed: async () => undefined,
  };
}
