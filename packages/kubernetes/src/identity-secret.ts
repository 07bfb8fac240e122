import type { CallOptions } from '@hikyaku/core';
import { TargetError } from '@hikyaku/engine';
import { isKubeError } from '@hikyaku/kube-client';
import type { KubeClient, SecretObject } from '@hikyaku/kube-client';
import { AGENT_LABEL, FLUX_PRUNE_ANNOTATION, MANAGED_BY_LABEL, OWN } from './ownership.ts';
import type { Access } from './ownership.ts';
import { foreign, toTargetError } from './to-target-error.ts';

/** What opens what is sealed to a cluster, and signs for it; secret. */
export interface KeptIdentity {
  /** Texts as `age-keygen` writes them, by the name of their entry, which ends with `.agekey`; the newest first. At least one. */
  readonly keyFiles: ReadonlyMap<string, string>;
  /** RSA, PKCS #8, PEM. */
  readonly signingKey?: string;
}

/** The entry of an identity that nobody has rotated. */
export const FIRST_KEY_FILE = 'age.agekey';
const KEY_FILE_SUFFIX = '.agekey';
const SIGNING_KEY = 'service-principal.pem';
const ROUNDS = 5;

export interface IdentitySecretOptions {
  readonly client: KubeClient;
  readonly access: Access;
  /** The Secret of another tool, which is only read. Default: the agent's own, `hikyaku-identity`. */
  readonly secret?: { readonly namespace: string; readonly name: string };
}

/** The Secret with the identity of a cluster. What is there is never overwritten. */
export class IdentitySecret {
  readonly namespace: string;
  readonly name: string;
  readonly #client: KubeClient;
  readonly #agent: string;

  constructor({ client, access: { agent }, secret }: IdentitySecretOptions) {
    ({ namespace: this.namespace, name: this.name } = secret ?? { namespace: agent, name: OWN.identity });
    this.#client = client;
    this.#agent = agent;
  }

  /** As it is now; `undefined` where there is none. Throws TargetError, `INVALID` where what is there is no identity. */
  async read(options: CallOptions): Promise<KeptIdentity | undefined> {
    const live = await this.#get(options);
    return live && this.#parse(live);
  }

  /** What there is now: this, or what somebody else has made meanwhile. Throws TargetError. */
  async create(identity: KeptIdentity, options: CallOptions): Promise<KeptIdentity> {
    const labels = { [AGENT_LABEL]: this.#agent, [MANAGED_BY_LABEL]: 'hikyaku' };
    const metadata = { namespace: this.namespace, name: this.name, labels };
    const entries = [
      ...identity.keyFiles,
      ...(identity.signingKey ? [[SIGNING_KEY, identity.signingKey] as const] : []),
    ];
    const data = Object.fromEntries(entries.map(([name, text]) => [name, encode(text)]));
    try {
      await this.#client.secrets.create({ apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque', data }, options);
      return identity;
    } catch (error) {
      options.signal.throwIfAborted();
      const other = isKubeError(error) && error.code === 'ALREADY_EXISTS' ? await this.read(options) : undefined;
      if (other === undefined) throw this.#explain(error);
      return other;
    }
  }

  /** Adds a signing key where there is none; else what there is. Whatever else stands in the Secret stays. Throws TargetError. */
  async addSigningKey(signingKey: string, options: CallOptions): Promise<KeptIdentity> {
    for (let round = 1; ; round++) {
      const live = await this.#get(options);
      if (live === undefined) throw this.#invalid('has just been deleted');
      const identity = this.#parse(live);
      if (identity.signingKey !== undefined) return identity;
      if (live.metadata.labels?.[AGENT_LABEL] !== this.#agent) throw foreign(this.namespace, this.name, this.#agent);
      if (live.immutable === true)
        throw this.#invalid(`is immutable and has no ${SIGNING_KEY}, so that none can be added`);
      try {
        await this.#client.secrets.replace(
          {
            metadata: ownMetadata(live, this.#agent),
            type: live.type,
            data: { ...live.data, [SIGNING_KEY]: encode(signingKey) },
          },
          options,
        );
        return { ...identity, signingKey };
      } catch (error) {
        options.signal.throwIfAborted();
        const changedMeanwhile = isKubeError(error) && (error.code === 'CONFLICT' || error.code === 'NOT_FOUND');
        if (!changedMeanwhile || round >= ROUNDS) throw this.#explain(error);
      }
    }
  }

  get #id(): string {
    return `${this.namespace}/${this.name}`;
  }

  get #remedy(): string {
    if (this.namespace === this.#agent) return '';
    return `; its owner lets it: hikyaku rights role ${this.#id} --read | kubectl apply -f -`;
  }

  async #get(options: CallOptions): Promise<SecretObject | undefined> {
    try {
      return await this.#client.secrets.get(this.namespace, this.name, options);
    } catch (error) {
      options.signal.throwIfAborted();
      if (!isKubeError(error)) throw error;
      if (error.code === 'NOT_FOUND') return undefined;
      if (error.code === 'FORBIDDEN')
        throw new TargetError('FORBIDDEN', `Secret ${this.#id}: this account may not read it${this.#remedy}`);
      throw this.#explain(error);
    }
  }

