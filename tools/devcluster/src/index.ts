export type { DevCluster, DevClusterOptions } from './dev-cluster.ts';
export { startDevCluster } from './start-dev-cluster.ts';
export { ensureDevClusterBinary } from './ensure-binary.ts';
export { ensureGoProgram, type EnsureBinaryOptions } from './ensure-go-program.ts';
export { writeServiceAccountKubeconfig, type ServiceAccountKubeconfig } from './service-account-kubeconfig.ts';
