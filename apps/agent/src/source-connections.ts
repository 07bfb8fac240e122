import type { SourceConfig } from '@hikyaku/config';
import { ProviderError } from '@hikyaku/core';
import type { Clock, LogFields, Logger, SecretsClient, SourceDescription } from '@hikyaku/core';
import { Credentials } from './credentials/credentials.ts';
import type { CredentialSurroundings } from './credentials/credentials.ts';
import { Dispatchers } from './dispatchers.ts';
import { fileAccessOf } from './grants/source-limits.ts';
import type { SourceLimits } from './grants/source-limits.ts';
import { loadBuiltIn } from './providers.ts';
import { RequestBudgets } from './request-budgets.ts';

export interface SourceConnectionsOptions extends CredentialSurroundings, SourceLimits {
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Opens configured sources, with what all sources of a process share: connections and request budgets. */
export class SourceConnections implements AsyncDisposable {
  readonly #options: SourceConnectionsOptions;
  readonly #dispatchers: Dispatchers;
  readonly #budgets: RequestBudgets;

  constructor(options: SourceConnectionsOptions) {
    this.#options = options;
    this.#dispatchers = new Dispatchers(options);
    this.#budgets = new RequestBudgets(options.clock);
  }

  async connect(source: SourceConfig): Promise<SecretsClient> {
    const { name, provider, settings } = source;
    const { clock, logger } = this.#options;
    const description = await this.#withRealFile(source.description);
    const credentials = new Credentials(source, this.#options);
    return await provider.connect(settings, {
      credential: (field, options) => credentials.get(field, options),
      credentialPaths: [...source.credentials.keys()],
      serviceAccountToken: () => Promise.reject(notYet(name, 'a token of the ServiceAccount')),
      signAssertion: () => Promise.reject(notYet(name, 'a key of the cluster')),
      budget: (account, perMinute, options) => this.#budgets.take(`${provider.type} ${account}`, perMinute, options),
      dispatcher: this.#dispatchers.for(description),
      dispatcherFor: (tls, options) => this.#dispatchers.for(description, tls, options),
      files: fileAccessOf(source, this.#options),
      logger: withFields(logger, { source: name }),
      clock,
      ...(await this.#ownCluster(source)),
    });
  }

  /** With the certificates at the path that was checked, whatever a link on the way leads to later. */
  async #withRealFile(description: SourceDescription): Promise<SourceDescription> {
    const { ca } = description;
    const { checkFile } = this.#options;
    if (ca === undefined || ca.includes('-----BEGIN') || checkFile === undefined) return description;
    return { ...description, ca: await checkFile(ca) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispatchers[Symbol.asyncDispose]();
  }

  /** The agent's own client goes to the provider of ours that is made for it, and to no plug-in that takes its name. */
  async #ownCluster({ provider }: SourceConfig): Promise<object> {
    if (provider.type !== 'kubernetes' || provider !== (await loadBuiltIn('kubernetes'))) return {};
    const options = this.#options;
    // A getter, as a source with a kubeconfig of its own needs no other cluster.
    const ownCluster = {
      get client() {
        return options.client;
      },
      agentNamespace: options.namespace,
    };
    return { ownCluster };
  }
}

function notYet(source: string, what: string): ProviderError {
  return new ProviderError('INVALID_CONFIG', `source ${source} wants ${what}, which is not yet available`);
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
