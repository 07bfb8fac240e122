import type { CallOptions } from '@hikyaku/core';
import type { KubeClient } from '@hikyaku/kube-client';

/** Where a source's Secrets are. */
export interface Cluster {
  /** For messages: `this cluster`, or its address. */
  readonly name: string;
  /** Of the agent, when it is its own cluster. */
  readonly agentNamespace?: string;
  /** With the agent's identity, in a namespace of somebody else: `namespace/name`. */
  readonly identitySecret?: string;
  /** What to do about a credential that the API server does not accept. */
  readonly credentialAdvice: string;
  /** With the credential as it is now. Never closed by who asks. */
  client(options: CallOptions): Promise<KubeClient>;
  /** The same with a fresh credential, after `refused` was not accepted; `undefined` when there is none. */
  renewed(refused: KubeClient, options: CallOptions): Promise<KubeClient | undefined>;
}
