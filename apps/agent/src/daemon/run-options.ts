import type { ConnectOptions } from '../connect-cluster.ts';
import type { IdentityOptions } from '../identity/identity-options.ts';
import type { ListenAddress } from './http-server.ts';

export interface RunOptions extends ConnectOptions, IdentityOptions {
  readonly yes?: boolean;
  /** The config is read from the ConfigMap `hikyaku-config`. */
  readonly configMap?: boolean;
  /** One of several replicas leads. */
  readonly leaderElection?: boolean;
  /** Where probes ask. */
  readonly health?: ListenAddress;
  /** Where notices of changes come in. */
  readonly receiver?: ListenAddress;
  /** Where the status page is. */
  readonly page?: ListenAddress;
}
