import { readSecrets, resetInventory, succeeded } from '@hikyaku/testbed';
import type { Cluster, LiveSecret } from '@hikyaku/testbed';
import type { Example, ExpectedSecret } from './example.ts';

/** What is compared of a Secret that an example makes. */
export type Live = Pick<LiveSecret, 'data' | 'type' | 'immutable' | 'labels' | 'annotations'>;

export function ofEach<T>({ secrets }: Example, of: (secret: ExpectedSecret) => T): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(secrets).map(([id, secret]) => [id, of(secret)]));
}

export function asLive({
  data,
  type = 'Opaque',
  immutable,
  labels = {},
  annotations = {},
  sources,
}: ExpectedSecret): Live {
  return {
    data,
    type,
    immutable: immutable ?? false,
    labels: { ...labels, 'hikyaku.dev/agent': 'hikyaku', 'app.kubernetes.io/managed-by': 'hikyaku' },
    annotations: {
      ...annotations,
      'hikyaku.dev/sources': sources,
      'kustomize.toolkit.fluxcd.io/prune': 'disabled',
    },
  };
}

/** All Secrets of the agent in these namespaces. */
export async function oursIn(
  { admin }: Cluster,
  namespaces: readonly string[],
): Promise<Readonly<Record<string, Live>>> {
  const found: Record<string, Live> = {};
  for (const namespace of namespaces) {
    for (const [name, { data, type, immutable, labels, annotations }] of await readSecrets(admin, namespace)) {
      if (labels['hikyaku.dev/agent'] === undefined) continue;
      found[`${namespace}/${name}`] = { data, type, immutable, labels, annotations };
    }
  }
  return found;
}

export async function removeWhatIsOurs({ admin }: Cluster, namespaces: readonly string[]): Promise<void> {
  for (const namespace of namespaces) {
    const ours = `/api/v1/namespaces/${namespace}/secrets?labelSelector=hikyaku.dev/agent%3Dhikyaku`;
    succeeded(await admin('DELETE', ours));
  }
  await resetInventory(admin);
}
