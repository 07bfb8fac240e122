import type { CallOptions } from '@hikyaku/core';
import { TargetError } from '@hikyaku/engine';
import type { Action, SecretId, WorkloadId, Workloads } from '@hikyaku/engine';

/** What an update would restart; or why that is not known. */
export type PlannedRestart = { readonly workloads: readonly WorkloadId[] } | { readonly problem: string };

/** Of each Secret whose data would change what would be restarted, after a look at what uses it where the config does not name it. */
export async function plannedRestarts(
  actions: readonly Action[],
  workloads: Pick<Workloads, 'list'>,
  { signal }: CallOptions,
): Promise<ReadonlyMap<SecretId, PlannedRestart>> {
  const found = new Map<string, ReturnType<Workloads['list']>>();
  const planned = new Map<SecretId, PlannedRestart>();
  for (const action of actions) {
    if (action.kind !== 'update' || action.restart === undefined) continue;
    const { id, restart, desired } = action;
    const { namespace, name } = desired;
    if (restart !== true) {
      planned.set(id, { workloads: restart.map((workload) => `${namespace}/${workload}`) });
      continue;
    }
    const list = found.get(namespace) ?? workloads.list(namespace, { signal });
    found.set(namespace, list);
    try {
      const users = [...(await list)].filter(([, secrets]) => secrets.has(name));
      planned.set(id, { workloads: users.map(([workload]) => workload) });
    } catch (error) {
      if (!(error instanceof TargetError)) throw error;
      planned.set(id, { problem: error.message });
    }
  }
  return planned;
}
