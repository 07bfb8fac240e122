import { randomUUID } from 'node:crypto';
import { systemClock } from '@hikyaku/core';
import type { Logger } from '@hikyaku/core';
import { LeaderElection, LeadershipLost } from '@hikyaku/kube-client';
import { OWN } from '@hikyaku/kubernetes';
import type { Cluster } from '../connect-cluster.ts';
import { guardWrites } from '../daemon/guard-writes.ts';
import { followConfig } from '../daemon/follow-config.ts';
import { keepEqual } from '../daemon/keep-equal.ts';
import type { CurrentConfig } from '../daemon/live-config.ts';
import { logConfig } from '../daemon/log-config.ts';
import { retrying } from '../daemon/retrying.ts';
import type { RunOptions } from '../daemon/run-options.ts';
import { start } from '../daemon/start.ts';
import type { Started } from '../daemon/start.ts';
import { followNotices } from '../daemon/follow-notices.ts';
import { Vitals } from '../daemon/vitals.ts';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { commandLogger } from '../logging.ts';
import { Tally } from '../metrics/tally.ts';
import { ownNamespace } from '../own-namespace.ts';
import { Records } from '../records.ts';
import { StatusFeed } from '../status/status-feed.ts';
import { UserError } from '../user-error.ts';

/** What lasts as long as the process, whichever cluster it is and whoever leads. */
interface Daemon {
  readonly options: RunOptions;
  readonly edge: Edge;
  readonly logger: Logger;
  readonly vitals: Vitals;
  readonly feed: StatusFeed;
  readonly tally: Tally;
}

/** The daemon: until SIGTERM. */
export async function run(options: RunOptions, edge: Edge): Promise<ExitCode> {
  const logger = await commandLogger(options, edge, edge.stdout, 'info');
  const shown = { vitals: new Vitals(systemClock), feed: new StatusFeed(), tally: new Tally() };
  const daemon: Daemon = { options, edge, logger, ...shown };
  await using health = await listen(daemon);
  if (health !== undefined) logger.info({ port: health.port }, 'answering probes');
  await using _ = await showPage(daemon);
  while (await runAsOneCluster(daemon)) logger.warn({}, 'this is another cluster now, by its identity: starting over');
  // A daemon that is told to stop has done its work.
  return edge.signal.reason === 'SIGINT' ? EXIT.interrupted : EXIT.fine;
}

async function listen({ options, vitals, feed, tally }: Daemon) {
  const { health: address } = options;
  if (address === undefined) return undefined;
  const { live, ready } = vitals;
  const metrics = async () => {
    const { metricsText } = await import('../metrics/metrics-text.ts');
    return await metricsText(feed, tally);
  };
  const { startHealth } = await import('../daemon/health.ts');
  return await startHealth({ address, live, ready, metrics }).catch((error: unknown) => {
    const why = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new UserError(`--health: port ${address.port} cannot be used (${why}): choose another one`);
  });
}

async function showPage({ options, edge, logger, vitals, feed }: Daemon) {
  const { page: address } = options;
  if (address === undefined) return undefined;
  const { openPage } = await import('../page/open-page.ts');
  return await openPage({ address, namespace: ownNamespace(options, edge), feed, vitals, logger }, edge);
}

/** Until it is told to stop; or until identity and config say that this is another cluster: then `true`. */
async function runAsOneCluster(daemon: Daemon): Promise<boolean> {
  const { options, edge, logger, vitals, tally } = daemon;
  const { signal } = edge;
  await using started = await start(options, edge, logger);
  if (started === undefined) return false;
  const { live, identity, input, inPod, cluster } = started;
  const end = new AbortController();
  const both = AbortSignal.any([signal, end.signal]);
  const whichCluster = live.current.cluster;
  const grants = inPod ? { client: cluster.client, namespace: cluster.access.agent } : undefined;
  const beside = [
    identity.keep({ everyMs: () => lookEveryMs(live.current), signal: both }).then(() => end.abort()),
    followConfig({ live, input, grants, logger, clock: systemClock }, { signal: both }),
    followNotices(started, options, { edge, logger, vitals, tally }, { signal: both }),
    untilAnother(started, whichCluster, both).then(() => end.abort()),
  ];
  const leading = lead(started, daemon, both);
  try {
    await Promise.race([leading, failing(beside)]);
  } finally {
    end.abort();
    await Promise.allSettled([leading, ...beside]);
  }
  if (!signal.aborted) return true;
  logger.info({}, 'stopped');
  return false;
}

/** Keeps everything equal while this process may. */
async function lead(
  { live, cluster, sealed }: Started,
  { options, edge, logger, vitals, feed, tally }: Daemon,
  signal: AbortSignal,
): Promise<void> {
  const onConfig = (config: CurrentConfig, isFirst: boolean) =>
    logConfig(config, cluster, options, logger, isFirst ? 'started' : 'config changed');
  const keep = (
    by: Cluster,
    until: { readonly signal: AbortSignal; readonly cut?: AbortSignal },
    mayWrite = () => true,
  ) => {
    // Of what was said while it led before, another replica may have ended anything.
    const report = new Records(logger);
    tally.follow(report);
    return retrying(
      () =>
        keepEqual({ live, cluster: by, mayWrite, sealed, edge, logger, report, vitals, feed, tally, onConfig }, until),
      logger,
      until,
    );
  };
  if (options.leaderElection !== true) return await keep(cluster, { signal });

  const { client, access } = cluster;
  const candidate = `${edge.env['HOSTNAME'] ?? 'hikyaku'}_${randomUUID()}`;
  const onError = (error: unknown) => logger.warn({ error }, 'lease cannot be had');
  const election = new LeaderElection({ client, namespace: access.agent, name: OWN.lease, candidate, onError });
  vitals.election = election;
  const mayWrite = () => election.isLeading;
  const guarded = { ...cluster, client: guardWrites(client, mayWrite) };
  logger.info({ candidate }, 'waiting to lead');
  try {
    await election.run(
      async (leading) => {
        logger.info({ candidate }, 'leading');
        const cut = new AbortController();
        leading.addEventListener('abort', () => {
          if (leading.reason instanceof LeadershipLost) cut.abort(leading.reason);
        });
        await keep(guarded, { signal: leading, cut: cut.signal }, mayWrite);
        if (!signal.aborted) logger.warn({ candidate, leader: election.leader }, 'leading no more');
      },
      { signal },
    );
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    vitals.election = undefined;
  }
}

/** Resolves when the config in force says that this is another cluster. */
async function untilAnother({ live }: Started, before: string | undefined, signal: AbortSignal): Promise<void> {
  for (let { current } = live; !signal.aborted && current.cluster === before; { current } = live)
    await live.untilOther(current, { signal });
}

/** Never resolves; rejects with what one of them rejects with. */
async function failing(work: readonly Promise<unknown>[]): Promise<never> {
  await Promise.all(work);
  return await new Promise(() => {});
}

/** A key that somebody replaces is used within a minute where anything may be sealed to it. */
function lookEveryMs({ whole: { recipients, resyncMs } }: CurrentConfig): number {
  return recipients.size === 0 ? resyncMs : Math.min(resyncMs, 60_000);
}
