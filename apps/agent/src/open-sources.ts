import type { Config, SourceConfig } from '@hikyaku/config';
import type { SecretsClient } from '@hikyaku/core';
import { demands, Source } from '@hikyaku/engine';
import type { SnapshotArchive } from '@hikyaku/engine';
import { SourceConnections } from './source-connections.ts';
import type { SourceConnectionsOptions } from './source-connections.ts';

export interface OpenSourcesOptions extends SourceConnectionsOptions {
  readonly snapshots: SnapshotArchive;
}

/** The sources in use: connected on their first read. */
export interface OpenSources extends AsyncDisposable {
  readonly sources: ReadonlyMap<string, Source>;
  /** One more connection, for what is not read: its own, as a client reads one thing at a time. */
  connect(source: SourceConfig): Promise<SecretsClient>;
}

/** Only sources that some Secret uses; the others cost nothing. */
export function openSources(config: Config, options: OpenSourcesOptions): OpenSources {
  const { clock, snapshots } = options;
  const connections = new SourceConnections(options);
  const sources = new Map<string, Source>();
  for (const [name, demand] of demands(config.secrets)) {
    const configured = config.sources.get(name);
    if (configured === undefined) throw new TypeError(`the config lets an unknown source through: ${name}`);
    const { refresh: schedule, snapshot } = configured;
    const identity = identityOf(configured);
    const kept = snapshot && { kept: { identity, archive: snapshots } };
    const connect = () => connections.connect(configured);
    sources.set(name, new Source({ name, demand, clock, schedule, connect, ...kept }));
  }
  return {
    sources,
    connect: (source) => connections.connect(source),
    async [Symbol.asyncDispose]() {
      await Promise.all([...sources.values()].map((source) => source[Symbol.asyncDispose]()));
      await connections[Symbol.asyncDispose]();
    },
  };
}

/** Which data a source is, whatever its provider calls it. */
export function identityOf({ provider, description }: SourceConfig): string {
  return `${provider.type} ${description.identity}`;
}