  #parse({ data = {} }: SecretObject): KeptIdentity {
    const names = Object.keys(data).filter((name) => name.endsWith(KEY_FILE_SUFFIX));
    if (names.length === 0) throw this.#invalid(`has no entry ending with ${KEY_FILE_SUFFIX}`);
    const keyFiles = new Map(names.toSorted(newestFirst).map((name) => [name, decode(data[name])]));
    for (const [name, text] of keyFiles)
      if (!/^\s*AGE-SECRET-KEY-/m.test(text)) throw this.#invalid(`holds no age identity under ${name}`);
    const signingKey = data[SIGNING_KEY];
    return { keyFiles, ...(signingKey !== undefined && { signingKey: decode(signingKey) }) };
  }

  #invalid(what: string): TargetError {
    return unreadableIdentity(this, what);
  }

  #explain(error: unknown): TargetError {
    return toTargetError(error, this.namespace, this.name, this.#agent);
  }
}

/** With what to do about it. */
export function unreadableIdentity(
  { namespace, name }: { readonly namespace: string; readonly name: string },
  what: string,
): TargetError {
  const remedy =
    'it is left as it is. Put the right one back; or delete it for a new identity, to which everything must be sealed anew';
  return new TargetError('INVALID', `Secret ${namespace}/${name} ${what}: ${remedy}`);
}

/** Rotation adds `age-<date>.agekey`. */
function newestFirst(a: string, b: string): number {
  if (a === FIRST_KEY_FILE || b === FIRST_KEY_FILE) return a === b ? 0 : a === FIRST_KEY_FILE ? 1 : -1;
  return a < b ? 1 : -1;
}

/** No more than the policy lets pass: `kubectl apply` leaves an annotation with the whole content, for example. */
function ownMetadata({ metadata }: SecretObject, agent: string): SecretObject['metadata'] {
  const { namespace, name, uid, resourceVersion, labels, annotations } = metadata;
  return {
    namespace,
    name,
    uid,
    resourceVersion,
    labels: { ...unpruned(labels), [AGENT_LABEL]: agent, [MANAGED_BY_LABEL]: 'hikyaku' },
    annotations: unpruned(annotations),
  };
}

function unpruned(metadata: Readonly<Record<string, string>> | undefined): Readonly<Record<string, string>> {
  return metadata?.[FLUX_PRUNE_ANNOTATION] === 'disabled' ? { [FLUX_PRUNE_ANNOTATION]: 'disabled' } : {};
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}

function decode(base64 = ''): string {
  return Buffer.from(base64, 'base64').toString('utf8');
}
