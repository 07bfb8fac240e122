export type { DevCluster, DevClusterOptions } from './dev-cluster.ts';
export { startDevCluster } from './start-dev-cluster.ts';
export { ensureDevClusterBinary, type EnsureBinaryOptions } from './ensure-binary.ts';
export { writeServiceAccountKubeconfig, type ServiceAccountKubeconfig } from './service-account-kubeconfig.ts';
