import { ProviderError } from '@hikyaku/core';
import type { Cluster } from './cluster.ts';
import type { LiveSecret } from './live-secret.ts';

/** On every Secret that an agent makes; its value is the agent's id, the namespace it lives in. */
const AGENT_LABEL = 'hikyaku.dev/agent';

/** Why a Secret that this very agent makes, or whose keys it uses, can be no source, and is not written to by a push; `undefined` for others. */
export function ownSecretRefusal({ object }: LiveSecret, cluster: Cluster): ProviderError | undefined {
  const { namespace, name, labels } = object.metadata;
  if (`${namespace}/${name}` === cluster.identitySecret)
    return new ProviderError(
      'INVALID_CONFIG',
      `Secret ${namespace}/${name} has the keys that this agent opens sealed credentials with: it can be no source`,
    );
  if (cluster.agentNamespace === undefined || labels?.[AGENT_LABEL] !== cluster.agentNamespace) return undefined;
  return new ProviderError(
    'INVALID_CONFIG',
    `Secret ${namespace}/${name} is made by this agent itself, from its own sources: name those instead`,
  );
}
