import { access } from 'node:fs/promises';
import { formatProblems, GRANTS_CONFIG_MAP, grantsData, readGrantsData, readPolicyGrants } from '@hikyaku/config';
import { isKubeError } from '@hikyaku/kube-client';
import { openKube } from '../connect-cluster.ts';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import { grantsBeside } from '../grants/grants-beside.ts';
import type { HeldGrants } from '../grants/held-grants.ts';
import { needsOf } from '../grants/needs.ts';
import { plugInFiles } from '../grants/plug-in-files.ts';
import { smallestGrants } from '../grants/smallest-grants.ts';
import { isInPod } from '../in-pod.ts';
import { loadConfigFile } from '../load-config-file.ts';
import type { LoadConfigOptions } from '../load-config-file.ts';
import { ownNamespace } from '../own-namespace.ts';
import { UserError } from '../user-error.ts';

/**
 * With --context, --kubeconfig or in a pod those of the cluster; else those beside the config; else the least that the config needs; `undefined` where
 * there is no config. Throws UserError, ConfigError, and KubeError where the API server cannot be asked.
 */
export async function grantsAtHand(options: LoadConfigOptions, edge: Edge): Promise<HeldGrants | undefined> {
  const { context, kubeconfig, config } = options;
  const held =
    context !== undefined || kubeconfig !== undefined || isInPod(edge)
      ? await grantsInCluster(options, edge)
      : ((await grantsBeside(config)) ?? (await grantsNeeded(options, edge)));
  const problems = held?.problems ?? [];
  if (problems.length > 0) throw new UserError(formatProblems(problems));
  return held;
}

async function grantsInCluster(options: LoadConfigOptions, edge: Edge): Promise<HeldGrants> {
  const { client, loaded } = openKube(options, edge);
  const cluster = loaded.inCluster ? 'this cluster' : loaded.context;
  const namespace = ownNamespace(options, edge);
  try {
    const { data = {} } = await client.configMaps.get(namespace, GRANTS_CONFIG_MAP, edge);
    const where = `the ConfigMap ${namespace}/${GRANTS_CONFIG_MAP} of ${cluster}`;
    return { ...readGrantsData(data, `${where}, grants.yaml`), where };
  } catch (error) {
    if (!isKubeError(error) || error.code !== 'NOT_FOUND') throw error;
    throw new UserError(
      `there is no ConfigMap ${namespace}/${GRANTS_CONFIG_MAP} in ${cluster}: an agent with our rights writes no Secret there until it is applied`,
      EXIT.failed,
    );
  } finally {
    await client.close();
  }
}

async function grantsNeeded(options: LoadConfigOptions, edge: Edge): Promise<HeldGrants | undefined> {
  const exists = await access(options.config).then(
    () => true,
    () => false,
  );
  if (!exists) return undefined;
  const config = await loadConfigFile(options, edge);
  const plugIns = await plugInFiles(config, options.config, options.plugin);
  const grants = smallestGrants(needsOf(config, options.config, plugIns));
  const policy = readPolicyGrants(grantsData(grants));
  const where = `the least that ${options.config} needs, as hikyaku grants prints it; hikyaku manifests grants more, unless it is told --rights named`;
  return { grants, policy, problems: [], isMissing: false, disagreeing: [], where };
}
