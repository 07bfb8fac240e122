export { ConfigMapInventory } from './config-map-inventory.ts';
export type { ConfigMapEntriesOptions } from './config-map-entries.ts';
export { ConfigMapPushInventory } from './config-map-push-inventory.ts';
export type { ConfigMapPushInventoryOptions } from './config-map-push-inventory.ts';
export { loadHmacKey } from './hmac-key.ts';
export { FIRST_KEY_FILE, IdentitySecret, unreadableIdentity } from './identity-secret.ts';
export type { IdentitySecretOptions, KeptIdentity } from './identity-secret.ts';
export { KubernetesPushOrigin } from './kubernetes-push-origin.ts';
export type { KubernetesPushOriginOptions } from './kubernetes-push-origin.ts';
export { KubernetesWorkloads } from './kubernetes-workloads.ts';
export type { KubernetesWorkloadsOptions } from './kubernetes-workloads.ts';
export { KubernetesTarget } from './kubernetes-target.ts';
export type { KubernetesTargetOptions } from './kubernetes-target.ts';
export { LastGoodConfig } from './last-good-config.ts';
export type { KeptFile } from './last-good-config.ts';
export { AGENT_LABEL, isOwnSecret, MERGE_LABEL, OWN } from './ownership.ts';
export type { Access } from './ownership.ts';
export { publishIdentity, readPublishedIdentity } from './published-identity.ts';
export type { PublishedIdentity } from './published-identity.ts';
export { noticesIn, putNotices } from './passed-notices.ts';
export { SecretSnapshots } from './secret-snapshots.ts';
export type { SecretSnapshotsOptions } from './secret-snapshots.ts';
export { putEvent } from './event-object.ts';
export type { AgentEvent, PutEventOptions } from './event-object.ts';
export { probePolicy } from './probe-policy.ts';
export type { PolicyState } from './probe-policy.ts';
export { rightsFor } from './rights-for.ts';
export { openRequests, RequestsObject, takenAt } from './requests-object.ts';
export type { AskedRequest, RequestAnswer } from './requests-object.ts';
export type {
  HoldStatus,
  PushStatus,
  RestartStatus,
  SecretStatus,
  SourceStatus,
  StatusDocument,
} from './status-document.ts';
export { StatusObject } from './status-object.ts';
export { DriftJudge } from './drift-judge.ts';
export type { DriftJudgeOptions } from './drift-judge.ts';
export { watchRights } from './drift-rights.ts';
export type { MayWatch } from './drift-rights.ts';
