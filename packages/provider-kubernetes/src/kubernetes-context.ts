import type { ProviderContext } from '@hikyaku/core';
import type { KubeClient } from '@hikyaku/kube-client';

/** What the agent hands to this provider, and to no other. */
export interface KubernetesContext extends ProviderContext {
  readonly ownCluster?: OwnCluster;
}

/** The cluster that the agent itself writes to. */
export interface OwnCluster {
  /** Shared: never closed here. */
  readonly client: KubeClient;
  /** Where the agent lives, which is also its id. */
  readonly agentNamespace: string;
  /** The Secret of another tool with the agent's identity, `namespace/name`. */
  readonly identitySecret?: string;
}
