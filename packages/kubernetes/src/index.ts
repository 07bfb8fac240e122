export { ConfigMapInventory } from './config-map-inventory.ts';
export type { ConfigMapInventoryOptions } from './config-map-inventory.ts';
export { loadHmacKey } from './hmac-key.ts';
export { KubernetesTarget } from './kubernetes-target.ts';
export type { KubernetesTargetOptions } from './kubernetes-target.ts';
export { AGENT_LABEL, OWN } from './ownership.ts';
export type { Access } from './ownership.ts';
export { probePolicy } from './probe-policy.ts';
export type { PolicyState } from './probe-policy.ts';
