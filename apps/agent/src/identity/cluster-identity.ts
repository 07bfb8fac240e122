import { isDeepStrictEqual } from 'node:util';
import { ProviderError } from '@hikyaku/core';
import type { CallOptions, Clock, Logger } from '@hikyaku/core';
import { TargetError } from '@hikyaku/engine';
import type { KeptIdentity } from '@hikyaku/kubernetes';
import { fingerprintOf } from '@hikyaku/sealing';
import { asProviderError } from './as-provider-error.ts';
import { knownIdentity, newIdentity } from './known-identity.ts';
import type { KnowingOptions, KnownIdentity } from './known-identity.ts';
import type { OwnIdentity } from './own-identity.ts';
import { showIdentity, shownIdentity } from './show-identity.ts';
import { generateSigningKey, publicSigningKeyOf } from './signing-key.ts';
import { unlisted } from './unlisted.ts';
import { checkNamed, whichCluster } from './which-cluster.ts';
import type { WhichClusterOptions } from './which-cluster.ts';

export interface ClusterIdentityOptions extends WhichClusterOptions, KnowingOptions {
  /** It is another tool's, which nothing is written to. */
  readonly borrowed: boolean;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** How long what was read is used before it is read again. */
const CURRENT_MS = 60_000;

/**
 * The identity of the cluster that the agent lives in: made where there is none, shown to people, and written again where its Secret is
 * deleted. A Secret that cannot be read as one is left alone; what was read before goes on counting.
 */
export class ClusterIdentity implements OwnIdentity {
  #options: ClusterIdentityOptions;
  #known: KnownIdentity | undefined;
  #problem: TargetError | undefined;
  #readAt = Number.NEGATIVE_INFINITY;
  /** What was answered last. */
  #cluster: { readonly name: string | undefined } | undefined;
  /** One look at a time. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: ClusterIdentityOptions) {
    this.#options = options;
  }

  get borrowedFrom(): string | undefined {
    return this.#options.borrowed ? this.#secretId : undefined;
  }

  get publicKeys(): readonly string[] {
    return this.#known?.publicKeys ?? [];
  }

  /** Reads or makes it, and says in the log what it is. Throws TargetError where the API server cannot be asked. */
  async start(options: CallOptions): Promise<void> {
    const { borrowed, logger } = this.#options;
    if (borrowed)
      logger.warn(
        { secret: this.#secretId },
        'identity of another tool: this agent can open whatever is sealed to it, also what is not meant for this agent',
      );
    await this.#inTurn(() => this.#look(options));
  }

  /** Goes by the recipients of another config: which cluster this is may change with them. Rejects with a ProviderError where it cannot be known now. */
  async goBy(recipients: ClusterIdentityOptions['recipients'], options: CallOptions): Promise<string | undefined> {
    const before = this.#options;
    this.#options = { ...before, recipients };
    try {
      await this.#inTurn(async () => {
        if (this.#known === undefined || isDeepStrictEqual(before.recipients, recipients)) return;
        const { kept } = this.#known;
        // What is shown may be believed as long as it decides nothing.
        if (before.recipients.size === 0) this.#known = await this.#knownOf(kept, options);
        this.#sayUnlisted(this.#known.publicKeys);
      });
      return await this.cluster(options);
    } catch (error) {
      this.#options = before;
      throw asProviderError(error, options);
    }
  }

