import type { CallOptions } from '@hikyaku/core';

/** The keys that the agent, or the person who runs a command, opens sealed credentials with. */
export interface OwnIdentity {
  /** The Secret of another tool that they are in, `namespace/name`: no source reads it. */
  readonly borrowedFrom?: string | undefined;
  /** Of an agent: as they were read last, the newest first; none where they could not be. */
  readonly publicKeys?: readonly string[];
  /** The name under `recipients:` whose key is ours, or the name that was given; `undefined` where neither tells. */
  cluster(options: CallOptions): Promise<string | undefined>;
  /** Age identities, to be tried in this order; secret. Rejects with a ProviderError `INVALID_CONFIG` where there is none that can be read. */
  identities(options: CallOptions): Promise<readonly string[]>;
  /** The RSA private key of the cluster, PEM; secret. Rejects with a ProviderError `INVALID_CONFIG` where there is none that can be read. */
  signingKey(options: CallOptions): Promise<string>;
}
