import type { ClusterConfig, Config } from '@hikyaku/config';
import { systemClock } from '@hikyaku/core';
import type { Logger } from '@hikyaku/core';
import { demands, Reconciler, secretId } from '@hikyaku/engine';
import type { Holds, PushOrigin, Report, Source, SourcePushes, Target } from '@hikyaku/engine';
import {
  ConfigMapInventory,
  ConfigMapPushInventory,
  KubernetesPushOrigin,
  KubernetesTarget,
  loadHmacKey,
  SecretSnapshots,
} from '@hikyaku/kubernetes';
import type { Cluster } from './connect-cluster.ts';
import { Credentials } from './credentials/credentials.ts';
import type { SealedValues } from './credentials/sealed-values.ts';
import type { Edge } from './edge.ts';
import { EXIT } from './exit-code.ts';
import type { HeldGrants } from './grants/held-grants.ts';
import type { SourceLimits } from './grants/source-limits.ts';
import { openSources } from './open-sources.ts';
import { openPushes } from './pushes/open-pushes.ts';
import { UserError } from './user-error.ts';

export interface AgentOptions extends SourceLimits {
  /** What is for this cluster. */
  readonly config: Config;
  /** What may be. */
  readonly undecided: ClusterConfig['undecided'];
  /** What it is held to, in a pod. */
  readonly held: HeldGrants | undefined;
  readonly cluster: Cluster;
  readonly edge: Edge;
  readonly logger: Logger;
  readonly report: Report;
  /** Opens what is sealed; absent: nothing can be. */
  readonly sealed?: SealedValues | undefined;
  /** Only looks: makes nothing in the agent's namespace. */
  readonly readOnly?: boolean;
}

/** Everything wired together for one config and one cluster. */
export interface Agent extends AsyncDisposable {
  readonly sources: ReadonlyMap<string, Source>;
  readonly target: Target;
  readonly reconciler: Reconciler;
  readonly snapshots: SecretSnapshots;
  readonly pushes: { readonly bySource: readonly SourcePushes[]; readonly origin: PushOrigin };
}

/** Throws TargetError where the agent's own objects cannot be read. */
export async function createAgent({
  config,
  undecided,
  held,
  cluster,
  edge,
  logger,
  report,
  sealed,
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
    sealed,
    logger,
    snapshots,
  });
  const { sources } = opened;
  const pushed = new ConfigMapPushInventory({ client, access, hmacKey, onUnreadable });
  await pushed.reload(edge);
  const origin = new KubernetesPushOrigin({ client, access });
  const bySource = openPushes(config, {
    undecided: undecided.pushes,
    held,
    origin,
    inventory: pushed,
    connect: (source) => opened.connect(source),
    report,
  });
  const reconciler = new Reconciler({
    specs: config.secrets,
    undecided: new Set(undecided.secrets.map(secretId)),
    sources,
    target,
    inventory,
    holds: holdsOf(config),
    report,
    clock: systemClock,
  });
  return {
    sources,
    target,
    reconciler,
    snapshots,
    pushes: { bySource, origin },
    async [Symbol.asyncDispose]() {
      await Promise.all(bySource.map((pushes) => pushes[Symbol.asyncDispose]()));
      await opened[Symbol.asyncDispose]();
    },
  };
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
  { checkFile, unboundOrigins }: SourceLimits,
  edge: Edge,
  sealed?: SealedValues,
): Promise<void> {
  const { env } = edge;
  const limits = { checkFile, unboundOrigins };
  const surroundings = { env, client, namespace: access.agent, clock: systemClock, ...limits, sealed };
  const names = new Set([...demands(config.secrets).keys(), ...config.pushes.map(({ source }) => source)]);
  const used = [...names].flatMap((name) => config.sources.get(name) ?? []);
  const problems = await Promise.all(used.map((source) => new Credentials(source, surroundings).problems(edge)));
  if (problems.flat().length > 0) throw new UserError(problems.flat().join('\n'), EXIT.usage);
}