  /** Looks after it until the signal aborts, or until this is another cluster than it was said to be. */
  async keep({ everyMs, signal }: CallOptions & { readonly everyMs: () => number }): Promise<void> {
    const { clock, logger } = this.#options;
    for (;;) {
      try {
        await clock.sleep(everyMs(), { signal });
        await this.#inTurn(() => this.#look({ signal }));
        if (this.#cluster !== undefined && this.#cluster.name !== this.#which()) return;
      } catch (error) {
        if (signal.aborted) return;
        logger.debug({ error }, 'identity not looked at');
      }
    }
  }

  async cluster(options: CallOptions): Promise<string | undefined> {
    const { recipients, named } = this.#options;
    checkNamed(this.#options);
    if (recipients.size === 0) return named;
    await this.#current(options);
    this.#cluster = { name: this.#which() };
    return this.#cluster.name;
  }

  #which(): string | undefined {
    return whichCluster(this.#known?.publicKeys ?? [], this.#options);
  }

  async identities(options: CallOptions): Promise<readonly string[]> {
    return (await this.#currentOrProblem(options)).identities;
  }

  async signingKey(options: CallOptions): Promise<string> {
    let { signingKey } = (await this.#currentOrProblem(options)).kept;
    if (signingKey === undefined) {
      await this.#inTurn(() => this.#addSigningKey(options)).catch((error: unknown) => {
        throw asProviderError(error, options);
      });
      ({ signingKey } = (await this.#currentOrProblem(options)).kept);
    }
    if (signingKey !== undefined && publicSigningKeyOf(signingKey) !== undefined) return signingKey;
    const what = `Secret ${this.#secretId} holds no RSA private key under service-principal.pem`;
    throw new ProviderError('INVALID_CONFIG', `${what}, and what is there is left as it is`);
  }

  get #secretId(): string {
    const { namespace, name } = this.#options.secret;
    return `${namespace}/${name}`;
  }

  async #currentOrProblem(options: CallOptions): Promise<KnownIdentity> {
    await this.#current(options);
    if (this.#known !== undefined) return this.#known;
    throw new ProviderError('INVALID_CONFIG', this.#problem?.message ?? 'there is no identity');
  }

  /** A look that fails is no harm where something is known. */
  async #current(options: CallOptions): Promise<void> {
    const { clock } = this.#options;
    await this.#inTurn(async () => {
      if (clock.monotonic() - this.#readAt >= CURRENT_MS) await this.#look(options);
    }).catch((error: unknown) => {
      options.signal.throwIfAborted();
      if (this.#known === undefined) throw asProviderError(error, options);
      this.#readAt = clock.monotonic();
    });
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {});
    await turn;
  }

  async #look(options: CallOptions): Promise<void> {
    const { secret, clock, logger } = this.#options;
    try {
      const kept = (await secret.read(options)) ?? (await this.#make(options));
      if (!isSame(kept, this.#known?.kept)) await this.#adopt(kept, options);
      this.#problem = undefined;
    } catch (error) {
      options.signal.throwIfAborted();
      if (!(error instanceof TargetError) || error.code !== 'INVALID') throw error;
      if (error.message !== this.#problem?.message)
        logger.error(
          { error },
          this.#known === undefined
            ? 'no identity: nothing that is sealed can be opened'
            : 'identity cannot be read any more: the one in memory goes on',
        );
      this.#problem = error;
    }
    this.#readAt = clock.monotonic();
  }

  async #make(options: CallOptions): Promise<KeptIdentity> {
    const { secret, borrowed, logger } = this.#options;
    if (borrowed)
      throw new TargetError('INVALID', `Secret ${this.#secretId}, which --identity-secret names, does not exist`);
    if (this.#known !== undefined) {
      logger.warn(
        { secret: this.#secretId },
        'identity Secret was deleted: it is written again from memory. Who wants another key takes hikyaku identity rotate',
      );
      return await secret.create(this.#known.kept, options);
    }
    return await secret.create(await newIdentity(this.#options, options), options);
  }

  async #adopt(kept: KeptIdentity, options: CallOptions): Promise<void> {
    const { logger } = this.#options;
    const isFirst = this.#known === undefined;
    this.#known = await this.#knownOf(kept, options);
    const { publicKeys } = this.#known;
    const fields = { publicKey: publicKeys.join(' '), fingerprint: publicKeys.map(fingerprintOf).join(' ') };
    logger.info({ secret: this.#secretId, ...fields }, isFirst ? 'identity' : 'identity changed');
    this.#sayUnlisted(publicKeys);
    await showIdentity(this.#options, shownIdentity(publicKeys, kept.signingKey), options);
  }

  async #knownOf(kept: KeptIdentity, options: CallOptions): Promise<KnownIdentity> {
    // Without recipients it decides nothing.
    return await knownIdentity(kept, this.#options.recipients.size === 0, this.#options, options);
  }

  #sayUnlisted(publicKeys: readonly string[]): void {
    const problem = unlisted(publicKeys, this.#options);
    if (problem === undefined) return;
    const fields = { publicKey: publicKeys.join(' '), fingerprint: publicKeys.map(fingerprintOf).join(' ') };
    this.#options.logger.warn({ ...fields, ...problem }, 'nothing is sealed to this cluster');
  }

  async #addSigningKey(options: CallOptions): Promise<void> {
    const { secret, borrowed } = this.#options;
    if (borrowed || this.#known === undefined || this.#known.kept.signingKey !== undefined) return;
    await this.#adopt(await secret.addSigningKey(await generateSigningKey(), options), options);
  }
}

function isSame(a: KeptIdentity, b: KeptIdentity | undefined): boolean {
  const textOf = ({ keyFiles, signingKey }: KeptIdentity) => JSON.stringify([[...keyFiles], signingKey]);
  return b !== undefined && textOf(a) === textOf(b);
}
