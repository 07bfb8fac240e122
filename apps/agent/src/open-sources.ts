import { isDeepStrictEqual } from 'node:util';
import { isNoticeCredential } from '@hikyaku/config';
import type { Config, CredentialReference, SourceConfig } from '@hikyaku/config';
import type { SecretsClient } from '@hikyaku/core';
import { demands, Source } from '@hikyaku/engine';
import type { Demand, SnapshotArchive } from '@hikyaku/engine';
import type { SourceLimits } from './grants/source-limits.ts';
import { SourceConnections } from './source-connections.ts';
import type { SourceConnectionsOptions } from './source-connections.ts';

export interface OpenSourcesOptions extends SourceConnectionsOptions {
  readonly snapshots: SnapshotArchive;
}

/** The sources in use by one config; the others cost nothing. Connected on their first read. */
export class OpenSources implements AsyncDisposable {
  readonly sources: ReadonlyMap<string, Source>;
  readonly #configured: ReadonlyMap<string, Configured>;
  readonly #connections: SourceConnections;
  readonly #options: OpenSourcesOptions;
  readonly #goesOn: boolean;

  /** `before`, of the config before: what is the same there is the same object here. */
  constructor(config: Config, options: OpenSourcesOptions, before?: OpenSources) {
    this.#options = options;
    const isSameReach = before !== undefined && isDeepStrictEqual(reachOf(options), reachOf(before.#options));
    this.#goesOn = isSameReach;
    const connected = before === undefined ? undefined : before.#connections;
    this.#connections = isSameReach && connected !== undefined ? connected : new SourceConnections(options, connected);
    const configuredBefore = before === undefined ? new Map<string, Configured>() : before.#configured;
    const configured = new Map<string, Configured>();
    const sources = new Map<string, Source>();
    for (const [name, demand] of demands(config.secrets)) {
      const source = config.sources.get(name);
      if (source === undefined) throw new TypeError(`the config lets an unknown source through: ${name}`);
      const old = configuredBefore.get(name);
      const known = before?.sources.get(name);
      const next = { source, demand };
      configured.set(name, next);
      const isSame = isSameReach && old !== undefined && isSameMeaning(old, next);
      sources.set(name, isSame && known !== undefined ? known : this.#open(next, old, known));
    }
    this.#configured = configured;
    this.sources = sources;
  }

  /** Whether it goes by the same connections as the one that it was made after. */
  get goesOn(): boolean {
    return this.#goesOn;
  }

  /** One more connection, for what is not read: its own, as a client reads one thing at a time. */
  connect(source: SourceConfig): Promise<SecretsClient> {
    return this.#connections.connect(source);
  }

  /** Closes what another one does not go on with. */
  async leave(next: OpenSources): Promise<void> {
    const goOn = new Set(next.sources.values());
    const gone = [...this.sources.values()].filter((source) => !goOn.has(source));
    await Promise.all(gone.map((source) => source[Symbol.asyncDispose]()));
    if (next.#connections !== this.#connections) await this.#connections[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.sources.values()].map((source) => source[Symbol.asyncDispose]()));
    await this.#connections[Symbol.asyncDispose]();
  }

  #open({ source, demand }: Configured, old: Configured | undefined, known: Source | undefined): Source {
    const { clock, snapshots } = this.#options;
    // Not by way of `this`, which would keep all sources of this config as long as one of them.
    const connections = this.#connections;
    const { name, refresh: schedule, snapshot } = source;
    const identity = identityOf(source);
    const isSameData =
      old !== undefined && identity === identityOf(old.source) && isDeepStrictEqual(demand, old.demand);
    return new Source({
      name,
      demand,
      clock,
      schedule,
      connect: () => connections.connect(source),
      ...(snapshot && { kept: { identity, archive: snapshots } }),
      ...(isSameData && known !== undefined && { before: known }),
    });
  }
}

interface Configured {
  readonly source: SourceConfig;
  readonly demand: Demand;
}

/** Which data a source is, whatever its provider calls it. */
export function identityOf({ provider, description }: SourceConfig): string {
  return `${provider.type} ${description.identity}`;
}

function isSameMeaning(a: Configured, b: Configured): boolean {
  return isDeepStrictEqual([meaningOf(a.source), a.demand], [meaningOf(b.source), b.demand]);
}

/** What a source goes by: all but where it stands in the file, and what only decides about its Secrets. */
export function meaningOf({
  provider,
  settings,
  description,
  credentials,
  refresh,
  snapshot,
}: SourceConfig): readonly unknown[] {
  const references = [...credentials].flatMap(([field, reference]) =>
    isNoticeCredential(field) ? [] : [[field, withoutPositions(reference)] as const],
  );
  return [provider, settings, description, new Map(references), refresh, snapshot];
}

function withoutPositions(reference: CredentialReference): unknown {
  if ('sealed' in reference) return { sealed: { ...reference.sealed, position: undefined } };
  if (!('perCluster' in reference)) return reference;
  return new Map([...reference.perCluster].map(([cluster, sealed]) => [cluster, { ...sealed, position: undefined }]));
}

/** What its requests and files are limited to. */
function reachOf(options: SourceLimits): unknown {
  const { files, grantedFiles, allowedOrigins, grantedOrigins, unboundOrigins, withdrawnPlugIns } = options;
  return [files, grantedFiles, allowedOrigins, grantedOrigins, unboundOrigins, withdrawnPlugIns];
}
