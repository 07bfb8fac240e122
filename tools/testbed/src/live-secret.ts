import type { Api } from './cluster.ts';
import { field, succeeded } from './cluster.ts';

/** A Secret as it is in the cluster, its values decoded. */
export interface LiveSecret {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly type: string;
  readonly immutable: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly ownerReferences: readonly unknown[];
  readonly finalizers: readonly string[];
  readonly data: Readonly<Record<string, string>>;
}

export interface SecretOptions {
  readonly type?: string;
  readonly immutable?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly object[];
  readonly finalizers?: readonly string[];
}

const MERGE_PATCH = { 'content-type': 'application/merge-patch+json' };

/** `id` is `namespace/name`. */
export function secretPath(id: string): string {
  const [namespace = '', name = ''] = id.split('/');
  return `/api/v1/namespaces/${namespace}/secrets/${name}`;
}

/** `undefined` when it does not exist. */
export async function readSecret(admin: Api, id: string): Promise<LiveSecret | undefined> {
  const answer = await admin('GET', secretPath(id));
  return answer.status === 404 ? undefined : asLiveSecret(succeeded(answer));
}

/** All Secrets of a namespace by name. */
export async function readSecrets(admin: Api, namespace: string): Promise<ReadonlyMap<string, LiveSecret>> {
  const items = field(succeeded(await admin('GET', `/api/v1/namespaces/${namespace}/secrets`)), 'items');
  const list: readonly unknown[] = Array.isArray(items) ? items : [];
  return new Map(list.map((item) => [String(field(item, 'metadata', 'name')), asLiveSecret(item)]));
}

/** Makes a Secret as a person would, without the agent's label unless it is given. */
export async function createSecret(
  admin: Api,
  id: string,
  values: Readonly<Record<string, string>>,
  { type = 'Opaque', immutable = false, ...metadata }: SecretOptions = {},
): Promise<LiveSecret> {
  const [namespace = '', name = ''] = id.split('/');
  const body = { metadata: { name, ...metadata }, type, immutable, stringData: values };
  return asLiveSecret(succeeded(await admin('POST', `/api/v1/namespaces/${namespace}/secrets`, body)));
}

/** What a person changes by `kubectl edit` or `kubectl label`; null removes. */
export async function patchSecret(admin: Api, id: string, patch: object): Promise<LiveSecret> {
  return asLiveSecret(succeeded(await admin('PATCH', secretPath(id), patch, MERGE_PATCH)));
}

export async function deleteSecret(admin: Api, id: string): Promise<void> {
  succeeded(await admin('DELETE', secretPath(id)));
}

export async function createNamespace(admin: Api, name: string): Promise<void> {
  succeeded(await admin('POST', '/api/v1/namespaces', { metadata: { name } }));
}

/** The agent then knows nothing of what it made; so that a test does not prune what another one left. */
export async function resetInventory(admin: Api): Promise<void> {
  const path = '/api/v1/namespaces/hikyaku/configmaps/hikyaku-inventory';
  const answer = await admin('PATCH', path, { data: null }, MERGE_PATCH);
  if (answer.status !== 404) succeeded(answer);
}

function asLiveSecret(body: unknown): LiveSecret {
  const { metadata, type, immutable = false, data = {} } = body as SecretBody;
  const { uid, resourceVersion, labels = {}, annotations = {}, ownerReferences = [], finalizers = [] } = metadata;
  const values = Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]);
  return {
    uid,
    resourceVersion,
    type,
    immutable,
    labels,
    annotations,
    ownerReferences,
    finalizers,
    data: Object.fromEntries(values),
  };
}

interface SecretBody extends Pick<LiveSecret, 'type'> {
  readonly metadata: Pick<LiveSecret, 'uid' | 'resourceVersion'> & Partial<LiveSecret>;
  readonly immutable?: boolean;
  readonly data?: Readonly<Record<string, string>>;
}
