import { randomUUID } from 'node:crypto';

export interface FakeMetadata {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly creationTimestamp: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly managedFields: readonly object[];
}

export interface FakeSecretObject {
  readonly kind: 'Secret';
  readonly apiVersion: 'v1';
  readonly metadata: FakeMetadata;
  readonly type: string;
  readonly immutable?: boolean;
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
}

/** What somebody who writes a Secret decides; the rest is the server's. */
export interface FakeSecretParts {
  readonly type: string;
  readonly immutable?: boolean | undefined;
  readonly data: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

export interface FakeEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly revision: number;
  readonly object: FakeSecretObject;
}

export type FakeNamespacePhase = 'Active' | 'Terminating';

/** Namespaces and Secrets with one count of revisions, and what happened since the last compaction. */
export class FakeObjects {
  readonly namespaces = new Map<string, FakeNamespacePhase>();
  readonly #secrets = new Map<string, FakeSecretObject>();
  readonly #listeners = new Set<(event: FakeEvent) => void>();
  #events: FakeEvent[] = [];
  #revision = 100;
  #compacted = 0;

  secret(namespace: string, name: string): FakeSecretObject | undefined {
    return this.#secrets.get(`${namespace}/${name}`);
  }

  secrets(namespace: string): readonly FakeSecretObject[] {
    return [...this.#secrets.values()].filter(({ metadata }) => metadata.namespace === namespace);
  }

  /** Makes or replaces; an equal one keeps its revision. */
  put(
    namespace: string,
    name: string,
    { type, immutable, data, labels, annotations }: FakeSecretParts,
  ): FakeSecretObject {
    const before = this.secret(namespace, name);
    const parts = {
      type,
      ...(immutable !== undefined && { immutable }),
      ...(Object.keys(data).length > 0 && { data }),
    };
    const meta = { ...(labels && { labels }), ...(annotations && { annotations }) };
    if (before !== undefined && sameText(partsOf(before), [parts, meta])) return before;
    const object: FakeSecretObject = {
      kind: 'Secret',
      apiVersion: 'v1',
      metadata: {
        name,
        namespace,
        uid: before?.metadata.uid ?? randomUUID(),
        resourceVersion: String(++this.#revision),
        creationTimestamp: before?.metadata.creationTimestamp ?? new Date().toISOString(),
        ...meta,
        managedFields: [{ manager: 'fake', operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV1' }],
      },
      ...parts,
    };
    this.#secrets.set(`${namespace}/${name}`, object);
    this.#tell({ type: before === undefined ? 'ADDED' : 'MODIFIED', revision: this.#revision, object });
    return object;
  }

  remove(namespace: string, name: string): boolean {
    const before = this.secret(namespace, name);
    if (before === undefined) return false;
    this.#secrets.delete(`${namespace}/${name}`);
    const metadata = { ...before.metadata, resourceVersion: String(++this.#revision) };
    this.#tell({ type: 'DELETED', revision: this.#revision, object: { ...before, metadata } });
    return true;
  }

  get revision(): number {
    return this.#revision;
  }

  /** What happened after a revision; `undefined` when that is forgotten. */
  eventsAfter(revision: number): readonly FakeEvent[] | undefined {
    return revision < this.#compacted ? undefined : this.#events.filter((event) => event.revision > revision);
  }

  /** Forgets what happened so far, as an API server does after some minutes. */
  compact(): void {
    this.#compacted = ++this.#revision;
    this.#events = [];
  }

  listen(listener: (event: FakeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #tell(event: FakeEvent): void {
    this.#events.push(event);
    for (const listener of this.#listeners) listener(event);
  }
}

function partsOf({ type, immutable, data, metadata: { labels, annotations } }: FakeSecretObject): unknown {
  return [
    { type, ...(immutable !== undefined && { immutable }), ...(data && { data }) },
    { ...(labels && { labels }), ...(annotations && { annotations }) },
  ];
}

function sameText(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
