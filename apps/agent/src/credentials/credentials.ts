import { readFile } from 'node:fs/promises';
import { isNoticeCredential } from '@hikyaku/config';
import type { CredentialReference, SealedReference, SourceConfig } from '@hikyaku/config';
import { isProviderError, SecretValue } from '@hikyaku/core';
import type { CallOptions, Clock, ProviderError } from '@hikyaku/core';
import type { KubeClient } from '@hikyaku/kube-client';
import { shellWord } from '../output/shell-word.ts';
import { invalid } from './credential-place.ts';
import { openSealed } from './open-sealed.ts';
import { ownText } from './own-text.ts';
import { sealedPath } from './sealed-path.ts';
import type { SealedValues } from './sealed-values.ts';
import { DESTINATIONS, SecretReferences } from './secret-references.ts';
import { ServiceAccountTokens } from './service-account-tokens.ts';
import { refusedDestinations, usualOrigin } from './unbound-destinations.ts';

export interface CredentialSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly client: KubeClient;
  /** Where a `secretRef` without a namespace points, and where the agent's ServiceAccount is. */
  readonly namespace: string;
  readonly clock: Clock;
  /** The real path of a file, which is what to read; rejects with `INVALID_CONFIG` where the config may not name it. */
  readonly checkFile?: ((path: string) => Promise<string>) | undefined;
  /** Where a credential that is not bound may be sent, besides where its service is; absent: anywhere. */
  readonly unboundOrigins?: readonly string[] | undefined;
  /** Absent: nothing sealed can be opened. */
  readonly sealed?: SealedValues | undefined;
}

interface SealedEntry {
  readonly entry: SealedReference;
  /** The only one that it is for. */
  readonly cluster?: string;
}

export type CredentialOptions = CallOptions & { readonly refused?: SecretValue };

/** Gives the credentials of one source, as they are now; keeps only what would cost an API request or a process each time. */
export class Credentials {
  readonly #source: SourceConfig;
  readonly #surroundings: CredentialSurroundings;
  readonly #secrets: SecretReferences;
  readonly #sealedAt = new Map<string, string>();
  readonly #sealedPaths = new Map<string, string>();
  readonly #tokens: ServiceAccountTokens;

  constructor(
    source: SourceConfig,
    surroundings: CredentialSurroundings,
    tokens: ServiceAccountTokens = new ServiceAccountTokens(surroundings),
  ) {
    this.#source = source;
    this.#surroundings = surroundings;
    this.#secrets = new SecretReferences(source, surroundings);
    this.#tokens = tokens;
  }

  /** When what was given out had been sealed, by field: ISO 8601. Of credentials that are kept otherwise nothing. */
  get sealedAt(): ReadonlyMap<string, string> {
    return this.#sealedAt;
  }

  /** As people name what was given out and had been sealed, by field. */
  get sealedPaths(): ReadonlyMap<string, string> {
    return this.#sealedPaths;
  }

