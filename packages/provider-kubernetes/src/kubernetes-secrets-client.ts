import { isProviderError, previousIfSame, ProviderError, refId } from '@hikyaku/core';
import type {
  CallOptions,
  ProviderContext,
  ReadRequest,
  Secret,
  SecretChange,
  SecretInfo,
  SecretsClient,
  SecretValue,
  Snapshot,
  WriteResult,
} from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';
import type { KubeClient } from '@hikyaku/kube-client';
import { ClusterSecrets } from './cluster-secrets.ts';
import type { Cluster } from './cluster.ts';
import { eachOf } from './each-of.ts';
import type { KubernetesConfig } from './kubernetes-config.ts';
import type { LiveSecret } from './live-secret.ts';
import { ownSecretRefusal } from './own-secret.ts';
import { parseSecretKey, secretKeyName, secretKeyRefusal } from './secret-key.ts';
import { SeenSecrets } from './seen-secrets.ts';
import { watchSecrets } from './watch-secrets.ts';
import { writeSecrets } from './write-secrets.ts';

/** What became of one Secret. With an error, `keys` are those it is known to have. */
type Outcome =
  | { readonly live: LiveSecret | undefined; readonly error?: undefined }
  | { readonly error: ProviderError; readonly keys: readonly string[] | undefined };

/** Reads named Secrets of one namespace, one GET each; their keys are `<secret>/<key>`. */
export class KubernetesSecretsClient implements SecretsClient {
  readonly #config: KubernetesConfig;
  readonly #context: ProviderContext;
  readonly #secrets: ClusterSecrets;
  readonly #seen = new SeenSecrets();
  /** Of the Secrets that this process has read, so that all of them can be called unknown later. */
  readonly #keys = new Map<string, readonly string[]>();
  readonly list?: NonNullable<SecretsClient['list']>;

  constructor(config: KubernetesConfig, cluster: Cluster, context: ProviderContext) {
    this.#config = config;
    this.#context = context;
    this.#secrets = new ClusterSecrets(cluster, config.namespace);
    const { secrets } = config;
    if (secrets !== undefined) this.list = (options) => this.#list(secrets, options);
  }

