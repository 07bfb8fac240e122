import type { CallOptions } from '@hikyaku/core';
import type { KubeClient, ObjectMeta } from '@hikyaku/kube-client';
import { AGENT_LABEL, MERGE_LABEL } from '@hikyaku/kubernetes';

/** What of a Secret is looked at: never its data. */
export interface SecretMeta extends ObjectMeta {
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

const METADATA = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
const METADATA_LIST = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

/** All Secrets of the cluster with a label of this agent, its own namespace aside, sorted. Throws KubeError. */
export async function findSecrets(
  client: KubeClient,
  agent: string,
  options: CallOptions,
): Promise<readonly SecretMeta[]> {
  const found = await Promise.all([
    listSecrets(client, `${AGENT_LABEL}=${agent}`, options),
    listSecrets(client, MERGE_LABEL, options),
  ]);
  const byId = new Map(found.flat().map((meta) => [`${meta.namespace}/${meta.name}`, meta]));
  return [...byId]
    .filter(([, meta]) => meta.namespace !== agent && holdOf(meta, agent) !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, meta]) => meta);
}

/** Throws KubeError, `NOT_FOUND` where there is none. */
export async function readSecretMeta(client: KubeClient, id: string, { signal }: CallOptions): Promise<SecretMeta> {
  const { body } = await client.request('GET', secretPath(id), { signal, accept: METADATA });
  return (body as { readonly metadata: SecretMeta }).metadata;
}

/** `whole`: it is the agent's. `merge`: keys may be merged into it. */
export function holdOf({ labels = {} }: SecretMeta, agent: string): 'whole' | 'merge' | undefined {
  if (labels[AGENT_LABEL] === agent) return 'whole';
  return labels[MERGE_LABEL]?.split('.').includes(agent) === true ? 'merge' : undefined;
}

/** `id` is `namespace/name`. */
export function secretPath(id: string): string {
  const [namespace = '', name = ''] = id.split('/');
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets/${encodeURIComponent(name)}`;
}

const PAGE = '500';

async function listSecrets(
  client: KubeClient,
  labelSelector: string,
  { signal }: CallOptions,
): Promise<readonly SecretMeta[]> {
  const found: SecretMeta[] = [];
  let next: string | undefined;
  do {
    const query = { labelSelector, limit: PAGE, ...(next !== undefined && { continue: next }) };
    const { body } = await client.request('GET', '/api/v1/secrets', { signal, accept: METADATA_LIST, query });
    const { items, metadata } = body as SecretList;
    found.push(...items.map((item) => item.metadata));
    next = metadata?.continue || undefined;
  } while (next !== undefined);
  return found;
}

interface SecretList {
  readonly metadata?: { readonly continue?: string };
  readonly items: readonly { readonly metadata: SecretMeta }[];
}
