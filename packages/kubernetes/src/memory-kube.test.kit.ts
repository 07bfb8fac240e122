import { SecretValue } from '@hikyaku/core';
import type { DesiredSecret, InventoryEntry } from '@hikyaku/engine';
import { KubeError } from '@hikyaku/kube-client';
import type {
  ConfigMapObject,
  KubeClient,
  KubeErrorDetails,
  NamespacedObject,
  ObjectIdentity,
  ResourceCalls,
  SecretObject,
} from '@hikyaku/kube-client';
import { AGENT_LABEL, MERGE_LABEL } from './ownership.ts';

export const signal: AbortSignal = new AbortController().signal;
export const AGENT = 'hikyaku';

export function kubeError(code: KubeError['code'], details: KubeErrorDetails = {}): KubeError {
  return new KubeError(code, `a request: ${code}`, details);
}

/** One kind of object with the API server's rules for uid and resourceVersion. */
export class MemoryObjects<T extends NamespacedObject> implements ResourceCalls<T> {
  readonly live = new Map<string, T>();
  /** `POST`, `PUT dry`, …, in order. */
  readonly calls: string[] = [];
  /** Throws what the API server would refuse; `before` is the live object. */
  admit: (verb: string, after: T | undefined, before: T | undefined) => void = () => {};
  /** Runs before a call, as another writer might. */
  meanwhile: (call: string) => void = () => {};
  /** Runs when a POST or PUT has been done, as a connection that breaks might. */
  after: () => void = () => {};
  readonly #kind: string;
  #versions = 0;

  constructor(kind: string) {
    this.#kind = kind;
  }

