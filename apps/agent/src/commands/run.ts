import { systemClock } from '@hikyaku/core';
import type { Logger } from '@hikyaku/core';
import { Engine, TargetError } from '@hikyaku/engine';
import { isKubeError } from '@hikyaku/kube-client';
import type { Config } from '@hikyaku/config';
import { createAgent } from '../agent.ts';
import type { Agent } from '../agent.ts';
import { connectCluster, ensureNamespace } from '../connect-cluster.ts';
import type { Cluster, ConnectOptions } from '../connect-cluster.ts';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { checkGrants } from '../grants/check-grants.ts';
import type { GrantsCheck } from '../grants/check-grants.ts';
import { isInPod } from '../grants/cluster-grants.ts';
import { loadGranted } from '../grants/load-granted.ts';
import { commandLogger } from '../logging.ts';
import { Records } from '../records.ts';

export interface RunOptions extends ConnectOptions {
  readonly yes?: boolean;
}

/** The daemon: until SIGTERM. */
export async function run(options: RunOptions, edge: Edge): Promise<ExitCode> {
  const { stdout, signal } = edge;
  const logger = await commandLogger(options, edge, stdout, 'info');
  const records = new Records(logger);

  await using started = await start(options, edge, logger, records);
  if (started === undefined) return exitCode(signal);
  const { config, cluster, agent } = started;
  const { agent: namespace, proof } = cluster.access;
  logger.info(
    {
      cluster: cluster.name,
      namespace,
      proof,
      sources: agent.sources.size,
      secrets: config.secrets.length,
      ...(config.pushes.length > 0 && { pushes: config.pushes.length }),
    },
    'started',
  );
  const { sources, reconciler, snapshots, target, pushes } = agent;
  const kept = [...sources.keys()].filter((name) => config.sources.get(name)?.snapshot === true);
  await snapshots.prune(new Set(kept), { signal });
  const { resyncMs } = config;
  const engine = new Engine({ sources, reconciler, target, pushes, report: records, clock: systemClock, resyncMs });
  await engine.run({ signal });
  logger.info({}, 'stopped');
  return exitCode(signal);
}

/** A daemon that is told to stop has done its work. */
function exitCode({ reason }: AbortSignal): ExitCode {
  return reason === 'SIGINT' ? EXIT.interrupted : EXIT.fine;
}

interface Started extends AsyncDisposable {
  readonly config: Config;
  readonly cluster: Cluster;
  readonly agent: Agent;
}

/** Waits for the API server as long as it takes; `undefined` when it was told to stop meanwhile. */
async function start(options: RunOptions, edge: Edge, logger: Logger, records: Records): Promise<Started | undefined> {
  // In a pod the API server is asked for the grants first; elsewhere a wrong config ends it at once.
  let loaded = isInPod(edge) ? undefined : await loadGranted(options, edge, logger);
  for (let delayMs = 1_000; ; delayMs = Math.min(delayMs * 2, 60_000)) {
    let cluster: Cluster | undefined;
    try {
      cluster = await connectCluster(options, edge, logger);
      await ensureNamespace(cluster, edge, options.yes ?? false);
      loaded ??= await loadGranted(options, edge, logger);
      const { config, held, limits } = loaded;
      const agent = await createAgent({
        config,
        held,
        cluster,
        edge,
        ...limits,
        logger,
        report: records,
      });
      const connected = cluster;
      if (held !== undefined) logMissing(await checkGrants(config, options, held), logger);
      return {
        config,
        cluster,
        agent,
        async [Symbol.asyncDispose]() {
          await agent[Symbol.asyncDispose]();
          await connected[Symbol.asyncDispose]();
        },
      };
    } catch (error) {
      await cluster?.[Symbol.asyncDispose]();
      if (edge.signal.aborted) return undefined;
      if (!isPassing(error)) throw error;
      logger.warn({ error, retryInMs: delayMs }, 'cluster unreachable');
      await systemClock.sleep(delayMs, edge).catch(() => {});
    }
  }
}

/** What is asked for and refused is said once, with what would let it pass; each refusal is said again where it happens. */
function logMissing(check: GrantsCheck | undefined, logger: Logger): void {
  for (const { code, entry, message, line } of check?.missing ?? []) {
    logger.warn({ code, entry, message, ...(line !== undefined && { line }) }, 'not granted');
  }
}

/** An API server that has just started answers 403 until it has loaded its rules; and a person may apply the rights after the agent. */
const PASSING: ReadonlySet<string> = new Set([
  'UNAVAILABLE',
  'FORBIDDEN',
  'NOT_GRANTED',
  'UNAUTHENTICATED',
  'UNEXPECTED',
]);

function isPassing(error: unknown): boolean {
  return (
    (isKubeError(error) || error instanceof TargetError) &&
    (PASSING.has(error.code) || ('retryable' in error && error.retryable))
  );
}
