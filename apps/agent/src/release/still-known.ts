import type { CallOptions } from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';
import { StatusObject } from '@hikyaku/kubernetes';
import type { Edge } from '../edge.ts';
import { ConfigError, loadConfigFile } from '../load-config-file.ts';
import type { LoadConfigOptions } from '../load-config-file.ts';
import type { ReachedAgent } from '../status/ask-agent.ts';

/** By whom the Secrets are still wanted. */
export interface StillKnown {
  /** `file:line` of the entry in the config at hand, by `namespace/name`. */
  readonly inConfig: ReadonlyMap<string, string>;
  /** An agent has reported there: it may be running. */
  readonly agentReports: boolean;
}

/** Hints only: what cannot be read says nothing. */
export async function stillKnown(options: LoadConfigOptions, agent: ReachedAgent, edge: Edge): Promise<StillKnown> {
  const [inConfig, agentReports] = await Promise.all([entriesAtHand(options, edge), hasReported(agent, edge)]);
  return { inConfig, agentReports };
}

async function entriesAtHand(options: LoadConfigOptions, edge: Edge): Promise<ReadonlyMap<string, string>> {
  try {
    const { secrets } = await loadConfigFile({ ...options, plugins: false }, edge);
    return new Map(
      secrets.map(({ namespace, name, position }) => [`${namespace}/${name}`, `${position.file}:${position.line}`]),
    );
  } catch (error) {
    if (error instanceof ConfigError) return new Map();
    throw error;
  }
}

async function hasReported({ client, namespace }: ReachedAgent, { signal }: CallOptions): Promise<boolean> {
  try {
    return (await new StatusObject(client, { agent: namespace, proof: 'look' }).read({ signal })) !== undefined;
  } catch (error) {
    if (isKubeError(error) && !error.retryable) return false;
    throw error;
  }
}
