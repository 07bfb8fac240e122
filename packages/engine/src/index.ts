export { demands, selects } from './demand.ts';
export type { Demand, Selector } from './demand.ts';
export { Engine } from './engine.ts';
export type { EngineOptions, EngineParts, EngineProgress, EngineUpdate } from './engine.ts';
export type { Threshold } from './exceeds.ts';
export type { Approval, ApprovalOutcome, HeldChange, HeldPlan, HoldScope } from './held-plan.ts';
export type { Inventory, InventoryEntry, InventoryKey } from './inventory.ts';
export type { OwedRestart } from './owed-restart.ts';
export { plan } from './plan.ts';
export type { Action, Changes, HoldReason, Holds, PlanInput } from './plan.ts';
export { Reconciler } from './reconciler.ts';
export type { ReconcileRequest, ReconcilerOptions, ReconcilerUpdate, RestartDebt } from './reconciler.ts';
export { render } from './render.ts';
export type { DesiredSecret, DesiredValue, Rendered, RenderProblem } from './render.ts';
export { isWell } from './report.ts';
export type {
  PushChanges,
  PushRecord,
  PushState,
  Report,
  RestartRecord,
  RestartState,
  SecretRecord,
  SecretState,
  SourceRecord,
} from './report.ts';
export { refreshAll } from './report-source.ts';
export type { Schedule } from './schedule.ts';
export { secretId } from './secret-spec.ts';
export type { BulkItem, DataItem, Existing, NameTransform, SecretId, SecretSpec } from './secret-spec.ts';
export { Restarts } from './restarts.ts';
export type { RestartsOptions } from './restarts.ts';
export { Source } from './source.ts';
export type { SourceOptions, SourceState } from './source.ts';
export type { SnapshotArchive, StoredSnapshot } from './stored-snapshot.ts';
export { TargetError } from './target.ts';
export type { Fingerprint, Observation, PutResult, RemoveResult, Target, TargetErrorCode } from './target.ts';
export type { RestartAnswer, RestartChange, RestartOptions, WorkloadId, Workloads } from './workloads.ts';
export { readCurrent, writeGuarded } from './write-guarded.ts';
export type { GuardedChange } from './write-guarded.ts';
export { SourcePushes } from './source-pushes.ts';
export type { PushRequest, SourcePushesOptions } from './source-pushes.ts';
export type { PushedKey, PushInventory } from './push-inventory.ts';
export type { OriginProblem, OriginSecret, OriginState, PushOrigin } from './push-origin.ts';
export { pushId } from './push-spec.ts';
export type { PushId, PushSpec } from './push-spec.ts';
export { Wake } from './wake.ts';
