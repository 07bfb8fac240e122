import type { Config } from '@hikyaku/config';
import { systemClock } from '@hikyaku/core';
import { demands } from '@hikyaku/engine';
import { Agent } from './agent.ts';
import type { AgentConfig } from './agent.ts';
import { connectCluster, ensureNamespace } from './connect-cluster.ts';
import type { Cluster, ConnectOptions } from './connect-cluster.ts';
import { Credentials } from './credentials/credentials.ts';
import type { SealedValues } from './credentials/sealed-values.ts';
import type { Edge } from './edge.ts';
import { EXIT } from './exit-code.ts';
import type { SourceLimits } from './grants/source-limits.ts';
import { loadGranted } from './grants/load-granted.ts';
import { here } from './identity/here.ts';
import type { IdentityOptions } from './identity/identity-options.ts';
import { agentIdentity, personIdentity } from './identity/open-identity.ts';
import { commandLogger } from './logging.ts';
import { Records } from './records.ts';
import { UserError } from './user-error.ts';

export interface OneShotOptions extends ConnectOptions, IdentityOptions {
  /** The agent's own namespace is made without asking. */
  readonly yes?: boolean;
}

/** All that a command goes by which does its work once, in one cluster. */
export interface OneShot extends Omit<AgentConfig, 'limits'>, AsyncDisposable {
  readonly cluster: Cluster;
  readonly agent: Agent;
  readonly records: Records;
}

export interface OneShotKind {
  /** Makes nothing anywhere, no identity either. */
  readonly readOnly?: boolean;
  readonly onRecord: () => void;
}

/** Throws a UserError for a mistake in the config and for a credential that is missing, KubeError and TargetError where the cluster does not let it begin. */
export async function openOneShot(
  options: OneShotOptions,
  edge: Edge,
  { readOnly = false, onRecord }: OneShotKind,
): Promise<OneShot> {
  const logger = await commandLogger(options, edge, edge.stderr, 'error');
  const { config: whole, held, limits } = await loadGranted(options, edge, logger);
  const records = new Records(logger, onRecord);

  await using opened = new AsyncDisposableStack();
  const cluster = opened.use(await connectCluster(options, edge, logger));
  const { client, access } = cluster;
  const isAgent = !readOnly && access.proof === 'policy' && options.identity === undefined;
  const identity = isAgent
    ? agentIdentity(options, { config: whole, client, access, edge, logger })
    : personIdentity(options, { config: whole, client: () => client, access, edge });
  const { config, undecided, sealed } = await here(whole, identity, edge);
  await requireCredentials(config, cluster, limits, edge, sealed);
  if (!readOnly) await ensureNamespace(cluster, edge, options.yes ?? false);
  const by = { config, undecided, held, limits };
  const agent = opened.use(await Agent.create({ ...by, cluster, edge, sealed, logger, report: records, readOnly }));
  const whenDone = opened.move();
  return { config, undecided, held, cluster, agent, records, [Symbol.asyncDispose]: () => whenDone.disposeAsync() };
}

/** Before anything is touched: nothing starts with half of its credentials. */
async function requireCredentials(
  config: Config,
  { client, access }: Cluster,
  { checkFile, unboundOrigins }: SourceLimits,
  edge: Edge,
  sealed: SealedValues,
): Promise<void> {
  const { env } = edge;
  const limits = { checkFile, unboundOrigins };
  const surroundings = { env, client, namespace: access.agent, clock: systemClock, ...limits, sealed };
  const names = new Set([...demands(config.secrets).keys(), ...config.pushes.map(({ source }) => source)]);
  const used = [...names].flatMap((name) => config.sources.get(name) ?? []);
  const problems = await Promise.all(used.map((source) => new Credentials(source, surroundings).problems(edge)));
  if (problems.flat().length > 0) throw new UserError(problems.flat().join('\n'), EXIT.usage);
}