  async read({ all, wants = () => true, refs, previous, signal }: ReadRequest): Promise<Snapshot> {
    const { keys, refused } = sort(refs);
    const listed = new Set(all ? this.#listed() : []);
    const outcomes = await this.#readAll(new Set([...keys.keys(), ...listed]), { signal });
    const failed = [...outcomes.values()].flatMap(({ error }) => error ?? []);
    if (failed[0] !== undefined && failed.length === outcomes.size) throw failed[0];

    const secrets = new Map<string, Secret>();
    const unknown = new Map(refused);
    for (const [secret, outcome] of outcomes) {
      const asked = new Set(keys.get(secret));
      const inAll = listed.has(secret);
      const nameOf = (key: string) => secretKeyName({ secret, key });
      if (outcome.error !== undefined) {
        // Keys that nobody can name would pass for gone.
        if (inAll && outcome.keys === undefined) throw outcome.error;
        for (const key of [...asked, ...(inAll ? (outcome.keys ?? []) : [])]) unknown.set(nameOf(key), outcome.error);
        continue;
      }
      for (const [key, value] of outcome.live?.values ?? []) {
        const name = nameOf(key);
        if (!asked.has(key) && !(inAll && wants(name))) continue;
        secrets.set(name, this.#secretOf(value, outcome.live?.version, previous?.secrets.get(name)));
      }
    }
    for (const [secret, outcome] of outcomes)
      if (outcome.error === undefined) this.#seen.note(secret, outcome.live?.version);
    return previousIfSame(previous, { secrets, ...(unknown.size > 0 && { unknown }) });
  }

  async write(changes: readonly SecretChange[], { signal }: CallOptions): Promise<readonly WriteResult[]> {
    return await writeSecrets(changes, { secrets: this.#secrets, createType: this.#config.createType, signal });
  }

  async *watch({ signal }: CallOptions): AsyncGenerator<void, void, undefined> {
    const client = await this.#secrets.cluster.client({ signal });
    const { namespace } = this.#config;
    try {
      yield* watchSecrets({ client, namespace, seen: this.#seen, clock: this.#context.clock, signal });
    } catch (error) {
      throw isKubeError(error) ? this.#secrets.toError(error) : error;
    }
  }

  async #list(names: readonly string[], options: CallOptions): Promise<readonly SecretInfo[]> {
    const outcomes = await this.#readAll(new Set(names), options);
    return [...outcomes].flatMap(([secret, outcome]) => {
      if (outcome.error !== undefined) throw outcome.error;
      const { live } = outcome;
      if (live === undefined) return [];
      return [...live.values.keys()].map((key) => ({ name: secretKeyName({ secret, key }), version: live.version }));
    });
  }

  #listed(): readonly string[] {
    const { secrets } = this.#config;
    if (secrets !== undefined) return secrets;
    throw new ProviderError(
      'UNSUPPORTED',
      'which Secrets «everything» means has to be said, as rights are given by name: list them under `secrets` of this source, or name each key under `data`',
    );
  }

  async #readAll(names: ReadonlySet<string>, { signal }: CallOptions): Promise<ReadonlyMap<string, Outcome>> {
    return await this.#secrets.withClient(
      async (client) => {
        const outcomes = await eachOf(names, (name) => this.#readOne(client, name, { signal }));
        const all = [...outcomes.values()];
        if (all.some((outcome) => outcome.error === undefined && outcome.live === undefined))
          await this.#secrets.checkNamespace(client, { signal });
        for (const [name, outcome] of outcomes)
          if (outcome.error === undefined) this.#keys.set(name, [...(outcome.live?.values.keys() ?? [])]);
        return outcomes;
      },
      { signal },
    );
  }

  async #readOne(client: KubeClient, name: string, { signal }: CallOptions): Promise<Outcome> {
    try {
      const live = await this.#getTwice(client, name, { signal });
      const error = live && ownSecretRefusal(live, this.#secrets.cluster);
      return error === undefined ? { live } : { error, keys: [...(live?.values.keys() ?? [])] };
    } catch (error) {
      // These two concern all Secrets of the source.
      if (!isProviderError(error) || error.code === 'UNAUTHENTICATED' || error.code === 'NOT_FOUND') throw error;
      return { error, keys: this.#keys.get(name) };
    }
  }

  /** One Secret out of many that fails by accident would wait for the next refresh, which may be an hour away. */
  async #getTwice(client: KubeClient, name: string, options: CallOptions): Promise<LiveSecret | undefined> {
    try {
      return await this.#secrets.get(client, name, options);
    } catch (error) {
      if (!isProviderError(error) || !error.retryable || error.retryAfterMs !== undefined) throw error;
      return await this.#secrets.get(client, name, options);
    }
  }

  #secretOf(value: SecretValue, version: string | undefined, before: Secret | undefined): Secret {
    if (before !== undefined && before.version === version && before.value.equals(value)) return before;
    return { value, readAt: this.#context.clock.now(), ...(version !== undefined && { version }) };
  }
}

/** The keys that are asked for of each Secret, and the refs that cannot be. */
function sort(refs: ReadRequest['refs']): {
  readonly keys: ReadonlyMap<string, readonly string[]>;
  readonly refused: ReadonlyMap<string, ProviderError>;
} {
  const keys = new Map<string, string[]>();
  const refused = new Map<string, ProviderError>();
  for (const ref of refs) {
    const parsed = parseSecretKey(ref.name);
    if (parsed === undefined) {
      refused.set(refId(ref), secretKeyRefusal(ref.name));
    } else if (ref.version !== undefined) {
      const message = `Kubernetes keeps no older versions of a Secret: remove \`version\` from ${ref.name}`;
      refused.set(refId(ref), new ProviderError('UNSUPPORTED', message));
    } else {
      keys.set(parsed.secret, [...(keys.get(parsed.secret) ?? []), parsed.key]);
    }
  }
  return { keys, refused };
}
