import type { KubeClient } from '@hikyaku/kube-client';
import { FIRST_KEY_FILE, IdentitySecret } from '@hikyaku/kubernetes';
import type { Access, KeptIdentity } from '@hikyaku/kubernetes';
import { generateIdentity, parseIdentities, recipientOf, SealedError } from '@hikyaku/sealing';
import { ensureNamespace, openKube } from '../connect-cluster.ts';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { GlobalOptions } from '../global-options.ts';
import { generateSigningKey, publicSigningKeyOf } from '../identity/signing-key.ts';
import { UserError } from '../user-error.ts';

/** The public half of a cluster's identity. */
interface ClusterKey {
  /** Age recipients, the newest first. */
  readonly keys: readonly string[];
  /** RSA, PEM. */
  readonly signingKey?: string;
}

/** A cluster where a person makes, once, what its agent would make itself. */
export class ClusterToBe implements AsyncDisposable {
  /** As the person names it. */
  readonly context: string;
  readonly #client: KubeClient;
  readonly #access: Access;

  constructor(options: GlobalOptions, edge: Edge, agent: string) {
    const { client, loaded } = openKube(options, edge);
    this.#client = client;
    this.context = loaded.context;
    this.#access = { agent, proof: 'look' };
  }

  /** `undefined` where there is none. Throws TargetError and a UserError where what is there is no identity, KubeError where nobody answers. */
  async read(edge: Edge): Promise<ClusterKey | undefined> {
    const kept = await this.#secret.read(edge);
    return kept && (await publicHalf(kept));
  }

  /** The identity that is there, else a new one. Asks before it makes the namespace. Throws as {@link read}. */
  async ensure(edge: Edge, yes: boolean): Promise<ClusterKey & { readonly made: boolean }> {
    const found = await this.read(edge);
    if (found !== undefined) return { ...found, made: false };
    const cluster = { client: this.#client, access: this.#access, name: this.context };
    await ensureNamespace(cluster, edge, yes);
    const [{ file }, signingKey] = await Promise.all([generateIdentity(), generateSigningKey()]);
    const kept = await this.#secret.create({ keyFiles: new Map([[FIRST_KEY_FILE, file]]), signingKey }, edge);
    return { ...(await publicHalf(kept)), made: kept.signingKey === signingKey };
  }

  /** RSA, PEM; a private half is made where the identity has none. Throws as {@link read}. */
  async signingKey(edge: Edge): Promise<string> {
    const kept = await this.#secret.addSigningKey(await generateSigningKey(), edge);
    const { signingKey } = await publicHalf(kept);
    if (signingKey !== undefined) return signingKey;
    throw new UserError(
      'service-principal.pem of the identity of the cluster is no RSA private key, and is left as it is',
      EXIT.failed,
    );
  }

  get #secret(): IdentitySecret {
    return new IdentitySecret({ client: this.#client, access: this.#access });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close();
  }
}

async function publicHalf({ keyFiles, signingKey }: KeptIdentity): Promise<ClusterKey> {
  const published = signingKey && publicSigningKeyOf(signingKey);
  try {
    const keys = await Promise.all([...keyFiles.values()].flatMap(parseIdentities).map(recipientOf));
    return { keys, ...(published && { signingKey: published }) };
  } catch (error) {
    if (!(error instanceof SealedError)) throw error;
    throw new UserError(
      `the identity of the cluster cannot be used, and is left as it is: ${error.message}`,
      EXIT.failed,
    );
  }
}
