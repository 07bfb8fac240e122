import { grantsRestart } from '@hikyaku/config';
import { systemClock } from '@hikyaku/core';
import { Restarts } from '@hikyaku/engine';
import type { Report } from '@hikyaku/engine';
import { KubernetesWorkloads } from '@hikyaku/kubernetes';
import type { Agent } from '../agent.ts';
import type { Cluster } from '../connect-cluster.ts';
import type { HeldGrants } from '../grants/held-grants.ts';
import { restartRefusal, restartsLine } from '../grants/missing-grants.ts';

export interface OpenRestartsOptions {
  readonly agent: Agent;
  readonly cluster: Cluster;
  readonly report: Report;
  /** What it is held to now, in a pod. */
  readonly held: () => HeldGrants | undefined;
}

/** Restarts what uses the agent's Secrets when their data has changed; without a grant nothing is tried. */
export function openRestarts({ agent, cluster, report, held }: OpenRestartsOptions): Restarts {
  return new Restarts({
    debts: agent.reconciler,
    workloads: new KubernetesWorkloads(cluster),
    report,
    clock: systemClock,
    refusal(workload) {
      const grants = held();
      if (grants === undefined || grantsRestart(grants.policy, workload)) return undefined;
      const line = restartsLine(grants.policy, [workload]);
      return `${restartRefusal(workload)}; so that it may, ${grants.where} has to say: ${line}`;
    },
  });
}
