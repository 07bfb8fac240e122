import type { Config, SourceConfig } from '@hikyaku/config';
import type { Clock, FileAccess, LogFields, Logger, SecretsClient } from '@hikyaku/core';
import { demands, Source } from '@hikyaku/engine';
import type { SnapshotArchive } from '@hikyaku/engine';
import { Credentials } from './credentials.ts';
import type { CredentialSurroundings } from './credentials.ts';
import { Dispatchers } from './dispatchers.ts';
import { RequestBudgets } from './request-budgets.ts';

export interface OpenSourcesOptions extends CredentialSurroundings {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly files: FileAccess;
  readonly allowedOrigins?: readonly string[] | undefined;
  readonly snapshots: SnapshotArchive;
}

/** The sources in use: connected on their first read. */
export interface OpenSources extends AsyncDisposable {
  readonly sources: ReadonlyMap<string, Source>;
}

/** Only sources that some Secret uses; the others cost nothing. */
export function openSources(config: Config, options: OpenSourcesOptions): OpenSources {
  const { clock } = options;
  const dispatchers = new Dispatchers(options);
  const budgets = new RequestBudgets(clock);
  const sources = new Map<string, Source>();
  for (const [name, demand] of demands(config.secrets)) {
    const configured = config.sources.get(name);
    if (configured === undefined) throw new TypeError(`the config lets an unknown source through: ${name}`);
    const own = new Credentials(configured, options);
    const connect = () => connectSource(configured, own, dispatchers, budgets, options);
    const { refreshMs, snapshot, provider, description } = configured;
    const identity = `${provider.type} ${description.identity}`;
    const kept = snapshot && { kept: { identity, archive: options.snapshots } };
    sources.set(name, new Source({ name, demand, clock, refreshMs, connect, ...kept }));
  }
  return {
    sources,
    async [Symbol.asyncDispose]() {
      await Promise.all([...sources.values()].map((source) => source[Symbol.asyncDispose]()));
      await dispatchers[Symbol.asyncDispose]();
    },
  };
}

async function connectSource(
  { name, provider, settings, description, credentials: references }: SourceConfig,
  credentials: Credentials,
  dispatchers: Dispatchers,
  budgets: RequestBudgets,
  { clock, files, logger }: OpenSourcesOptions,
): Promise<SecretsClient> {
  return await provider.connect(settings, {
    credential: (field, options) => credentials.get(field, options),
    credentialPaths: [...references.keys()],
    budget: (account, perMinute, options) => budgets.take(`${provider.type} ${account}`, perMinute, options),
    dispatcher: dispatchers.for(description),
    dispatcherFor: (tls, options) => dispatchers.for(description, tls, options),
    files,
    logger: withFields(logger, { source: name }),
    clock,
  });
}

function withFields(logger: Logger, more: LogFields): Logger {
  return {
    trace: (fields, message) => logger.trace({ ...more, ...fields }, message),
    debug: (fields, message) => logger.debug({ ...more, ...fields }, message),
    info: (fields, message) => logger.info({ ...more, ...fields }, message),
    warn: (fields, message) => logger.warn({ ...more, ...fields }, message),
    error: (fields, message) => logger.error({ ...more, ...fields }, message),
  };
}
