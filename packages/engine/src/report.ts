import type { ProviderError } from '@hikyaku/core';
import type { HeldPlan } from './held-plan.ts';
import type { Changes } from './plan.ts';
import type { PushId } from './push-spec.ts';
import type { SecretId } from './secret-spec.ts';
import type { PutResult, RemoveResult } from './target.ts';
import type { WorkloadId } from './workloads.ts';

/** All that is said of a Secret, a source or a push, in logs, summaries and status, comes from these records. */
export interface Report {
  secret(record: SecretRecord): void;
  source(record: SourceRecord): void;
  push(record: PushRecord): void;
  /** Of a source: of all pushes to it that there are, something was said just now. */
  pushesTo?(source: string, ids: ReadonlySet<PushId>): void;
  /** All that is held back now of what `by` looks after: `secrets`, or `push:` and a source. It stands until the same one says otherwise. */
  held?(by: string, plans: readonly HeldPlan[]): void;
  restart(record: RestartRecord): void;
  /** A round over the Secrets has ended and took so many milliseconds, also one with nothing to do. */
  reconciled?(ms: number): void;
}

/**
 * | state | means |
 * | --- | --- |
 * | `synced` | equal to its sources |
 * | `kept` | the last good data stays, as something at the source is wrong |
 * | `waiting` | its source has not been read yet, or its namespace does not exist |
 * | `held` | too much would go: a person must approve |
 * | `refused` | it is somebody else's, not granted, or cannot be as it is wanted |
 * | `contested` | somebody else changes it again and again: put right only now and then |
 * | `failed` | tried again by itself |
 * | `removed` | deleted, as its entry is gone from the config |
 * | `left` | its entry is gone, and it stays as that had said |
 */
export type SecretState =
  | 'synced'
  | 'kept'
  | 'waiting'
  | 'held'
  | 'refused'
  | 'contested'
  | 'failed'
  | 'removed'
  | 'left';

/** Whether nobody has to do anything about it. */
export function isWell(state: SecretState | PushState | RestartState): boolean {
  return state === 'synced' || state === 'restarted' || state === 'pushed' || state === 'removed' || state === 'left';
}

export interface SecretRecord {
  readonly id: SecretId;
  readonly state: SecretState;
  /** What was done just now; absent when nothing was. */
  readonly outcome?: PutResult['outcome'] | RemoveResult;
  readonly changes?: Changes;
  /** What is wrong, on which thing, and what to do; one per problem. */
  readonly messages: readonly string[];
}

export interface SourceRecord {
  readonly source: string;
  readonly ok: boolean;
  /** How many secrets the source is known to hold. */
  readonly secrets?: number;
  /** How many more are still to be read. */
  readonly pending?: number;
  /** Values are in use that were kept before this process started, as they have not been read since. */
  readonly stored?: boolean;
  readonly error?: ProviderError;
  /** The read had no end and was given up. */
  readonly stuck?: boolean;
  /** Milliseconds until the next read; absent where there is none. */
  readonly nextMs?: number;
  /** Of the read that has just ended; absent while one goes on. */
  readonly read?: { readonly ms: number; readonly changed: boolean };
}

/**
 * | state | means |
 * | --- | --- |
 * | `pushed` | the source has what the Secret has |
 * | `kept` | some of it could not be pushed as it is; what the source has stays |
 * | `waiting` | the Secret is not there, or has no keys: nothing changes at the source |
 * | `held` | somebody else's value, or too much, would be lost: a person must approve |
 * | `refused` | it is not granted, may not be read, or the source cannot be written to |
 * | `failed` | tried again by itself |
 * | `removed` | its entry is gone, and what was pushed is removed |
 * | `left` | its entry is gone, and what was pushed stays |
 */
export type PushState = 'pushed' | 'kept' | 'waiting' | 'held' | 'refused' | 'failed' | 'removed' | 'left';

export interface PushRecord {
  readonly id: PushId;
  readonly from: SecretId;
  /** The source. */
  readonly to: string;
  readonly state: PushState;
  /** How many secrets of the source are as the Secret has them; absent where that is not known. */
  readonly keys?: number;
  /** Names at the source that were written just now; absent where none was. */
  readonly changes?: PushChanges;
  /** What is wrong, on which thing, and what to do; one per problem. */
  readonly messages: readonly string[];
}

/**
 * | state | means |
 * | --- | --- |
 * | `restarted` | its Pods are being replaced, or have been |
 * | `waiting` | its Pods are just being replaced: once more when that has ended |
 * | `refused` | it is not granted, or the account lacks the right |
 * | `failed` | tried again by itself |
 * | `left` | it is not restarted, as the messages say |
 */
export type RestartState = 'restarted' | 'waiting' | 'refused' | 'failed' | 'left';

/** Of a workload that is to be restarted as the data of Secrets has changed; it says nothing about how these are. */
export interface RestartRecord {
  readonly workload: WorkloadId;
  /** What has changed, by names of keys. */
  readonly changes: readonly { readonly secret: SecretId; readonly keys: readonly string[] }[];
  readonly state: RestartState;
  /** What is wrong, on which thing, and what to do; or what a person should know besides. */
  readonly messages: readonly string[];
}

export type PushChanges = Pick<Changes, 'added' | 'changed' | 'removed'>;
