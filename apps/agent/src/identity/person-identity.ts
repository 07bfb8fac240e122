import { isProviderError, ProviderError } from '@hikyaku/core';
import type { CallOptions } from '@hikyaku/core';
import type { IdentitySecret, KeptIdentity } from '@hikyaku/kubernetes';
import type { Opener } from '@hikyaku/sealing';
import { UserError } from '../user-error.ts';
import { asProviderError } from './as-provider-error.ts';
import { WHERE_IDENTITIES_ARE } from './find-identities.ts';
import type { FoundIdentity } from './find-identities.ts';
import type { OwnIdentity } from './own-identity.ts';
import { ageIdentitiesOf, publicKeysOf } from './public-keys.ts';
import { checkNamed, whichCluster } from './which-cluster.ts';
import type { WhichClusterOptions } from './which-cluster.ts';

export interface PersonIdentityOptions extends WhichClusterOptions {
  /** Of the cluster that the command is about; called when it is needed. May throw a UserError where there is no cluster. */
  readonly secret: () => IdentitySecret;
  /** Files that the person has named: then nothing else opens anything. */
  readonly identity?: readonly string[];
  readonly find: () => Promise<readonly FoundIdentity[]>;
  readonly opener: Pick<Opener, 'recipientsOf'>;
}

interface Kept {
  readonly secret: IdentitySecret;
  readonly identity: KeptIdentity;
}

/**
 * The keys of a person who does by hand, once, what the agent of a cluster does: that cluster's own, where he may read them, else his.
 * Nothing is asked for before it is needed, and nothing is written.
 */
export class PersonIdentity implements OwnIdentity {
  readonly #options: PersonIdentityOptions;
  #kept: Promise<Kept | ProviderError> | undefined;
  #identities: Promise<readonly string[]> | undefined;

  constructor(options: PersonIdentityOptions) {
    this.#options = options;
  }

  async cluster(options: CallOptions): Promise<string | undefined> {
    const { recipients, named, opener } = this.#options;
    checkNamed(this.#options);
    if (recipients.size === 0) return named;
    const kept = await this.#readKept(options);
    if (isProviderError(kept)) return named;
    const { secret, identity } = kept;
    const keys = await told(() => publicKeysOf(ageIdentitiesOf(identity, secret), secret, opener, options), options);
    return whichCluster(keys, this.#options);
  }

  async identities(options: CallOptions): Promise<readonly string[]> {
    return await (this.#identities ??= this.#gather(options));
  }

  async signingKey(options: CallOptions): Promise<string> {
    const kept = await this.#readKept(options);
    if (isProviderError(kept)) throw kept;
    const { secret, identity } = kept;
    if (identity.signingKey !== undefined) return identity.signingKey;
    throw new ProviderError(
      'INVALID_CONFIG',
      `Secret ${secret.namespace}/${secret.name} has no service-principal.pem; the agent adds it when it runs`,
    );
  }

  async #gather(options: CallOptions): Promise<readonly string[]> {
    const { identity = [], find } = this.#options;
    const kept = identity.length > 0 ? undefined : await this.#readKept(options);
    if (kept !== undefined && !isProviderError(kept))
      return await told(() => ageIdentitiesOf(kept.identity, kept.secret), options);
    const own = (await find()).map((found) => found.identity);
    if (own.length > 0 || kept === undefined) return own;
    throw new ProviderError(kept.code, `there is no key for it: ${kept.message}; ${WHERE_IDENTITIES_ARE}`);
  }

  /** What the cluster has, or why that is not to be had. */
  async #readKept(options: CallOptions): Promise<Kept | ProviderError> {
    return await (this.#kept ??= this.#read(options));
  }

  async #read(options: CallOptions): Promise<Kept | ProviderError> {
    try {
      const secret = this.#options.secret();
      const identity = await secret.read(options);
      if (identity !== undefined) return { secret, identity };
      return new ProviderError(
        'INVALID_CONFIG',
        `Secret ${secret.namespace}/${secret.name} does not exist in this cluster`,
      );
    } catch (error) {
      if (error instanceof UserError) return new ProviderError('INVALID_CONFIG', error.message);
      return asProviderError(error, options);
    }
  }
}

async function told<T>(work: () => T | Promise<T>, options: CallOptions): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asProviderError(error, options);
  }
}
