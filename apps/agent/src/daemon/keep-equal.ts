import { systemClock } from '@hikyaku/core';
import type { CallOptions, Logger } from '@hikyaku/core';
import { demands, Engine, secretId } from '@hikyaku/engine';
import { Agent } from '../agent.ts';
import type { Cluster } from '../connect-cluster.ts';
import type { SealedValues } from '../credentials/sealed-values.ts';
import type { Edge } from '../edge.ts';
import type { Records } from '../records.ts';
import type { StatusFeed } from '../status/status-feed.ts';
import { DriftWatch } from './drift-watch.ts';
import type { CurrentConfig, LiveConfig } from './live-config.ts';
import { openRestarts } from './restarts.ts';
import { StatusAndRequests } from './status-and-requests.ts';
import type { Tally } from '../metrics/tally.ts';
import type { Vitals } from './vitals.ts';

export interface KeepEqualOptions {
  readonly live: LiveConfig;
  readonly cluster: Cluster;
  /** Asked before something is written to a provider; the client of the cluster asks by itself. */
  readonly mayWrite: () => boolean;
  readonly sealed: SealedValues;
  readonly edge: Edge;
  readonly logger: Logger;
  readonly report: Records;
  readonly vitals: Vitals;
  readonly feed: StatusFeed;
  readonly tally: Tally;
  /** Before each config that it goes by. */
  readonly onConfig: (config: CurrentConfig, isFirst: boolean) => Promise<void>;
}

/**
 * Keeps everything equal by the config that is in force, until the signal aborts; `cut` does not let it finish what it is writing. Throws TargetError
 * and KubeError where it cannot begin.
 */
export async function keepEqual(
  { live, cluster, mayWrite, sealed, edge, logger, report, vitals, feed, tally, onConfig }: KeepEqualOptions,
  { signal, cut }: CallOptions & { readonly cut?: AbortSignal },
): Promise<void> {
  let by = live.current;
  const onAnswer = (source: string, answer: string) => tally.request(source, answer);
  const surroundings = { cluster, mayWrite, sealed, edge: { ...edge, signal }, logger, report, onAnswer };
  await using agent = await Agent.create({ ...by, ...surroundings });
  await onConfig(by, true);
  tally.goBy(by.config);
  await dropUnused(agent, by, { signal });
  const engine = new Engine({
    ...agent.parts,
    reconciler: agent.reconciler,
    target: agent.target,
    report,
    clock: systemClock,
  });
  const people = { engine, live, cluster, sealed, records: report, vitals, feed, logger, clock: systemClock };
  const statusAndRequests = await StatusAndRequests.open(people, { signal });
  const drift = new DriftWatch({
    client: cluster.client,
    wanted: () => by.config.secrets.map(secretId),
    entries: () => agent.inventory.entries,
    onDrift: (ids) => engine.putAgain(ids),
    logger,
    clock: systemClock,
  });
  vitals.engine = engine;
  const ended = new AbortController();
  const both = AbortSignal.any([signal, ended.signal]);
  const restarts = openRestarts({ agent, cluster, report, held: () => by.held });
  const beside = [
    follow(both),
    statusAndRequests.run({ signal: both }),
    restarts.run({ signal: both }),
    drift.run({ signal: both }),
  ];
  const failing = Promise.all(beside).then(() => new Promise(() => {}));
  // It ends with what runs beside it: whoever tries again must not find it at work.
  const running = engine.run({ signal: both, ...(cut && { cut }) });
  try {
    await Promise.race([running, failing]);
  } finally {
    vitals.engine = undefined;
    ended.abort();
    await Promise.allSettled([running, ...beside]);
  }

  async function follow(until: AbortSignal): Promise<void> {
    try {
      for (;;) {
        await live.untilOther(by, { signal: until });
        if (until.aborted) return;
        by = live.current;
        await onConfig(by, false);
        await agent.goBy(by, (to) => engine.update(to, { signal: until }));
        drift.wantedChanged();
        const pushedTo = agent.parts.pushes.bySource.map(({ source }) => source);
        report.forgetEnded(new Set(agent.sources.keys()), new Set(pushedTo));
        tally.goBy(by.config);
        await dropUnused(agent, by, { signal: until });
      }
    } catch (error) {
      if (!until.aborted) throw error;
    }
  }
}

/** Values that nobody uses should not lie around. */
async function dropUnused(
  { sources, snapshots }: Agent,
  { whole, undecided }: CurrentConfig,
  options: CallOptions,
): Promise<void> {
  const used = [...sources.keys(), ...demands(undecided.secrets).keys()];
  await snapshots.prune(new Set(used.filter((name) => whole.sources.get(name)?.snapshot === true)), options);
}
