/** Kubernetes objects as they are on the wire: timestamps are strings. Only what hikyaku reads or writes is typed. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly finalizers?: readonly string[] | undefined;
  readonly ownerReferences?: readonly OwnerReference[] | undefined;
  readonly creationTimestamp?: string | undefined;
  readonly deletionTimestamp?: string | undefined;
  readonly managedFields?: readonly ManagedFields[] | undefined;
}

/** Which fields somebody has written last. */
interface ManagedFields {
  readonly manager?: string | undefined;
  /** When that was, to the second; RFC 3339 in UTC. */
  readonly time?: string | undefined;
  /** A tree of `f:` and the name of a field. */
  readonly fieldsV1?: unknown;
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean | undefined;
}

export interface NamespacedMeta extends ObjectMeta {
  readonly namespace: string;
}

export interface KubeObject {
  readonly apiVersion?: string | undefined;
  readonly kind?: string | undefined;
  readonly metadata: ObjectMeta;
}

export interface NamespacedObject extends KubeObject {
  readonly metadata: NamespacedMeta;
}

/** There is no `stringData`: a wrongly typed one comes back verbatim in the API server's error. */
export interface SecretObject extends NamespacedObject {
  readonly type?: string | undefined;
  /** Base64. */
  readonly data?: Readonly<Record<string, string>> | undefined;
  readonly immutable?: boolean | undefined;
}

export interface ConfigMapObject extends NamespacedObject {
  readonly data?: Readonly<Record<string, string>> | undefined;
  /** Base64. */
  readonly binaryData?: Readonly<Record<string, string>> | undefined;
  readonly immutable?: boolean | undefined;
}

export interface LeaseObject extends NamespacedObject {
  readonly spec?:
    | {
        readonly holderIdentity?: string | null | undefined;
        readonly leaseDurationSeconds?: number | null | undefined;
        /** RFC 3339 with microseconds. */
        readonly acquireTime?: string | null | undefined;
        /** RFC 3339 with microseconds. */
        readonly renewTime?: string | null | undefined;
        readonly leaseTransitions?: number | null | undefined;
      }
    | undefined;
}

/** Trusts the API server to answer with what its own schema says; nothing of ours depends on more than strings in it. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- an assertion with a name
export function fromServer<T>(value: unknown): T {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one place where that trust begins
  return value as T;
}

export interface NamespaceObject extends KubeObject {
  readonly status?: { readonly phase?: string | undefined } | undefined;
}
