import { dirname } from 'node:path';

import type { Config } from '@hikyaku/config';
import { systemClock } from '@hikyaku/core';
import type { CallOptions, Logger } from '@hikyaku/core';
import { LastGoodConfig, OWN } from '@hikyaku/kubernetes';
import { connectCluster, ensureNamespace } from '../connect-cluster.ts';
import type { Cluster } from '../connect-cluster.ts';
import { SealedValues } from '../credentials/sealed-values.ts';
import type { Edge } from '../edge.ts';
import { isInPod } from '../grants/cluster-grants.ts';
import { loadGranted } from '../grants/load-granted.ts';
import type { ClusterIdentity } from '../identity/cluster-identity.ts';
import { here } from '../identity/here.ts';
import { agentIdentity } from '../identity/open-identity.ts';
import { configMapInput, fileInput } from './config-input.ts';
import type { ConfigInput } from './config-input.ts';
import { LiveConfig } from './live-config.ts';
import { retrying } from './retrying.ts';
import type { RunOptions } from './run-options.ts';

/** A daemon that has found its cluster and its config. */
export interface Started extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly identity: ClusterIdentity;
  readonly sealed: SealedValues;
  readonly input: ConfigInput;
  readonly live: LiveConfig;
  /** It is held to the grants of the cluster. */
  readonly inPod: boolean;
}

/** Waits for the API server as long as it takes; `undefined` when it was told to stop meanwhile. */
export async function start(given: RunOptions, edge: Edge, logger: Logger): Promise<Started | undefined> {
  const inPod = isInPod(edge);
  // Paths in it are as if it were mounted where the install files mount it.
  const options = given.configMap === true ? { ...given, config: MOUNTED } : given;
  // In a pod the API server is asked for the grants first; elsewhere a wrong config ends it at once.
  if (!inPod && given.configMap !== true) await loadGranted(options, edge, logger);
  return await retrying(() => startOnce(options, edge, logger, inPod), logger, edge);
}

const MOUNTED = '/etc/hikyaku/hikyaku.yaml';

async function startOnce(options: RunOptions, edge: Edge, logger: Logger, inPod: boolean): Promise<Started> {
  const cluster = await connectCluster(options, edge, logger);
  try {
    const { client, access } = cluster;
    await ensureNamespace(cluster, edge, options.yes ?? false);
    const input =
      options.configMap === true
        ? configMapInput(client, { namespace: access.agent, name: OWN.config, folder: dirname(MOUNTED) })
        : fileInput(options.config, systemClock);
    let identity: ClusterIdentity | undefined;
    const live = await LiveConfig.open(
      {
        input,
        lastGood: inPod ? new LastGoodConfig(client, access) : undefined,
        load: (files) => loadGranted(options, edge, logger, files),
        async here(config: Config, call: CallOptions) {
          if (identity !== undefined) {
            await identity.goBy(config.recipients, call);
          } else {
            identity = agentIdentity(options, { config, client, access, edge, logger });
            await identity.start(call);
          }
          return await here(config, identity, call);
        },
        logger,
      },
      edge,
    );
    if (identity === undefined) throw new TypeError('a config is in force, and nobody asked whose it is');
    return {
      cluster,
      identity,
      sealed: new SealedValues(identity),
      input,
      live,
      inPod,
      [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
    };
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}
