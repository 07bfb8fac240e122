import { formatProblems, GRANTS_CONFIG_MAP, readGrantsData } from '@hikyaku/config';
import type { Logger } from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';
import { openKube } from '../connect-cluster.ts';
import type { Edge } from '../edge.ts';
import type { GlobalOptions } from '../global-options.ts';
import { isInPod } from '../in-pod.ts';
import { ownNamespace } from '../own-namespace.ts';
import type { HeldGrants } from './held-grants.ts';

/**
 * In a pod: what the ConfigMap `hikyaku-grants` grants; one that is missing, closed or broken grants nothing beyond what the
 * policy lets pass, and is said loudly. `undefined` elsewhere. Throws KubeError where the API server cannot be asked.
 */
export async function clusterGrants(
  options: GlobalOptions,
  edge: Edge,
  logger: Logger,
): Promise<HeldGrants | undefined> {
  if (!isInPod(edge)) return undefined;
  const where = `the ConfigMap ${ownNamespace(options, edge)}/${GRANTS_CONFIG_MAP}`;
  const data = await readData(options, edge, where, logger);
  const reading = readGrantsData(data, `${where}, grants.yaml`);
  if (reading.problems.length > 0) {
    logger.error(
      { problems: formatProblems(reading.problems).split('\n') },
      'grants.yaml cannot be read: until it is right, no plug-in runs, nothing is pushed and no source is reached',
    );
  }
  for (const word of reading.disagreeing) {
    logger.warn({ word, where }, 'grants.yaml and the key beside it differ: the API server goes by the key');
  }
  return { ...reading, where };
}

async function readData(
  options: GlobalOptions,
  edge: Edge,
  where: string,
  logger: Logger,
): Promise<Readonly<Record<string, string>>> {
  const { client } = openKube(options, edge);
  try {
    const { data = {} } = await client.configMaps.get(ownNamespace(options, edge), GRANTS_CONFIG_MAP, edge);
    if (data['grants.yaml'] === undefined) {
      logger.warn({ where }, 'no grants.yaml there: no plug-in runs and nothing is pushed');
    }
    return data;
  } catch (error) {
    if (!isKubeError(error) || (error.code !== 'NOT_FOUND' && error.code !== 'FORBIDDEN')) throw error;
    logger.warn({ where, code: error.code }, 'grants cannot be read: no plug-in runs and nothing is pushed');
    return {};
  } finally {
    await client.close();
  }
}
