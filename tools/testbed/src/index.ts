export { field, mintToken, startCluster, succeeded } from './cluster.ts';
export type { Api, ApiAnswer, Cluster } from './cluster.ts';
export { expectExit, hikyaku, POD_ENV, Running, startHikyaku, V8_FLAGS } from './hikyaku.ts';
export type { Finished, HikyakuOptions } from './hikyaku.ts';
export { eventually, installRights, readInstallFile } from './install-rights.ts';
export { applyYaml, parseManifests } from './manifests.ts';
export type { Manifest } from './manifests.ts';
export {
  createNamespace,
  createSecret,
  deleteSecret,
  patchSecret,
  readSecret,
  readSecrets,
  resetInventory,
  secretPath,
} from './live-secret.ts';
export type { LiveSecret, SecretOptions } from './live-secret.ts';
export { EtcdWrites } from './etcd-writes.ts';
export { changedObjects, objectVersions } from './object-versions.ts';
export { ConfigFiles } from './write-config.ts';
export { inventoryPath, readInventory, writeInventory } from './live-inventory.ts';
export type { InventoryLine } from './live-inventory.ts';
export { snapshotSecretOf } from './live-snapshot.ts';
export { buildOf, buildSaying } from './other-build.ts';
export { TcpProxy } from './tcp-proxy.ts';