  /** Rejects with `INVALID_CONFIG` when there is none; the message names the source and the field. */
  async get(field: string, options: CredentialOptions): Promise<SecretValue> {
    const reference = this.#source.credentials.get(field);
    if (reference === undefined) throw this.#invalid(field, 'is not set');
    const value = await this.#resolve(field, reference, options);
    if (value.byteLength === 0) throw this.#invalid(field, `is empty (${describe(reference)})`);
    if (value.text()?.includes('AGE-SECRET-KEY-'))
      throw this.#invalid(
        field,
        `is refused: what is there (${describe(reference)}) has a private key of age, which opens what is sealed and is sent nowhere`,
      );
    return value;
  }

  /** What is wrong with the credentials that the source uses to read and write, one text per field. */
  async problems(options: CallOptions): Promise<readonly string[]> {
    const { credentials, description } = this.#source;
    const used = description.credentials && new Set(description.credentials);
    const texts: string[] = [];
    for (const field of credentials.keys()) {
      if (used?.has(field) === false || isNoticeCredential(field)) continue;
      await this.get(field, options).catch((error: unknown) => {
        options.signal.throwIfAborted();
        if (!isProviderError(error) || error.code !== 'INVALID_CONFIG') throw error;
        texts.push(error.message);
      });
    }
    return texts;
  }

  async #resolve(field: string, reference: CredentialReference, options: CredentialOptions): Promise<SecretValue> {
    if ('sealed' in reference) return await this.#open(field, { entry: reference.sealed }, options);
    if ('perCluster' in reference)
      return await this.#open(field, await this.#ownEntry(field, reference.perCluster, options), options);
    if ('serviceAccountToken' in reference)
      return await this.#tokenFor(field, reference.serviceAccountToken.audience, options);
    if ('secretRef' in reference) return await this.#fromSecret(field, reference.secretRef, options);
    this.#checkDestination(field);
    if ('env' in reference) return this.#fromEnvironment(field, reference.env);
    return await this.#fromFile(field, reference.file, options);
  }

  /** Its owner may have said where it goes, which is as good as a grant. */
  async #fromSecret(
    field: string,
    reference: Extract<CredentialReference, { readonly secretRef: unknown }>['secretRef'],
    options: CredentialOptions,
  ): Promise<SecretValue> {
    const { value, bound } = await this.#secrets.get(field, reference, options);
    if (!bound)
      this.#checkDestination(field, `, write it into the annotation ${DESTINATIONS} of Secret ${reference.name}`);
    return value;
  }

  #fromEnvironment(field: string, name: string): SecretValue {
    const text = ownText(this.#surroundings.env, name);
    if (text === undefined)
      throw this.#invalid(
        field,
        `wants the environment variable ${name}, which is not set: set it where the agent runs`,
      );
    return SecretValue.of(text.trim());
  }

  async #fromFile(field: string, path: string, { signal }: CallOptions): Promise<SecretValue> {
    // A link may lead elsewhere by the time it is read.
    const file = await this.#checkFile(field, path);
    try {
      return SecretValue.of((await readFile(file, { encoding: 'utf8', signal })).trim());
    } catch (error) {
      signal.throwIfAborted();
      throw this.#invalid(field, `cannot be read from ${path} (${codeOf(error)}): put it there, or correct \`file\``);
    }
  }

  async #checkFile(field: string, file: string): Promise<string> {
    try {
      return (await this.#surroundings.checkFile?.(file)) ?? file;
    } catch (error) {
      throw isProviderError(error) ? this.#invalid(field, `is refused: ${error.message}`) : error;
    }
  }

  /** There is no other value after a refusal: it stands in the config. */
  async #open(field: string, { entry, cluster }: SealedEntry, { signal }: CallOptions): Promise<SecretValue> {
    const { sealed, checkFile } = this.#surroundings;
    if (sealed === undefined) throw this.#invalid(field, 'is sealed, and there is no key here to open it with');
    const { value, header } = await openSealed(this.#source, field, entry, sealed, { signal, checkFile });
    if (header.binding === undefined) this.#checkDestination(field);
    if (header.sealedAt !== undefined) this.#sealedAt.set(field, header.sealedAt);
    const path = sealedPath(this.#source.name, field, cluster);
    this.#sealedPaths.set(field, path);
    sealed.usedAt.set(path, this.#surroundings.clock.now());
    return value;
  }

  async #ownEntry(
    field: string,
    entries: ReadonlyMap<string, SealedReference>,
    { signal }: CallOptions,
  ): Promise<SealedEntry> {
    const cluster = await this.#surroundings.sealed?.identity.cluster({ signal });
    const names = [...entries.keys()].join(', ');
    if (cluster === undefined) {
      throw this.#invalid(
        field,
        `is sealed for each cluster (${names}), and which one this is, is not known: none of the keys under recipients is its own. Run hikyaku recipients add, or start it with --cluster NAME`,
      );
    }
    const entry = entries.get(cluster);
    if (entry !== undefined) return { entry, cluster };
    throw this.#invalid(
      field,
      `is sealed for ${names}, and not for this cluster, ${cluster}: hikyaku seal ${shellWord(`providers.${this.#source.name}.${field}`)} --cluster ${cluster}`,
    );
  }

  /** It goes where the field goes: with a second origin, whoever writes the config could send there what the first one accepts. */
  async #tokenFor(field: string, audience: string, options: CredentialOptions): Promise<SecretValue> {
    const origins = new Set(this.#source.description.origins.map((origin) => new URL(origin).origin));
    if (origins.size !== 1 || !origins.has(audience)) {
      const which = [...origins].join(' and ') || 'no origin';
      throw this.#invalid(
        field,
        `is a token for ${audience}, and the source reaches ${which}: it must be the only one, so that nobody else is handed the token`,
      );
    }
    return await this.#tokens.get(audience, options);
  }

  #checkDestination(field: string, remedy = ''): void {
    const { unboundOrigins } = this.#surroundings;
    // What checks notices is sent nowhere.
    if (unboundOrigins === undefined || isNoticeCredential(field)) return;
    const [refused] = refusedDestinations(this.#source, unboundOrigins);
    if (refused === undefined) return;
    const usual = usualOrigin(this.#source.provider);
    const where = usual === undefined ? 'only where that is named' : `to ${usual}`;
    throw this.#invalid(
      field,
      `is refused: it is not bound to a destination, so it goes ${where} and not to ${refused}. Seal it for ${refused}${remedy}, start the agent with --allow-origin ${refused}, or grant it: origins in grants.yaml`,
    );
  }

  #invalid(field: string, what: string): ProviderError {
    return invalid({ source: this.#source, field }, what);
  }
}

function describe(reference: CredentialReference): string {
  if ('env' in reference) return `environment variable ${reference.env}`;
  if ('file' in reference) return reference.file;
  if ('secretRef' in reference) return `Secret ${reference.secretRef.name}`;
  return Object.keys(reference).join();
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unreadable';
}
