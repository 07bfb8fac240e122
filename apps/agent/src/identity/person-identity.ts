import { ProviderError } from '@hikyaku/core';
import type { CallOptions } from '@hikyaku/core';
import { TargetError } from '@hikyaku/engine';
import type { IdentitySecret, KeptIdentity } from '@hikyaku/kubernetes';
import type { Opener } from '@hikyaku/sealing';
import { asProviderError } from './as-provider-error.ts';
import { WHERE_IDENTITIES_ARE } from './find-identities.ts';
import type { FoundIdentity } from './find-identities.ts';
import type { OwnIdentity } from './own-identity.ts';
import { ageIdentitiesOf, publicKeysOf } from './public-keys.ts';
import { checkNamed, whichCluster } from './which-cluster.ts';
import type { WhichClusterOptions } from './which-cluster.ts';

export interface PersonIdentityOptions extends WhichClusterOptions {
  /** Of the cluster that the command is about. */
  readonly secret: IdentitySecret;
  /** Files that are named, with which nothing else is tried. */
  readonly identity?: readonly string[];
  readonly find: () => Promise<readonly FoundIdentity[]>;
  readonly opener: Pick<Opener, 'recipientsOf'>;
}

/**
 * What a person opens with who does once, by hand, what the agent of a cluster does: the cluster's own identity, where he may read it, or
 * his own. Nothing is asked for before it is needed, and nothing is written.
 */
export class PersonIdentity implements OwnIdentity {
  readonly #options: PersonIdentityOptions;
  #kept: Promise<KeptIdentity | TargetError | undefined> | undefined;
  #identities: Promise<readonly string[]> | undefined;

  constructor(options: PersonIdentityOptions) {
    this.#options = options;
  }

  async cluster(options: CallOptions): Promise<string | undefined> {
    const { recipients, named, secret, opener } = this.#options;
    checkNamed(this.#options);
    if (recipients.size === 0) return named;
    const kept = await this.#readKept(options);
    if (kept === undefined || kept instanceof TargetError) return named;
    try {
      const keys = await publicKeysOf(ageIdentitiesOf(kept, secret), secret, opener, options);
      return whichCluster(keys, this.#options);
    } catch (error) {
      throw asProviderError(error, options);
    }
  }

  async identities(options: CallOptions): Promise<readonly string[]> {
    return await (this.#identities ??= this.#gather(options));
  }

  async signingKey(options: CallOptions): Promise<string> {
    const kept = await this.#readKept(options);
    if (kept !== undefined && !(kept instanceof TargetError) && kept.signingKey !== undefined) return kept.signingKey;
    throw new ProviderError('INVALID_CONFIG', `there is no key to sign with: ${this.#whyNot(kept)}`);
  }

  async #gather(options: CallOptions): Promise<readonly string[]> {
    const { identity = [], find, secret } = this.#options;
    const isNamed = identity.length > 0;
    const kept = isNamed ? undefined : await this.#readKept(options);
    const hasKept = kept !== undefined && !(kept instanceof TargetError);
    const own = (await find()).map((found) => found.identity);
    const all = [...(hasKept ? ageIdentitiesOf(kept, secret) : []), ...own];
    if (all.length > 0) return all;
    throw new ProviderError(
      'INVALID_CONFIG',
      `there is no key to open it with: ${this.#whyNot(kept)}; ${WHERE_IDENTITIES_ARE}`,
    );
  }

  /** What can be read; why not, where that is for good. */
  async #readKept(options: CallOptions): Promise<KeptIdentity | TargetError | undefined> {
    this.#kept ??= this.#options.secret.read(options).catch((error: unknown) => {
      options.signal.throwIfAborted();
      if (error instanceof TargetError && (error.code === 'INVALID' || error.code === 'FORBIDDEN')) return error;
      throw asProviderError(error, options);
    });
    return await this.#kept;
  }

  #whyNot(kept: KeptIdentity | TargetError | undefined): string {
    const { namespace, name } = this.#options.secret;
    if (kept instanceof TargetError) return kept.message;
    return `Secret ${namespace}/${name} ${kept === undefined ? 'does not exist in this cluster' : 'has no service-principal.pem'}`;
  }
}
