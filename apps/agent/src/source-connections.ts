import { isNoticeCredential } from '@hikyaku/config';
import type { SourceConfig } from '@hikyaku/config';
import { isProviderError, ProviderError } from '@hikyaku/core';
import type {
  Assertion,
  CallOptions,
  ClientTls,
  Clock,
  DispatcherOptions,
  LogFields,
  Logger,
  SecretsClient,
  SecretValue,
  SourceDescription,
} from '@hikyaku/core';
import { certificatesText } from './credentials/binding-of-credential.ts';
import { Credentials } from './credentials/credentials.ts';
import type { CredentialSurroundings } from './credentials/credentials.ts';
import { sayingSealedOn } from './credentials/sealed-on.ts';
import { ServiceAccountTokens } from './credentials/service-account-tokens.ts';
import { signAssertion } from './credentials/sign-assertion.ts';
import { refusedDestinations } from './credentials/unbound-destinations.ts';
import { Dispatchers } from './dispatchers.ts';
import { fileAccessOf } from './grants/source-limits.ts';
import type { SourceLimits } from './grants/source-limits.ts';
import { loadBuiltIn } from './providers.ts';
import { RequestBudgets } from './request-budgets.ts';

export interface SourceConnectionsOptions extends CredentialSurroundings, SourceLimits {
  readonly logger: Logger;
  readonly clock: Clock;
  /** Told of each request on behalf of a source, and what came of it. */
  readonly onAnswer?: ((source: string, answer: string) => void) | undefined;
}

/** Opens configured sources, with what all sources of a process share: connections, request budgets, tokens and what was sealed. */
export class SourceConnections implements AsyncDisposable {
  readonly #options: SourceConnectionsOptions;
  readonly #dispatchers: Dispatchers;
  readonly #budgets: RequestBudgets;
  readonly #tokens: ServiceAccountTokens;
  readonly #closing = new AbortController();

  /** `before` has asked the same services: what it has used up of their limits is used up. */
  constructor(options: SourceConnectionsOptions, before?: SourceConnections) {
    this.#options = options;
    this.#dispatchers = new Dispatchers(options);
    this.#budgets = before === undefined ? new RequestBudgets(options.clock) : before.#budgets;
    this.#tokens = new ServiceAccountTokens(options);
  }

  async connect(configured: SourceConfig): Promise<SecretsClient> {
    const { type } = configured.provider;
    if (this.#options.withdrawnPlugIns?.has(type) === true)
      throw new ProviderError('INVALID_CONFIG', `the plug-in ${type} of ${configured.name} is not granted any more`);
    const source = {
      ...configured,
      credentials: new Map([...configured.credentials].filter(([field]) => !isNoticeCredential(field))),
      description: await this.#withCertificates(configured.description),
    };
    const { name, provider, settings, description } = source;
    const { clock, logger, onAnswer } = this.#options;
    const dispatcherFor = (tls?: ClientTls, options?: DispatcherOptions) =>
      this.#dispatchers.for(description, tls, options, (answer) => onAnswer?.(name, answer));
    const credentials = new Credentials(source, this.#options, this.#tokens);
    const cluster = await this.#cluster();
    const client = await provider.connect(settings, {
      credential: (field, options) => credentials.get(field, options),
      credentialPaths: [...source.credentials.keys()],
      serviceAccountToken: (audience, options) => this.#token(source, audience, options),
      signAssertion: (assertion, options) => this.#sign(source, assertion, options),
      budget: (account, perMinute, options) => this.#budgets.take(`${provider.type} ${account}`, perMinute, options),
      dispatcher: dispatcherFor(),
      dispatcherFor,
      files: fileAccessOf(source, this.#options),
      logger: withFields(logger, { source: name }),
      clock,
      ...(cluster !== undefined && { cluster }),
      ...(await this.#ownCluster(source)),
    });
    const isSealed = [...source.credentials.values()].some((one) => 'sealed' in one || 'perCluster' in one);
    return isSealed ? sayingSealedOn(client, credentials) : client;
  }

  /** With the certificates themselves: what is compared with a sealed credential is what connections trust, whatever becomes of the file. */
  async #withCertificates(description: SourceDescription): Promise<SourceDescription> {
    const { ca } = description;
    return ca === undefined ? description : { ...description, ca: await certificatesText(ca, this.#options) };
  }

  /** Not known is no error: few sources ask. */
  async #cluster(): Promise<string | undefined> {
    try {
      return await this.#options.sealed?.identity.cluster(this.#closing);
    } catch (error) {
      if (isProviderError(error) && !error.retryable) return undefined;
      throw error;
    }
  }

  async #token(
    source: SourceConfig,
    audience: string,
    options: CallOptions & { readonly refused?: SecretValue },
  ): Promise<SecretValue> {
    if (!originsOf(source).has(audience)) throw foreignAudience(source, audience);
    return await this.#tokens.get(audience, options);
  }

  async #sign(source: SourceConfig, assertion: Assertion, options: CallOptions): Promise<SecretValue> {
    const { audience } = assertion;
    if (!originsOf(source).has(URL.parse(audience)?.origin ?? '')) throw foreignAudience(source, audience);
    const { sealed, clock, unboundOrigins } = this.#options;
    // Not every service may look whom an assertion is for.
    const [refused] = unboundOrigins === undefined ? [] : refusedDestinations(source, unboundOrigins);
    if (refused !== undefined)
      throw new ProviderError(
        'INVALID_CONFIG',
        `source ${source.name} wants what this cluster signs at ${refused}, which nobody has named: start the agent with --allow-origin ${refused}, or grant it: origins in grants.yaml`,
      );
    if (sealed === undefined)
      throw new ProviderError(
        'INVALID_CONFIG',
        `source ${source.name} wants a key of the cluster, and there is none here`,
      );
    return signAssertion(assertion, await sealed.identity.signingKey(options), clock);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#dispatchers[Symbol.asyncDispose]();
  }

  /** The agent's own client goes to the provider of ours that is made for it, and to no plug-in that takes its name. */
  async #ownCluster({ provider }: SourceConfig): Promise<object> {
    if (provider.type !== 'kubernetes' || provider !== (await loadBuiltIn('kubernetes'))) return {};
    const options = this.#options;
    // A getter, as a source with a kubeconfig of its own needs no other cluster.
    const identitySecret = options.sealed?.identity.borrowedFrom;
    const ownCluster = {
      get client() {
        return options.client;
      },
      agentNamespace: options.namespace,
      ...(identitySecret !== undefined && { identitySecret }),
    };
    return { ownCluster };
  }
}

function originsOf({ description }: SourceConfig): ReadonlySet<string> {
  return new Set(description.origins.map((origin) => new URL(origin).origin));
}

function foreignAudience({ name, description }: SourceConfig, audience: string): ProviderError {
  return new ProviderError(
    'INVALID_CONFIG',
    `source ${name} wants a token for ${audience}, which is none of its origins: ${description.origins.join(', ')}`,
  );
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
