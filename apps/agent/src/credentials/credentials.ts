import { readFile } from 'node:fs/promises';
import type { CredentialReference, SourceConfig } from '@hikyaku/config';
import { isProviderError, ProviderError, SecretValue } from '@hikyaku/core';
import type { CallOptions, Clock } from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';
import { isOwnSecret } from '@hikyaku/kubernetes';
import type { KubeClient } from '@hikyaku/kube-client';

export interface CredentialSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly client: KubeClient;
  /** Where a `secretRef` without a namespace points. */
  readonly namespace: string;
  readonly clock: Clock;
  /** The real path of a file, which is what to read; rejects with `INVALID_CONFIG` where the config may not name it. */
  readonly checkFile?: ((path: string) => Promise<string>) | undefined;
}

export type CredentialOptions = CallOptions & { readonly refused?: SecretValue };

/** How long a credential out of a Secret is used before it is read again, milliseconds. */
const SECRET_REF_TTL_MS = 60_000;

/** Gives the credentials of one source, as they are now; keeps only what would cost an API request each time. */
export class Credentials {
  readonly #source: SourceConfig;
  readonly #surroundings: CredentialSurroundings;
  readonly #cache = new Map<string, { readonly value: SecretValue; readonly until: number }>();

  constructor(source: SourceConfig, surroundings: CredentialSurroundings) {
    this.#source = source;
    this.#surroundings = surroundings;
  }

  /** Rejects with `INVALID_CONFIG` when there is none; the message names the source and the field. */
  async get(field: string, options: CredentialOptions): Promise<SecretValue> {
    const reference = this.#source.credentials.get(field);
    if (reference === undefined) throw this.#missing(field, 'is not set');
    const value = await this.#resolve(field, reference, options);
    if (value.byteLength === 0) throw this.#missing(field, `is empty (${describe(reference)})`);
    return value;
  }

  /** What is wrong with the credentials, one text per field. */
  async problems(options: CallOptions): Promise<readonly string[]> {
    const texts: string[] = [];
    for (const field of this.#source.credentials.keys()) {
      await this.get(field, options).catch((error: unknown) => {
        options.signal.throwIfAborted();
        if (!isProviderError(error) || error.code !== 'INVALID_CONFIG') throw error;
        texts.push(error.message);
      });
    }
    return texts;
  }

  async #resolve(field: string, reference: CredentialReference, options: CredentialOptions): Promise<SecretValue> {
    if ('env' in reference) {
      const text = ownText(this.#surroundings.env, reference.env);
      if (text === undefined)
        throw this.#missing(field, `wants the environment variable ${reference.env}, which is not set`);
      return SecretValue.of(text.trim());
    }
    if ('file' in reference) {
      // A link may lead elsewhere by the time it is read.
      const file = await this.#checkFile(field, reference.file);
      try {
        return SecretValue.of((await readFile(file, { encoding: 'utf8', signal: options.signal })).trim());
      } catch (error) {
        options.signal.throwIfAborted();
        throw this.#missing(field, `cannot be read from ${reference.file} (${codeOf(error)})`);
      }
    }
    if ('secretRef' in reference) return await this.#fromSecret(field, reference.secretRef, options);
    throw this.#missing(field, 'is of a kind that is not yet available');
  }

  async #checkFile(field: string, file: string): Promise<string> {
    try {
      return (await this.#surroundings.checkFile?.(file)) ?? file;
    } catch (error) {
      throw isProviderError(error) ? this.#missing(field, `is refused: ${error.message}`) : error;
    }
  }

  async #fromSecret(
    field: string,
    ref: SecretRefReference,
    { signal, refused }: CredentialOptions,
  ): Promise<SecretValue> {
    const { client, clock, namespace: own } = this.#surroundings;
    const { name, key, namespace = own } = ref;
    if (namespace === own && isOwnSecret(name)) {
      throw this.#missing(field, `wants Secret ${namespace}/${name}, which is the agent's own and no credential`);
    }
    const cached = this.#cache.get(field);
    if (cached !== undefined && refused === undefined && clock.monotonic() < cached.until) return cached.value;
    try {
      const { data } = await client.secrets.get(namespace, name, { signal });
      const encoded = data && ownText(data, key);
      if (encoded === undefined)
        throw this.#missing(field, `wants the key ${key} of Secret ${namespace}/${name}, which has no such key`);
      const value = SecretValue.of(Buffer.from(encoded, 'base64').toString('utf8').trim());
      this.#cache.set(field, { value, until: clock.monotonic() + SECRET_REF_TTL_MS });
      return value;
    } catch (error) {
      signal.throwIfAborted();
      if (!isKubeError(error)) throw error;
      if (error.code === 'NOT_FOUND')
        throw this.#missing(field, `wants Secret ${namespace}/${name}, which does not exist`);
      if (error.code === 'FORBIDDEN')
        throw this.#missing(field, `wants Secret ${namespace}/${name}, which this account may not read`);
      throw new ProviderError(
        'UNAVAILABLE',
        `${this.#name(field)} cannot be read from Secret ${namespace}/${name}: ${error.message}`,
      );
    }
  }

  #missing(field: string, what: string): ProviderError {
    return new ProviderError('INVALID_CONFIG', `${this.#name(field)} ${what}`);
  }

  #name(field: string): string {
    return `${field} of source ${this.#source.name}`;
  }
}

type SecretRefReference = Extract<CredentialReference, { readonly secretRef: unknown }>['secretRef'];

/** Every object has a `constructor`, which is no key of it. */
function ownText(texts: Readonly<Record<string, string | undefined>>, key: string): string | undefined {
  return Object.hasOwn(texts, key) ? texts[key] : undefined;
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
