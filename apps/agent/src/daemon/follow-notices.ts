import { systemClock } from '@hikyaku/core';
import type { CallOptions, Logger } from '@hikyaku/core';
import type { Edge } from '../edge.ts';
import { PassedNotices } from './passed-notices.ts';
import type { RunOptions } from './run-options.ts';
import type { Started } from './start.ts';
import { takeNotices } from './take-notices.ts';
import type { TakeNoticesOptions } from './take-notices.ts';
import type { Tally } from '../metrics/tally.ts';
import type { Vitals } from './vitals.ts';

interface Surroundings {
  readonly edge: Edge;
  readonly logger: Logger;
  readonly vitals: Vitals;
  readonly tally: Tally;
}

/** Webhooks: has the engine of the replica that leads read sooner, until the signal aborts. Throws a UserError where it cannot listen. */
export async function followNotices(
  { live, cluster, sealed }: Started,
  { receiver: address, leaderElection = false }: RunOptions,
  { edge, logger, vitals, tally }: Surroundings,
  options: CallOptions,
): Promise<void> {
  if (address === undefined) return;
  const { client, access } = cluster;
  const clock = systemClock;
  const others = leaderElection ? new PassedNotices({ client, access, logger, clock }) : undefined;
  // Where nobody works yet, whoever begins reads everything.
  const tell = (source: string) => vitals.engine?.notice(source);
  const onNotice = (source: string) => {
    if (vitals.election?.isLeading === false) others?.pass(source);
    else tell(source);
  };
  const onListening: TakeNoticesOptions['onListening'] = (counts) => {
    tally.notices = counts;
  };
  const surroundings = { env: edge.env, client, namespace: access.agent, clock, sealed };
  await Promise.all([
    takeNotices({ address, live, surroundings, onNotice, onListening, logger, clock }, options),
    others?.send(options),
    others?.receive(tell, options),
  ]);
}
