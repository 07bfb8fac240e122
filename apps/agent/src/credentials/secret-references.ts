import { ProviderError, SecretValue } from '@hikyaku/core';
import type { CallOptions, Clock } from '@hikyaku/core';
import type { CredentialReference, SourceConfig } from '@hikyaku/config';
import { isKubeError } from '@hikyaku/kube-client';
import type { KubeClient, SecretObject } from '@hikyaku/kube-client';
import { isOwnSecret } from '@hikyaku/kubernetes';
import { invalid, nameOf } from './credential-place.ts';
import type { CredentialPlace } from './credential-place.ts';
import { ownText } from './own-text.ts';

type SecretReference = Extract<CredentialReference, { readonly secretRef: unknown }>['secretRef'];

export interface SecretReferencesOptions {
  readonly client: KubeClient;
  /** Where a `secretRef` without a namespace points. */
  readonly namespace: string;
  readonly clock: Clock;
}

/** On a Secret: the only origins that what it holds may be sent to, with commas or white space in between. */
export const DESTINATIONS = 'hikyaku.dev/to';

/** How long a credential out of a Secret is used before it is read again, milliseconds. */
const TTL_MS = 60_000;

/** What a Secret holds, and whether its owner says where that may be sent. */
export interface FromSecret {
  readonly value: SecretValue;
  readonly bound: boolean;
}

/** The credentials of one source that are kept in Secrets. */
export class SecretReferences {
  readonly #source: SourceConfig;
  readonly #options: SecretReferencesOptions;
  readonly #cache = new Map<string, FromSecret & { readonly until: number }>();

  constructor(source: SourceConfig, options: SecretReferencesOptions) {
    this.#source = source;
    this.#options = options;
  }

  async get(
    field: string,
    { name, key, namespace = this.#options.namespace }: SecretReference,
    { signal, refused }: CallOptions & { readonly refused?: SecretValue },
  ): Promise<FromSecret> {
    const { clock, namespace: own } = this.#options;
    const place = { source: this.#source, field };
    const id = `${namespace}/${name}`;
    if (namespace === own && isOwnSecret(name))
      throw invalid(place, `wants Secret ${id}, which is the agent's own and no credential`);
    const cached = this.#cache.get(field);
    if (cached !== undefined && refused === undefined && clock.monotonic() < cached.until) return cached;
    const secret = await this.#read(place, namespace, name, { signal });
    const encoded = secret.data && ownText(secret.data, key);
    if (encoded === undefined) throw invalid(place, `wants the key ${key} of Secret ${id}, which has no such key`);
    const destinations = ownText(secret.metadata.annotations ?? {}, DESTINATIONS);
    const problem = destinations === undefined ? undefined : destinationProblem(destinations, this.#source);
    if (problem !== undefined) throw invalid(place, `is refused: Secret ${id} ${problem}`);
    const value = SecretValue.of(Buffer.from(encoded, 'base64').toString('utf8').trim());
    const found = { value, bound: destinations !== undefined };
    this.#cache.set(field, { ...found, until: clock.monotonic() + TTL_MS });
    return found;
  }

  async #read(place: CredentialPlace, namespace: string, name: string, { signal }: CallOptions): Promise<SecretObject> {
    const id = `${namespace}/${name}`;
    try {
      return await this.#options.client.secrets.get(namespace, name, { signal });
    } catch (error) {
      signal.throwIfAborted();
      if (!isKubeError(error)) throw error;
      if (error.code === 'NOT_FOUND')
        throw invalid(place, `wants Secret ${id}, which does not exist: make it, or correct \`secretRef\``);
      if (error.code === 'FORBIDDEN') throw invalid(place, `wants Secret ${id}, which this account may not read`);
      throw new ProviderError('UNAVAILABLE', `${nameOf(place)} cannot be read from Secret ${id}: ${error.message}`);
    }
  }
}

/** What speaks against sending a Secret to these origins, by the word of its owner. */
function destinationProblem(text: string, { description: { origins } }: SourceConfig): string | undefined {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  const wrong = words.find((word) => !isOrigin(word));
  if (wrong !== undefined)
    return `has the annotation ${DESTINATIONS} with ${JSON.stringify(wrong)}, which is no origin such as https://nas.lan:8443`;
  const allowed = new Set(words.map((word) => new URL(word).origin));
  const others = origins.map((origin) => new URL(origin).origin).filter((origin) => !allowed.has(origin));
  if (others.length === 0) return undefined;
  const where = allowed.size === 0 ? 'nowhere' : `only to ${[...allowed].join(', ')}`;
  return `may be sent ${where} by its annotation ${DESTINATIONS}, asked for ${others.join(', ')}`;
}

function isOrigin(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && `${url.origin}/` === url.href;
}
