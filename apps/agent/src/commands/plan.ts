import { refreshAll } from '@hikyaku/engine';
import { KubernetesWorkloads } from '@hikyaku/kubernetes';
import { Agent, requireCredentials } from '../agent.ts';
import { connectCluster } from '../connect-cluster.ts';
import type { ConnectOptions } from '../connect-cluster.ts';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { checkGrants } from '../grants/check-grants.ts';
import { loadGranted } from '../grants/load-granted.ts';
import { countUndecided, here } from '../identity/here.ts';
import type { IdentityOptions } from '../identity/identity-options.ts';
import { personIdentity } from '../identity/open-identity.ts';
import { commandLogger } from '../logging.ts';
import { clusterText } from '../output/cluster-text.ts';
import { count } from '../output/count.ts';
import { grantsJson, grantsText } from '../output/grants-text.ts';
import { hasChanges, hasProblems, planJson, planText } from '../output/plan-text.ts';
import { Progress, readingText } from '../output/progress.ts';
import { pushesJson, pushesText } from '../output/pushes-text.ts';
import { sourcesJson, sourcesText } from '../output/sources-text.ts';
import { styleFor } from '../output/style.ts';
import { hasProblemRecords } from '../output/sync-text.ts';
import { undecidedJson, undecidedText } from '../output/undecided-text.ts';
import { plannedRestarts } from '../planned-restarts.ts';
import { Records } from '../records.ts';

export interface PlanOptions extends ConnectOptions, IdentityOptions {
  readonly exitCode?: boolean;
}

/** Says what `sync` would do; writes nothing. */
export async function plan(options: PlanOptions, edge: Edge): Promise<ExitCode> {
  const { stderr, stdout } = edge;
  const logger = await commandLogger(options, edge, stderr, 'error');
  const { config: whole, held, limits } = await loadGranted(options, edge, logger);
  using progress = new Progress(edge, !options.json);
  const records = new Records(logger, () => progress.show(readingText(records.sources, agent.sources.keys()) ?? ''));

  await using cluster = await connectCluster(options, edge, logger);
  const identity = personIdentity(options, {
    config: whole,
    client: () => cluster.client,
    access: cluster.access,
    edge,
  });
  const { config, undecided, sealed } = await here(whole, identity, edge);
  await requireCredentials(config, cluster, limits, edge, sealed);
  await using agent = await Agent.create({
    config,
    undecided,
    held,
    cluster,
    edge,
    limits,
    sealed,
    logger,
    report: records,
    readOnly: true,
  });
  progress.show(`reading ${count(agent.sources.size, 'source')}`);
  await refreshAll({ sources: agent.sources, report: records }, edge);
  progress.show(`looking at ${count(config.secrets.length, 'Secret')}`);
  const actions = await agent.reconciler.preview(edge);
  const restarts = await plannedRestarts(actions, new KubernetesWorkloads(cluster), edge);
  const pushes = (await Promise.all(agent.parts.pushes.bySource.map((one) => one.preview(edge)))).flat();
  const grants = await checkGrants(config, options, held);
  progress.clear();

  if (options.json) {
    const document = {
      cluster: cluster.name,
      agent: cluster.access.agent,
      sources: sourcesJson(records.sources),
      secrets: planJson(actions, restarts),
      ...pushesJson(pushes),
      ...undecidedJson(undecided),
      ...(grants && { grants: grantsJson(grants) }),
    };
    stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  } else {
    const style = styleFor(edge, stdout);
    stdout.write(clusterText(cluster, style));
    stdout.write(
      `${sourcesText(records.sources, style)}\n${planText(actions, style, restarts)}${pushesText(pushes, style)}`,
    );
    stdout.write(undecidedText(undecided, style));
    if (grants !== undefined) stdout.write(grantsText(grants, style));
  }
  if (countUndecided(undecided) > 0) return EXIT.failed;
  if (records.hasFailedSource || hasProblems(actions) || hasProblemRecords(pushes)) return EXIT.failed;
  const changes = hasChanges(actions) || pushes.some((push) => push.changes !== undefined);
  return options.exitCode && changes ? EXIT.changes : EXIT.fine;
}
