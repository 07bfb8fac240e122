import { refreshAll } from '@hikyaku/engine';
import { createAgent, requireCredentials } from '../agent.ts';
import { connectCluster } from '../connect-cluster.ts';
import type { ConnectOptions } from '../connect-cluster.ts';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { loadConfigFile } from '../load-config-file.ts';
import { createLogger } from '../logging.ts';
import { hasChanges, hasProblems, planJson, planText } from '../output/plan-text.ts';
import { Progress } from '../output/progress.ts';
import { sourcesJson, sourcesText } from '../output/sources-text.ts';
import { hasColors, styleFor } from '../output/style.ts';
import { Records } from '../records.ts';

export interface PlanOptions extends ConnectOptions {
  readonly exitCode?: boolean;
}

/** Says what `sync` would do; writes nothing. */
export async function plan(options: PlanOptions, edge: Edge): Promise<ExitCode> {
  const config = await loadConfigFile(options);
  const { stderr, stdout } = edge;
  const pretty = stderr.isTTY === true && !options.json;
  const logger = await createLogger({
    level: options.logLevel ?? 'error',
    stream: stderr,
    pretty,
    colors: hasColors(edge.env, stderr),
  });
  const records = new Records(logger);
  const progress = new Progress(edge, !options.json);

  await using cluster = await connectCluster(options, edge, logger);
  await using agent = await createAgent({ config, cluster, edge, logger, report: records, readOnly: true });
  await requireCredentials(agent, edge);
  progress.show(`reading ${agent.sources.size} sources`);
  await refreshAll({ sources: agent.sources, report: records }, edge);
  progress.show(`looking at ${config.secrets.length} Secrets`);
  const actions = await agent.reconciler.preview(edge);
  progress.clear();

  const { agent: namespace } = cluster.access;
  if (options.json) {
    const document = {
      cluster: cluster.name,
      agent: namespace,
      sources: sourcesJson(records.sources),
      secrets: planJson(actions),
    };
    stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  } else {
    const style = styleFor(edge, stdout);
    stdout.write(`In ${style.strong(cluster.name)}, as the agent ${style.strong(namespace)}:\n\n`);
    stdout.write(`${sourcesText(records.sources, style)}\n${planText(actions, style)}`);
  }
  const sourceFailed = [...records.sources.values()].some(({ ok }) => !ok);
  if (sourceFailed || hasProblems(actions)) return EXIT.failed;
  return options.exitCode && hasChanges(actions) ? EXIT.changes : EXIT.fine;
}
