import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Dispatcher } from 'undici';
import type { CallOptions } from './call-options.ts';
import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';
import type { SecretValue } from './secret-value.ts';
import type { SecretsClient } from './secrets-client.ts';

/**
 * A kind of place where secrets are kept. A plain object made by {@link defineProvider}; it holds no state: one provider
 * serves many sources.
 */
export interface Provider<Config = unknown> {
  /** The word that stands behind `type:` in the config file. */
  readonly type: string;
  /**
   * Checks the source's part of the config file, without `type`, without the words that every source has (`refresh`, `hold`
   * and the like) and without its credential fields. Use a strict object, so that a mistyped word is an error.
   * May offer a JSON Schema for editors: `~standard.jsonSchema`, which zod objects bring.
   */
  readonly config: StandardSchemaV1<unknown, Config>;
  /** Where credentials stand in the config. */
  readonly credentials?: readonly CredentialField[];
  /** Pure: what must be known about a source before anything connects. */
  describe(config: Config): SourceDescription;
  /** Opens a source. Must not send a request yet, so that a service that is down does not keep others from starting. */
  connect(config: Config, context: ProviderContext): SecretsClient | Promise<SecretsClient>;
  /**
   * Pure: whether a request that came to the agent's receiver was sent by the service, and a short time ago where the service says
   * when. Absent: notices are signed as Standard Webhooks 1.0.0 has it. A genuine notice only makes the agent read sooner.
   */
  verifyNotice?(notice: Notice, secret: SecretValue): NoticeVerdict;
}

/** A request of somebody who says that something has changed. */
export interface Notice {
  /** As it came, before any parsing; at most 64 KiB. */
  readonly body: Uint8Array;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export type NoticeVerdict =
  /** `id`, where the service gives one: a notice with the same id is not acted on again. */
  | { readonly genuine: true; readonly id?: string }
  /** For the log; it holds nothing that was sent. */
  | { readonly genuine: false; readonly because: string };

export interface CredentialField {
  /** The field's path in the config, dotted: `token`; `*` stands for every key of a map: `headers.*`. */
  readonly path: string;
  /** Used when the config does not name one. */
  readonly default?: { readonly env: string };
}

export interface SourceDescription {
  /** Which data this is (project, vault, url; no credential). When it changes, what is known of the source is dropped. */
  readonly identity: string;
  /** The only origins (`https://host[:port]`) requests may reach; the dispatcher enforces it, redirects included. */
  readonly origins: readonly string[];
  /** Certificates to trust for these origins instead of the system's: PEM text, or the path of a PEM file beside the config file. */
  readonly ca?: string;
  /**
   * The paths of the credentials that this source uses; all of {@link Provider.credentials} by default. What is not used needs no
   * value: with a service account identity a token is not asked for.
   */
  readonly credentials?: readonly string[];
}

export interface ProviderContext {
  /**
   * The credential of a field, as it is now: ask per request, keep nothing. After a 401 pass the refused value, once, to get
   * a fresh one where the credential's source has one (the same value comes back where it has not).
   * Rejects with a {@link ProviderError} `INVALID_CONFIG` that names the field when there is none.
   */
  credential(path: string, options: CallOptions & { readonly refused?: SecretValue }): Promise<SecretValue>;
  /** The paths of the credentials that the config names, or that have a default: `token`, `headers.X-Api-Key`. */
  readonly credentialPaths: readonly string[];
  /** The name of this cluster under `recipients:`; absent where that is not known. */
  readonly cluster?: string;
  /**
   * A token of the agent's own ServiceAccount for one audience, which must be one of {@link SourceDescription.origins}, so that it is
   * worth nothing elsewhere. Ask per request, keep nothing; after a 401 pass the refused one, once, to get a fresh one.
   * Rejects with `INVALID_CONFIG` for another audience, and where there is no ServiceAccount.
   */
  serviceAccountToken(
    audience: string,
    options: CallOptions & { readonly refused?: SecretValue },
  ): Promise<SecretValue>;
  /**
   * A JWT for the assertion grant (RFC 7523), signed RS256 with this cluster's own key, whose public half somebody has given to the
   * service. Rejects with `INVALID_CONFIG` for an audience outside of {@link SourceDescription.origins}, and where there is no key.
   */
  signAssertion(assertion: Assertion, options: CallOptions): Promise<SecretValue>;
  /** Resolves when one more request fits into `perMinute`; shared by all sources of this process with the same `account`. */
  budget(account: string, perMinute: number, options: CallOptions): Promise<void>;
  /** For undici's `request` and `fetch`; bound to {@link SourceDescription.origins}; shared: never close it. */
  readonly dispatcher: Dispatcher;
  /**
   * The same with a client certificate, or with other certificates to trust. Bound to the same origins; shared by all who ask
   * with the same settings, and closed by the agent: never close it, ask per request.
   */
  dispatcherFor(tls: ClientTls, options?: DispatcherOptions): Dispatcher;
  /** For providers that read files. */
  readonly files: FileAccess;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface DispatcherOptions {
  /** For answers that stay open for minutes, such as watches: on connections of their own, so that they keep no other request waiting. */
  readonly longLived?: boolean;
}

/** What a JWT for the assertion grant says; `iat`, `exp` and `jti` are added. */
export interface Assertion {
  readonly issuer: string;
  readonly subject: string;
  /** The url of the token endpoint. */
  readonly audience: string;
  /** The `kid` of the header: what the service calls the key. */
  readonly keyId: string;
  /** From now, milliseconds. */
  readonly lifetimeMs: number;
}

/** PEM texts. */
export interface ClientTls {
  readonly cert?: string;
  readonly key?: string;
  /** Instead of {@link SourceDescription.ca}. */
  readonly ca?: string;
  /** The name that the server's certificate must have, where it is not the url's host. */
  readonly servername?: string;
}

/** Which files a source may read. All paths are absolute. */
export interface FileAccess {
  /** Where relative paths of the config begin: the folder of the config file. */
  readonly base: string;
  /** Nothing outside of it may be read, symbolic links resolved; chosen by who starts the agent, never by the config. */
  readonly root: string;
  /** Not to be read though it may be inside: where the agent's own tokens and identity are. */
  readonly refused: readonly string[];
}

/** Gives `connect` and `describe` the type that the schema infers. */
export function defineProvider<Config>(provider: Provider<Config>): Provider<Config> {
  return provider;
}
