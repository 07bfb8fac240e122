import { isProviderError, ProviderError } from '@hikyaku/core';
import type { CallOptions, ProviderErrorCode, SecretChange, SecretValue, WriteResult } from '@hikyaku/core';
import type { SecretObject } from '@hikyaku/kube-client';
import { applyChanges } from './apply-changes.ts';
import type { KeyChange } from './apply-changes.ts';
import type { ClusterSecrets } from './cluster-secrets.ts';
import { eachOf } from './each-of.ts';
import type { LiveSecret } from './live-secret.ts';
import { ownSecretRefusal } from './own-secret.ts';
import { parseSecretKey, secretKeyRefusal } from './secret-key.ts';

export interface WriteSecretsOptions extends CallOptions {
  readonly secrets: ClusterSecrets;
  /** Of a Secret that is made. */
  readonly createType: string;
}

/** By the index of the change. */
type Results = ReadonlyMap<number, Omit<WriteResult, 'name'>>;

/** How often, when somebody else changes the Secret at the same time. */
const ATTEMPTS = 4;

/** Made or read as orders by others: a token of an account, a way to join the cluster, a release of Helm. */
const REFUSED_TYPES: ReadonlySet<string> = new Set([
  'kubernetes.io/service-account-token',
  'bootstrap.kubernetes.io/token',
  'helm.sh/release.v1',
]);

/** After these nobody knows what became of a write. */
const UNKNOWN_OUTCOME: ReadonlySet<ProviderErrorCode> = new Set(['UNAVAILABLE', 'INVALID_RESPONSE']);

/**
 * Changes keys of Secrets: those of one Secret at once, by a PUT of what was seen of it, so that its other keys and all else
 * stay. Where it is not known what became of a Secret, the rest is still written before that is thrown.
 */
export async function writeSecrets(
  changes: readonly SecretChange[],
  options: WriteSecretsOptions,
): Promise<readonly WriteResult[]> {
  const { signal } = options;
  signal.throwIfAborted();
  const results = new Map<number, Omit<WriteResult, 'name'>>();
  const bySecret = new Map<string, KeyChange[]>();
  for (const [index, change] of changes.entries()) {
    const parsed = parseSecretKey(change.name);
    if (parsed === undefined) results.set(index, { error: secretKeyRefusal(change.name) });
    else {
      const { secret, key } = parsed;
      bySecret.set(secret, [...(bySecret.get(secret) ?? []), { index, key, change }]);
    }
  }
  const thrown: unknown[] = [];
  await eachOf(bySecret.keys(), async (secret) => {
    try {
      const written = await writeSecret(secret, bySecret.get(secret) ?? [], options);
      for (const [index, result] of written) results.set(index, result);
    } catch (error) {
      thrown.push(error);
    }
  });
  signal.throwIfAborted();
  if (thrown.length > 0) throw thrown[0];
  return changes.map(({ name }, index) => ({ name, ...results.get(index) }));
}

async function writeSecret(
  name: string,
  changes: readonly KeyChange[],
  { secrets, createType, signal }: WriteSecretsOptions,
): Promise<Results> {
  for (let attempt = 1; ; attempt++) {
    let live: LiveSecret | undefined;
    try {
      live = await secrets.withClient((client) => secrets.get(client, name, { signal }), { signal });
    } catch (error) {
      return failed(changes, error); // nothing was written
    }
    const type = live?.object.type ?? createType;
    const { applied, values, results } = applyChanges(changes, live);
    if (applied.length === 0) return results;
    if (values === undefined) return new Map([...results, ...succeeded(applied, live?.version)]);
    const refusal = refusalOf(name, type, live, secrets);
    if (refusal !== undefined) return new Map([...results, ...failed(applied, refusal)]);

    const { namespace } = secrets;
    const secret = live === undefined ? made(namespace, name, type, values) : { ...live.object, data: dataOf(values) };
    try {
      const { uid, resourceVersion } = await secrets.withClient(
        (client) =>
          live === undefined ? secrets.create(client, secret, { signal }) : secrets.replace(client, secret, { signal }),
        { signal },
      );
      return new Map([...results, ...succeeded(applied, `${uid}:${resourceVersion}`)]);
    } catch (error) {
      if (!isProviderError(error) || UNKNOWN_OUTCOME.has(error.code)) throw error;
      const isOvertaken = error.code === 'CONFLICT' || (error.code === 'NOT_FOUND' && live !== undefined);
      if (!isOvertaken || attempt === ATTEMPTS) return new Map([...results, ...failed(applied, error)]);
    }
  }
}

function refusalOf(
  name: string,
  type: string,
  live: LiveSecret | undefined,
  { cluster, namespace }: ClusterSecrets,
): ProviderError | undefined {
  const secret = `Secret ${namespace}/${name}`;
  if (REFUSED_TYPES.has(type)) {
    return new ProviderError(
      'INVALID_CONFIG',
      `${secret} is of type ${type}, which Kubernetes or Helm acts on: it is not written`,
    );
  }
  if (live?.object.immutable === true) {
    return new ProviderError('UNSUPPORTED', `${secret} is immutable: its owner can only delete it and make it again`);
  }
  return live && ownSecretRefusal(live, cluster);
}

function made(namespace: string, name: string, type: string, values: ReadonlyMap<string, SecretValue>): SecretObject {
  // Without the label of an agent: no agent's inventory has it.
  const metadata = { namespace, name, labels: { 'app.kubernetes.io/managed-by': 'hikyaku' } };
  return { metadata, type, data: dataOf(values) };
}

function dataOf(values: ReadonlyMap<string, SecretValue>): Readonly<Record<string, string>> {
  // An assignment would lose the key `__proto__`.
  return Object.fromEntries([...values].map(([key, value]) => [key, base64(value.reveal())]));
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function succeeded(changes: readonly KeyChange[], version: string | undefined): Results {
  return new Map(
    changes.map(({ index, change }) => [index, 'remove' in change || version === undefined ? {} : { version }]),
  );
}

/** Throws what is no ProviderError. */
function failed(changes: readonly KeyChange[], error: unknown): Results {
  if (!isProviderError(error)) throw error;
  return new Map(changes.map(({ index }) => [index, { error }]));
}
