import type { Config, SourceConfig } from '@hikyaku/config';
import { systemClock } from '@hikyaku/core';
import type { SecretsClient } from '@hikyaku/core';
import type { KubeClient } from '@hikyaku/kube-client';
import { openKube } from '../connect-cluster.ts';
import type { ConnectOptions } from '../connect-cluster.ts';
import type { Edge } from '../edge.ts';
import { loadGranted } from '../grants/load-granted.ts';
import { SealedValues } from '../credentials/sealed-values.ts';
import type { IdentityOptions } from '../identity/identity-options.ts';
import { personIdentity } from '../identity/open-identity.ts';
import { commandLogger } from '../logging.ts';
import { ownNamespace } from '../own-namespace.ts';
import { SourceConnections } from '../source-connections.ts';
import { UserError } from '../user-error.ts';

/** One source, open for a person. */
export interface OpenSource extends AsyncDisposable {
  readonly config: Config;
  readonly source: SourceConfig;
  readonly client: SecretsClient;
}

/** Opens one source of the config. A cluster is reached only where a credential, or the source itself, is kept in one. */
export async function openSource(
  name: string,
  options: ConnectOptions & IdentityOptions,
  edge: Edge,
): Promise<OpenSource> {
  const logger = await commandLogger(options, edge, edge.stderr, 'error');
  const { config, limits } = await loadGranted(options, edge, logger);
  const source = config.sources.get(name);
  if (source === undefined) {
    const names = [...config.sources.keys()].join(', ') || 'none';
    throw new UserError(`there is no source ${name} in ${options.config}; there are: ${names}`);
  }
  let kube: KubeClient | undefined;
  const client = () => (kube ??= openKube(options, edge).client);
  const namespace = ownNamespace(options, edge);
  const connections = new SourceConnections({
    env: edge.env,
    get client() {
      return client();
    },
    namespace,
    clock: systemClock,
    ...limits,
    logger,
    sealed: new SealedValues(
      personIdentity(options, { config, client, access: { agent: namespace, proof: 'look' }, edge }),
    ),
  });
  async function close(): Promise<void> {
    await connections[Symbol.asyncDispose]();
    await kube?.close();
  }
  try {
    const opened = await connections.connect(source);
    return {
      config,
      source,
      client: opened,
      async [Symbol.asyncDispose]() {
        await opened[Symbol.asyncDispose]?.();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The same, for a command that writes: a source that can only be read is a clear error before anything is asked. */
export async function openWritableSource(
  name: string,
  options: ConnectOptions & IdentityOptions,
  edge: Edge,
): Promise<OpenSource> {
  const opened = await openSource(name, options, edge);
  if (opened.client.write !== undefined) return opened;
  await opened[Symbol.asyncDispose]();
  throw new UserError(
    `${name} can only be read: its provider, ${opened.source.provider.type}, writes nothing, or not with these settings`,
  );
}
