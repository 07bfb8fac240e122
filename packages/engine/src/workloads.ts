import type { CallOptions } from '@hikyaku/core';
import type { OwedRestart } from './owed-restart.ts';
import type { SecretId } from './secret-spec.ts';

/** `web/Deployment/web`; `web/*` for all of a namespace. */
export type WorkloadId = string;

/** What runs with the Secrets. Both calls throw a TargetError. */
export interface Workloads {
  /** Those of a namespace, each with the names of the Secrets that it uses. */
  list(namespace: string, options: CallOptions): Promise<ReadonlyMap<WorkloadId, ReadonlySet<string>>>;
  /** Replaces its Pods, once for all changes together; changes that it was restarted for before count for nothing. */
  restart(workload: WorkloadId, options: RestartOptions): Promise<RestartAnswer>;
}

export interface RestartChange extends OwedRestart {
  readonly id: SecretId;
}

export interface RestartOptions extends CallOptions {
  readonly changes: readonly RestartChange[];
  /** It was not there when the data changed: if it is now, its Pods are new. */
  readonly wasAbsent: boolean;
  /** Also while its Pods are just being replaced. */
  readonly interrupt: boolean;
}

export interface RestartAnswer {
  /**
   * `done`: its Pods have these changes already; `busy`: they are just being replaced; `left`: it is not restarted by us, as the messages
   * say.
   */
  readonly outcome: 'restarted' | 'done' | 'busy' | 'absent' | 'left';
  /** What a person should know of it. */
  readonly messages: readonly string[];
}
