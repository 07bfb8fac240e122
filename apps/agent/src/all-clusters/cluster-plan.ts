import type { ClusterConfig } from '@hikyaku/config';
import { refreshAll } from '@hikyaku/engine';
import type { Action, PushRecord, SecretId, SourceRecord } from '@hikyaku/engine';
import { KubernetesWorkloads } from '@hikyaku/kubernetes';
import type { Cluster, ConnectOptions } from '../connect-cluster.ts';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { checkGrants } from '../grants/check-grants.ts';
import type { GrantsCheck } from '../grants/check-grants.ts';
import { countUndecided } from '../identity/here.ts';
import type { IdentityOptions } from '../identity/identity-options.ts';
import { openOneShot } from '../one-shot.ts';
import { count } from '../output/count.ts';
import { grantsJson } from '../output/grants-text.ts';
import { hasChanges, hasProblems, planJson } from '../output/plan-text.ts';
import { readingText } from '../output/progress.ts';
import { pushesJson } from '../output/pushes-text.ts';
import { sourcesJson } from '../output/sources-text.ts';
import { hasProblemRecords } from '../output/sync-text.ts';
import { undecidedJson } from '../output/undecided-text.ts';
import { plannedRestarts } from '../planned-restarts.ts';
import type { PlannedRestart } from '../planned-restarts.ts';

export interface PlanOptions extends ConnectOptions, IdentityOptions {
  readonly exitCode?: boolean;
}

/** What `sync` would do in one cluster. */
export interface ClusterPlan {
  readonly cluster: Pick<Cluster, 'name' | 'access'>;
  readonly sources: ReadonlyMap<string, SourceRecord>;
  readonly actions: readonly Action[];
  readonly restarts: ReadonlyMap<SecretId, PlannedRestart>;
  readonly pushes: readonly PushRecord[];
  readonly undecided: ClusterConfig['undecided'];
  readonly grants: GrantsCheck | undefined;
  readonly exitCode: ExitCode;
}

/** Asks the sources and looks at the Secrets; writes nothing. */
export async function planCluster(
  options: PlanOptions,
  edge: Edge,
  onProgress: (texts: readonly string[]) => void,
): Promise<ClusterPlan> {
  const onRecord = () => onProgress([readingText(records.sources, agent.sources.keys()) ?? '']);
  await using oneShot = await openOneShot(options, edge, { readOnly: true, onRecord });
  const { config, undecided, held, cluster, agent, records } = oneShot;

  onProgress([`reading ${count(agent.sources.size, 'source')}`]);
  await refreshAll({ sources: agent.sources, report: records }, edge);
  onProgress([`looking at ${count(config.secrets.length, 'Secret')}`]);
  const actions = await agent.reconciler.preview(edge);
  const restarts = await plannedRestarts(actions, new KubernetesWorkloads(cluster), edge);
  const pushes = (await Promise.all(agent.parts.pushes.bySource.map((one) => one.preview(edge)))).flat();
  const grants = await checkGrants(config, options, held);
  onProgress([]);
  return {
    cluster: { name: cluster.name, access: cluster.access },
    sources: records.sources,
    actions,
    restarts,
    pushes,
    undecided,
    grants,
    exitCode: exitCodeOf(),
  };

  function exitCodeOf(): ExitCode {
    if (countUndecided(undecided) > 0) return EXIT.failed;
    if (records.hasFailedSource || hasProblems(actions) || hasProblemRecords(pushes)) return EXIT.failed;
    const changes = hasChanges(actions) || pushes.some((push) => push.changes !== undefined);
    return options.exitCode && changes ? EXIT.changes : EXIT.fine;
  }
}

/** The same for scripts. */
export function clusterPlanJson({
  cluster,
  sources,
  actions,
  restarts,
  pushes,
  undecided,
  grants,
}: ClusterPlan): object {
  return {
    cluster: cluster.name,
    agent: cluster.access.agent,
    sources: sourcesJson(sources),
    secrets: planJson(actions, restarts),
    ...pushesJson(pushes),
    ...undecidedJson(undecided),
    ...(grants && { grants: grantsJson(grants) }),
  };
}
