import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { readConfigFiles } from '@hikyaku/config';
import type { Config } from '@hikyaku/config';
import { isProviderError, systemClock } from '@hikyaku/core';
import type { CallOptions, Logger } from '@hikyaku/core';
import { LastGoodConfig, OWN } from '@hikyaku/kubernetes';
import { connectCluster, ensureNamespace } from '../connect-cluster.ts';
import type { Cluster } from '../connect-cluster.ts';
import { SealedValues } from '../credentials/sealed-values.ts';
import type { Edge } from '../edge.ts';
import { grantAgain, loadGranted } from '../grants/load-granted.ts';
import type { ClusterIdentity } from '../identity/cluster-identity.ts';
import { here } from '../identity/here.ts';
import { agentIdentity } from '../identity/open-identity.ts';
import { isInPod } from '../in-pod.ts';
import { LoadedPlugIns } from '../plugins/agent-providers.ts';
import { UserError } from '../user-error.ts';
import { ChangedWords } from './changed-words.ts';
import { configMapInput, fileInput } from './config-input.ts';
import type { ConfigInput } from './config-input.ts';
import { LiveConfig } from './live-config.ts';
import type { LiveConfigOptions } from './live-config.ts';
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
  const loadedPlugIns = new LoadedPlugIns();
  // Paths in it are as if it were mounted where the install files mount it.
  const options = { ...given, loadedPlugIns, ...(given.configMap === true && { config: MOUNTED }) };
  const words = new ChangedWords(logger);
  const loading: Loading = {
    load: async (files) => {
      words.next();
      return await loadGranted(options, edge, words.logger, files);
    },
    grantAgain: (config) => grantAgain(config, options, edge, words.logger),
  };
  // In a pod the API server is asked for the grants first; elsewhere a wrong config ends it at once.
  const isAtHand = !inPod && given.configMap !== true;
  const byNow = isAtHand ? await loadNow(options.config, loading) : loading;
  return await retrying(() => startOnce(options, edge, logger, inPod, byNow), logger, edge);
}

type Loading = Pick<LiveConfigOptions, 'load' | 'grantAgain'>;

/** What is loaded now is not loaded a second time while nothing has changed. */
async function loadNow(path: string, loading: Loading): Promise<Loading> {
  const first = await readConfigFiles(path);
  const granted = await loading.load(first);
  return {
    ...loading,
    load: async (files) => (isDeepStrictEqual(files, first) ? granted : await loading.load(files)),
  };
}

const MOUNTED = '/etc/hikyaku/hikyaku.yaml';

async function startOnce(
  options: RunOptions,
  edge: Edge,
  logger: Logger,
  inPod: boolean,
  loading: Loading,
): Promise<Started> {
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
        ...loading,
        async here(config: Config, call: CallOptions) {
          if (identity !== undefined) {
            await identity.goBy(config.recipients, call).catch((error: unknown) => {
              if (isProviderError(error) && error.code === 'INVALID_CONFIG') throw new UserError(error.message);
              throw error;
            });
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
