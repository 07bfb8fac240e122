import { isProviderError, systemClock } from '@hikyaku/core';
import type { Logger } from '@hikyaku/core';
import { demands, Engine, TargetError } from '@hikyaku/engine';
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
import type { ClusterIdentity } from '../identity/cluster-identity.ts';
import { countUndecided, here } from '../identity/here.ts';
import type { Here } from '../identity/here.ts';
import type { IdentityOptions } from '../identity/identity-options.ts';
import { agentIdentity } from '../identity/open-identity.ts';
import { commandLogger } from '../logging.ts';
import { Records } from '../records.ts';

export interface RunOptions extends ConnectOptions, IdentityOptions {
  readonly yes?: boolean;
}

/** The daemon: until SIGTERM. */
export async function run(options: RunOptions, edge: Edge): Promise<ExitCode> {
  const logger = await commandLogger(options, edge, edge.stdout, 'info');
  const records = new Records(logger);
  while (await runAsOneCluster(options, edge, logger, records))
    logger.warn({}, 'this is another cluster now, by its identity: starting over');
  return exitCode(edge.signal);
}

/** Until it is told to stop; or until its identity says that it is another cluster: then `true`. */
async function runAsOneCluster(options: RunOptions, edge: Edge, logger: Logger, records: Records): Promise<boolean> {
  const { signal } = edge;
  await using started = await start(options, edge, logger, records);
  if (started === undefined) return false;
  const { here: place, identity, cluster, agent } = started;
  const { config, undecided } = place;
  const { agent: namespace, proof } = cluster.access;
  logger.info(
    {
      cluster: cluster.name,
      ...(place.cluster !== undefined && { recipient: place.cluster }),
      namespace,
      proof,
      sources: agent.sources.size,
      secrets: config.secrets.length,
      ...(config.pushes.length > 0 && { pushes: config.pushes.length }),
    },
    'started',
  );
  const { sources, reconciler, snapshots, target, pushes } = agent;
  const used = [...sources.keys(), ...demands(undecided.secrets).keys()];
  const kept = used.filter((name) => config.sources.get(name)?.snapshot === true);
  await snapshots.prune(new Set(kept), { signal });
  const { resyncMs } = config;
  const engine = new Engine({ sources, reconciler, target, pushes, report: records, clock: systemClock, resyncMs });
  const end = new AbortController();
  const both = AbortSignal.any([signal, end.signal]);
  const looking = identity.keep({ everyMs: lookEveryMs(config), signal: both }).finally(() => end.abort());
  try {
    await engine.run({ signal: both });
  } finally {
    end.abort();
    await looking;
  }
  if (!signal.aborted) return true;
  logger.info({}, 'stopped');
  return false;
}

/** A daemon that is told to stop has done its work. */
function exitCode({ reason }: AbortSignal): ExitCode {
  return reason === 'SIGINT' ? EXIT.interrupted : EXIT.fine;
}

/** A key that somebody replaces is used within a minute where anything may be sealed to it. */
function lookEveryMs({ recipients, resyncMs }: Config): number {
  return recipients.size === 0 ? resyncMs : Math.min(resyncMs, 60_000);
}

interface Started extends AsyncDisposable {
  readonly here: Here;
  readonly identity: ClusterIdentity;
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
      const identity = agentIdentity(options, { config, ...cluster, edge, logger });
      await identity.start(edge);
      const place = await here(config, identity, edge);
      if (countUndecided(place.undecided) > 0)
        logger.warn(
          { secrets: place.undecided.secrets.length, pushes: place.undecided.pushes.length },
          'not known which cluster this is: entries that are for certain clusters only are left as they are',
        );
      const agent = await createAgent({
        config: place.config,
        undecided: place.undecided,
        held,
        cluster,
        edge,
        ...limits,
        sealed: place.sealed,
        logger,
        report: records,
      });
      const connected = cluster;
      if (held !== undefined) logMissing(await checkGrants(place.config, options, held), logger);
      return {
        here: place,
        identity,
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
    (isKubeError(error) || isProviderError(error) || error instanceof TargetError) &&
    (PASSING.has(error.code) || ('retryable' in error && error.retryable))
  );
}
