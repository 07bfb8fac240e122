import type { Config } from '@hikyaku/config';
import { systemClock } from '@hikyaku/core';
import type { Logger } from '@hikyaku/core';
import { demands, Reconciler } from '@hikyaku/engine';
import type { Holds, Report, Source, Target } from '@hikyaku/engine';
import { ConfigMapInventory, KubernetesTarget, loadHmacKey, SecretSnapshots } from '@hikyaku/kubernetes';
import type { Cluster } from './connect-cluster.ts';
import { Credentials } from './credentials.ts';
import type { Edge } from './edge.ts';
import { EXIT } from './exit-code.ts';
import type { SourceLimits } from './grants/source-limits.ts';
import { openSources } from './open-sources.ts';
import { UserError } from './user-error.ts';

export interface AgentOptions extends SourceLimits {
  readonly config: Config;
  readonly cluster: Cluster;
  readonly edge: Edge;
  readonly logger: Logger;
  readonly report: Report;
  /** Only looks: makes nothing in the agent's namespace. */
  readonly readOnly?: boolean;
}

/** Everything wired together for one config and one cluster. */
export interface Agent extends AsyncDisposable {
  readonly sources: ReadonlyMap<string, Source>;
  readonly target: Target;
  readonly reconciler: Reconciler;
  readonly snapshots: SecretSnapshots;
}

/** Throws TargetError where the agent's own objects cannot be read. */
export async function createAgent({
  config,
  cluster,
  edge,
  logger,
  report,
  readOnly = false,
  ...limits
}: AgentOptions): Promise<Agent> {
  const { client, access } = cluster;
  const onUnreadable = (entry: string) => logger.warn({ entry }, 'inventory entry makes no sense: passed over');
  const inventory = new ConfigMapInventory({ client, access, onUnreadable });
  await inventory.reload(edge);
  const hmacKey = await loadHmacKey(client, access, { signal: edge.signal, readOnly });
  const target = new KubernetesTarget({ client, access, hmacKey });
  const onProblem = (source: string, problem: string) => logger.warn({ source, problem }, 'snapshot not kept');
  const snapshots = await SecretSnapshots.open({ client, access, readOnly, onProblem }, edge);
  const opened = openSources(config, {
    env: edge.env,
    client,
    namespace: access.agent,
    clock: systemClock,
    ...limits,
    logger,
    snapshots,
  });
  const { sources } = opened;
  const reconciler = new Reconciler({
    specs: config.secrets,
    sources,
    target,
    inventory,
    holds: holdsOf(config),
    report,
    clock: systemClock,
  });
  return { sources, target, reconciler, snapshots, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() };
}

function holdsOf({ hold, sources }: Config): Holds {
  const lostKeys = new Map(
    [...sources].map(([name, source]) => [name, source.hold === 'off' ? source.hold : source.hold.lostKeys]),
  );
  return { lostSecrets: hold === 'off' ? hold : hold.lostSecrets, lostKeys };
}

/** Before anything is touched: a one-shot command does not start with half of its credentials. */
export async function requireCredentials(
  config: Config,
  { client, access }: Cluster,
  { checkFile }: SourceLimits,
  edge: Edge,
): Promise<void> {
  const surroundings = { env: edge.env, client, namespace: access.agent, clock: systemClock, checkFile };
  const used = [...demands(config.secrets).keys()].flatMap((name) => config.sources.get(name) ?? []);
  const problems = await Promise.all(used.map((source) => new Credentials(source, surroundings).problems(edge)));
  if (problems.flat().length > 0) throw new UserError(problems.flat().join('\n'), EXIT.usage);
}
