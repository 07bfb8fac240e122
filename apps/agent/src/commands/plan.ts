import { clusterPlanJson, planCluster } from '../all-clusters/cluster-plan.ts';
import type { ClusterPlan, PlanOptions } from '../all-clusters/cluster-plan.ts';
import { overClusters } from '../all-clusters/over-clusters.ts';
import { plansText } from '../all-clusters/plans-text.ts';
import { unlessProblem, worstOf } from '../all-clusters/unless-problem.ts';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { clusterText } from '../output/cluster-text.ts';
import { grantsText } from '../output/grants-text.ts';
import { planText } from '../output/plan-text.ts';
import { Progress } from '../output/progress.ts';
import { pushesText } from '../output/pushes-text.ts';
import { sourcesText } from '../output/sources-text.ts';
import { styleFor } from '../output/style.ts';
import type { Style } from '../output/style.ts';
import { undecidedText } from '../output/undecided-text.ts';
import { widthOf } from '../output/width-of.ts';
import { ownNamespace } from '../own-namespace.ts';

export interface PlanCommandOptions extends PlanOptions {
  readonly contexts?: readonly string[];
}

/** Says what `sync` would do, in one cluster or in several; writes nothing. */
export async function plan(options: PlanCommandOptions, edge: Edge): Promise<ExitCode> {
  const { stdout } = edge;
  using progress = new Progress(edge, !options.json);
  const onProgress = (text: string) => progress.show(text);
  const style = styleFor(edge, stdout);
  if (options.contexts === undefined) {
    const [one] = await overClusters(options, (given, tell) => planCluster(given, edge, tell), { onProgress });
    progress.clear();
    if (one === undefined) throw new TypeError('a cluster at hand, and no plan for it');
    stdout.write(options.json ? `${JSON.stringify(clusterPlanJson(one), null, 2)}\n` : onePlanText(one, style));
    return one.exitCode;
  }

  const planned = await overClusters(
    options,
    async (given, tell) => ({
      context: given.context ?? '',
      plan: await unlessProblem(() => planCluster(given, edge, tell), edge),
    }),
    { onProgress },
  );
  progress.clear();
  const exitCode = worstOf(planned.map((one) => one.plan.exitCode));
  if (options.json) {
    const agent = ownNamespace(options, edge);
    const clusters = planned.map(({ context, plan: one }) => {
      const ok = one.exitCode === EXIT.fine || one.exitCode === EXIT.changes;
      return { cluster: context, agent, ok, ...('problem' in one ? { problem: one.problem } : clusterPlanJson(one)) };
    });
    stdout.write(`${JSON.stringify({ ok: clusters.every(({ ok }) => ok), clusters }, null, 2)}\n`);
  } else stdout.write(plansText(planned, { width: widthOf(stdout), style }));
  return exitCode;
}

function onePlanText(one: ClusterPlan, style: Style): string {
  const { cluster, sources, actions, restarts, pushes, undecided, grants } = one;
  return [
    clusterText(cluster, style),
    `${sourcesText(sources, style)}\n${planText(actions, style, restarts)}${pushesText(pushes, style)}`,
    undecidedText(undecided, style),
    grants === undefined ? '' : grantsText(grants, style),
  ].join('');
}
