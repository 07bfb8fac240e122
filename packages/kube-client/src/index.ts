export { connectKube } from './connect-kube.ts';
export type { KubeOptions } from './connect-kube.ts';
export type { StartTimer } from './exchange.ts';
export { kubeConfigFromText } from './kube-config-from-text.ts';
export { LeaderElection, LeadershipLost } from './leader-election.ts';
export type { LeaderElectionOptions } from './leader-election.ts';
export { loadKubeConfig } from './load-kube-config.ts';
export type { LoadedKubeConfig, LoadKubeConfigOptions } from './load-kube-config.ts';
export { KubeConfigError } from './kube-config-error.ts';
export { isKubeError, KubeError } from './kube-error.ts';
export type { KubeErrorCause, KubeErrorCode, KubeErrorDetails } from './kube-error.ts';
export type { OutsideConnections, OutsideTls, Purpose } from './outside-connections.ts';
export { path } from './path.ts';
export type { Query } from './path.ts';
export type {
  AccessRequest,
  CallOptions,
  DeleteOptions,
  IssuedToken,
  KubeClient,
  KubeResponse,
  Method,
  NamespaceEvent,
  ObjectIdentity,
  RequestOptions,
  ResourceCalls,
  ServerVersion,
  TokenRequest,
  UserInfo,
  WatchEvent,
  WatchNamespacesOptions,
  WatchOptions,
  WriteOptions,
} from './kube-client.ts';
export { metadataOnly } from './resource-calls.ts';
export type {
  ConfigMapObject,
  KubeObject,
  LeaseObject,
  NamespacedMeta,
  NamespacedObject,
  NamespaceObject,
  ObjectMeta,
  OwnerReference,
  SecretObject,
} from './objects.ts';
export { watchByName } from './watch-by-name.ts';
export type { NamedEvent, WatchByNameOptions } from './watch-by-name.ts';