  async get(namespace: string, name: string): Promise<T> {
    this.#called('GET');
    const live = this.live.get(`${namespace}/${name}`);
    this.admit('GET', undefined, live);
    if (live === undefined) throw kubeError('NOT_FOUND', { kind: this.#kind });
    return live;
  }

  async create(object: T, { dryRun }: { readonly dryRun?: boolean | undefined }): Promise<ObjectIdentity> {
    if (object.metadata.name !== POLICY_PROBE) this.#called('POST', dryRun);
    this.admit('POST', object, undefined);
    if (this.live.has(idOf(object))) throw kubeError('ALREADY_EXISTS', { kind: this.#kind });
    return this.put(object, `uid-${++this.#versions}`, dryRun);
  }

  async replace(object: T, { dryRun }: { readonly dryRun?: boolean | undefined }): Promise<ObjectIdentity> {
    this.#called('PUT', dryRun);
    const live = this.live.get(idOf(object));
    if (live === undefined) throw kubeError('NOT_FOUND', { kind: this.#kind });
    const { uid, resourceVersion } = object.metadata;
    if ((uid ?? live.metadata.uid) !== live.metadata.uid) throw kubeError('CONFLICT');
    if ((resourceVersion ?? live.metadata.resourceVersion) !== live.metadata.resourceVersion)
      throw kubeError('CONFLICT');
    this.admit('PUT', object, live);
    if (printed(object) === printed(live)) return identityOf(live);
    if (dryRun) return identityOf(live);
    return this.put(object, live.metadata.uid ?? '', dryRun);
  }

  async delete(
    namespace: string,
    name: string,
    { uid, dryRun }: { readonly uid?: string; readonly dryRun?: boolean | undefined },
  ): Promise<void> {
    this.#called('DELETE', dryRun);
    const live = this.live.get(`${namespace}/${name}`);
    if (live === undefined) throw kubeError('NOT_FOUND', { kind: this.#kind });
    if (uid !== undefined && uid !== live.metadata.uid) throw kubeError('CONFLICT');
    this.admit('DELETE', undefined, live);
    if (!dryRun) this.live.delete(`${namespace}/${name}`);
  }

  /** Whatever anybody else writes. */
  put(object: T, uid = `stranger-${++this.#versions}`, dryRun = false): ObjectIdentity {
    const identity = { uid, resourceVersion: String(++this.#versions) };
    if (!dryRun) this.live.set(idOf(object), { ...object, metadata: { ...object.metadata, ...identity } });
    this.after();
    return identity;
  }

  #called(verb: string, dryRun = false): void {
    const call = dryRun ? `${verb} dry` : verb;
    this.meanwhile(call);
    this.calls.push(call);
  }
}

function idOf({ metadata: { namespace, name } }: NamespacedObject): string {
  return `${namespace}/${name}`;
}

function identityOf({ metadata: { uid = '', resourceVersion = '' } }: NamespacedObject): ObjectIdentity {
  return { uid, resourceVersion };
}

function printed(object: Partial<SecretObject>): string {
  const metadata = { ...object.metadata, uid: undefined, resourceVersion: undefined };
  return JSON.stringify({ ...object, metadata });
}

/** As much of a cluster as the target and the inventory use. */
export function memoryKube() {
  const secrets = new MemoryObjects<SecretObject>('secrets');
  const configMaps = new MemoryObjects<ConfigMapObject>('configmaps');
  const missingNamespaces = new Set<string>();
  const client = {
    secrets,
    configMaps,
    namespaces: {
      async get(name: string): Promise<void> {
        if (missingNamespaces.has(name)) throw kubeError('NOT_FOUND', { kind: 'namespaces' });
      },
    },
    async request(method: string, requestPath: string, { query }: { readonly query?: unknown } = {}) {
      const match = /^\/api\/v1\/namespaces\/([^/]+)\/(secrets|configmaps)\/([^/]+)$/.exec(requestPath);
      if (match === null) throw new Error(`not here: ${requestPath}`);
      const [, namespace = '', resource, name = ''] = match;
      if (method === 'GET' && resource === 'configmaps')
        return { status: 200, body: await configMaps.get(namespace, name) };
      if (method !== 'DELETE' || JSON.stringify(query) !== '{"dryRun":"All"}') throw new Error(`not here: ${method}`);
      const uid = secrets.live.get(`${namespace}/${name}`)?.metadata.uid;
      await secrets.delete(namespace, name, { dryRun: true });
      return { status: 200, body: { kind: 'Status', details: { uid } } };
    },
  };
  return { client: client as unknown as KubeClient, secrets, configMaps, missingNamespaces };
}

/** What the agent sends to learn whether the policy is there. */
const POLICY_PROBE = 'hikyaku-policy-probe';

/** The API server's own rule and the policy of deploy/rights-own.yaml, in the order it applies them. */
export function withPolicy(secrets: MemoryObjects<SecretObject>, { readable = false } = {}): void {
  secrets.admit = (verb, after, before) => {
    if (verb === 'GET') {
      // By the Roles of their owners.
      if (readable) return;
      throw kubeError('FORBIDDEN', { status: 403 });
    }
    if (after?.metadata.name === POLICY_PROBE) {
      throw kubeError('INVALID', { policy: 'hikyaku-own', policyMessage: 'hikyaku: type: not granted' });
    }
    unchangeable(verb, after, before);
    if (verb === 'PUT' && before !== undefined && letsMerge(before)) {
      if (printed({ ...after, data: {} }) === printed({ ...before, data: {} })) return;
      throw kubeError('INVALID', { policy: 'hikyaku-own', policyMessage: 'hikyaku: merge: only the data may change' });
    }
    if (before !== undefined && before.metadata.labels?.[AGENT_LABEL] !== AGENT) {
      throw kubeError('INVALID', { policy: 'hikyaku-own', policyMessage: `hikyaku: not ours: it lacks the label` });
    }
  };
}

function letsMerge({ metadata: { labels = {} } }: SecretObject): boolean {
  return labels[MERGE_LABEL]?.split('.').includes(AGENT) === true && labels[AGENT_LABEL] === undefined;
}

export function unchangeable(_verb: string, after: SecretObject | undefined, before: SecretObject | undefined): void {
  if (after === undefined || before === undefined) return;
  if (after.type !== before.type)
    throw kubeError('INVALID', { causes: [{ field: 'type', reason: 'FieldValueInvalid' }] });
  const sameData = JSON.stringify(after.data) === JSON.stringify(before.data);
  if (before.immutable && !sameData) {
    throw kubeError('INVALID', { causes: [{ field: 'data', reason: 'FieldValueForbidden' }] });
  }
}

export function desiredOf(
  values: Readonly<Record<string, string | Uint8Array>>,
  more: Partial<DesiredSecret> & { readonly source?: string } = {},
): DesiredSecret {
  const { source = 'homelab', ...rest } = more;
  const data = new Map(
    Object.entries(values).map(([key, value]) => [key, { source, from: key, value: SecretValue.of(value) }]),
  );
  return {
    id: 'web/app',
    namespace: 'web',
    name: 'app',
    type: 'Opaque',
    labels: {},
    annotations: {},
    immutable: false,
    existing: 'refuse',
    recreate: false,
    data,
    ...rest,
  };
}

export function entryOf(more: Partial<InventoryEntry> = {}): InventoryEntry {
  return {
    id: 'web/app',
    existing: 'refuse',
    whenRemoved: 'delete',
    keys: new Map([['A', { source: 'homelab' }]]),
    ...more,
  };
}
