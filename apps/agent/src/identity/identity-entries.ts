import type { CallOptions } from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';
import type { KubeClient, SecretObject } from '@hikyaku/kube-client';
import { IdentitySecret, publishIdentity } from '@hikyaku/kubernetes';
import type { Access } from '@hikyaku/kubernetes';
import { parseIdentities, recipientOf, SealedError } from '@hikyaku/sealing';
import { EXIT } from '../exit-code.ts';
import { UserError } from '../user-error.ts';
import { shownIdentity } from './show-identity.ts';

/** One entry of the identity Secret of a cluster. */
export interface IdentityEntry {
  /** `age.agekey`, `age-2026-11-25.agekey`. */
  readonly name: string;
  /** Secret. */
  readonly identities: readonly string[];
  /** Of each of them. */
  readonly keys: readonly string[];
}

/** The identity of a cluster, as a person with rights in its namespace reads and changes it. */
export class IdentityEntries {
  /** The newest first; none where there is no Secret. As it was when it was read or changed last. */
  entries: readonly IdentityEntry[] = [];
  readonly #client: KubeClient;
  readonly #access: Access;
  readonly #secret: IdentitySecret;
  #signingKey: string | undefined;

  private constructor(client: KubeClient, access: Access) {
    this.#client = client;
    this.#access = access;
    this.#secret = new IdentitySecret({ client, access });
  }

  /** Throws TargetError, and a UserError for what is no identity. */
  static async read(client: KubeClient, access: Access, options: CallOptions): Promise<IdentityEntries> {
    const entries = new IdentityEntries(client, access);
    await entries.#read(options);
    return entries;
  }

  /** `hikyaku/hikyaku-identity` */
  get id(): string {
    return `${this.#secret.namespace}/${this.#secret.name}`;
  }

  /** Public keys, the newest first. */
  get keys(): readonly string[] {
    return this.entries.flatMap(({ keys }) => keys);
  }

  /** Adds an entry of `age-keygen` beside those that are there. Throws UserError, KubeError. */
  async add(text: string, now: Date, options: CallOptions): Promise<void> {
    const name = entryName(
      now,
      this.entries.map((entry) => entry.name),
    );
    await this.#change(options, (live) => ({
      ...live,
      data: { ...live.data, [name]: Buffer.from(text).toString('base64') },
    }));
  }

  /** Takes entries out, also where what has applied the Secret keeps a copy of all that it applied. Throws UserError, KubeError. */
  async remove(names: readonly string[], options: CallOptions): Promise<void> {
    await this.#change(options, (live) => {
      const { annotations, ...metadata } = live.metadata;
      return {
        ...live,
        metadata: { ...metadata, ...(annotations && { annotations: without(annotations, COPIES) }) },
        data: without(live.data ?? {}, names),
      };
    });
  }

  /** Shows the public keys in the ConfigMap, as the agent does. Throws KubeError. */
  async publish(options: CallOptions): Promise<void> {
    await publishIdentity(this.#client, this.#access, shownIdentity(this.keys, this.#signingKey), options);
  }

  async #read(options: CallOptions): Promise<void> {
    const kept = await this.#secret.read(options);
    this.#signingKey = kept?.signingKey;
    this.entries = await Promise.all(
      [...(kept?.keyFiles ?? [])].map(async ([name, text]) => {
        const identities = this.#parse(name, text);
        return { name, identities, keys: await Promise.all(identities.map(recipientOf)) };
      }),
    );
  }

  /** Only what is still as it was read: whoever decided saw that. */
  async #change(options: CallOptions, change: (live: SecretObject) => SecretObject): Promise<void> {
    const { namespace, name } = this.#secret;
    try {
      const live = await this.#client.secrets.get(namespace, name, options);
      const { data = {}, immutable } = live;
      const found = Object.keys(data).filter((entry) => entry.endsWith('.agekey'));
      if (
        found.toSorted().join() !==
        this.entries
          .map((entry) => entry.name)
          .toSorted()
          .join()
      )
        throw this.#changedMeanwhile();
      if (immutable === true) throw new UserError(`Secret ${this.id} is immutable: nothing was changed`, EXIT.failed);
      // Its uid and resourceVersion go along, so that nobody else's change is lost.
      await this.#client.secrets.replace(change(live), options);
    } catch (error) {
      options.signal.throwIfAborted();
      const isAnother = isKubeError(error) && (error.code === 'CONFLICT' || error.code === 'NOT_FOUND');
      throw isAnother ? this.#changedMeanwhile() : error;
    }
    await this.#read(options);
  }

  #parse(entry: string, text: string): readonly string[] {
    try {
      return parseIdentities(text);
    } catch (error) {
      if (!(error instanceof SealedError)) throw error;
      throw new UserError(`Secret ${this.id} holds no age identity under ${entry}: ${error.message}`, EXIT.failed);
    }
  }

  #changedMeanwhile(): UserError {
    return new UserError(`Secret ${this.id} was changed by somebody else meanwhile: try again`, EXIT.failed);
  }
}

/** Of `kubectl apply`, and of k3s and whatever else is made with Wrangler. */
const COPIES = ['kubectl.kubernetes.io/last-applied-configuration', 'objectset.rio.cattle.io/applied'];

function without(
  entries: Readonly<Record<string, string>>,
  names: readonly string[],
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(entries).filter(([name]) => !names.includes(name)));
}

/** The newest of a day sorts first, too: `age-2026-11-25.agekey`, `age-2026-11-25b.agekey`. */
function entryName(now: Date, taken: readonly string[]): string {
  const date = now.toISOString().slice(0, 10);
  const name = LETTERS.map((letter) => `age-${date}${letter}.agekey`).find((one) => !taken.includes(one));
  if (name === undefined) throw new UserError('there are too many keys already: hikyaku identity prune');
  return name;
}

const LETTERS = ['', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
