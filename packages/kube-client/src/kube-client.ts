import type {
  KubeObject,
  ConfigMapObject,
  LeaseObject,
  NamespacedObject,
  NamespaceObject,
  SecretObject,
} from './objects.ts';
import type { Query } from './path.ts';
import type { KubeError } from './kube-error.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH';

/** An aborted signal rejects with its own reason, not with a KubeError. */
export interface CallOptions {
  readonly signal: AbortSignal;
  /** From the moment the request may be sent to the last byte of the answer. */
  readonly timeoutMs?: number | undefined;
}

export interface RequestOptions extends CallOptions {
  readonly query?: Query | undefined;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Default `application/json`. */
  readonly accept?: string | undefined;
  /** Default `application/json`; a PATCH needs another. */
  readonly contentType?: string | undefined;
}

export interface KubeResponse {
  /** 2xx; anything else throws. */
  readonly status: number;
  /** Parsed when the answer is JSON, else its text; undefined when empty. */
  readonly body: unknown;
}

export interface WriteOptions extends CallOptions {
  /** The server does everything but write, policies included. */
  readonly dryRun?: boolean | undefined;
}

export interface DeleteOptions extends WriteOptions {
  /** Another uid: CONFLICT. */
  readonly uid: string;
  /** Another resourceVersion: CONFLICT. */
  readonly resourceVersion?: string | undefined;
}

export interface ObjectIdentity {
  readonly uid: string;
  readonly resourceVersion: string;
  /** Who has written any of it last, after a write; absent where the answer does not say. */
  readonly managers?: readonly string[];
}

/** Writes never bring the object's data back: the server is asked for its metadata only. */
export interface ResourceCalls<T extends NamespacedObject> {
  get(namespace: string, name: string, options: CallOptions): Promise<T>;
  /** ALREADY_EXISTS when the name is taken; NOT_FOUND of kind `namespaces` when the namespace is missing. */
  create(object: T, options: WriteOptions): Promise<ObjectIdentity>;
  /** PUT of the whole object; `metadata.uid` and `metadata.resourceVersion`, when given, must match the live one. */
  replace(object: T, options: WriteOptions): Promise<ObjectIdentity>;
  delete(namespace: string, name: string, options: DeleteOptions): Promise<void>;
}

export interface WatchOptions {
  readonly signal: AbortSignal;
  /** `watch`, `allowWatchBookmarks` and `timeoutSeconds` are added. */
  readonly query?: Query | undefined;
  readonly accept?: string | undefined;
}

export interface WatchEvent<T extends KubeObject = KubeObject> {
  /** The object of a BOOKMARK has only its resourceVersion. */
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: T;
}

export interface NamespaceEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly name: string;
  readonly terminating: boolean;
}

export interface WatchNamespacesOptions {
  readonly signal: AbortSignal;
  /** Called for every failure, before the pause that follows it. */
  readonly onError?: ((error: KubeError) => void) | undefined;
  /** Pause after the first failure; doubles up to `maximumDelayMs`. Default 1,000. */
  readonly minimumDelayMs?: number | undefined;
  /** Default 30,000. */
  readonly maximumDelayMs?: number | undefined;
}

export interface UserInfo {
  readonly username: string;
  readonly groups: readonly string[];
  /** For example the Pod that a token is bound to: `authentication.kubernetes.io/pod-name`. */
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

export interface TokenRequest {
  /** None: what the API server itself accepts. */
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  /** The token ends with it. */
  readonly pod?: { readonly name: string; readonly uid?: string | undefined } | undefined;
}

export interface IssuedToken {
  /** A JWT; secret. */
  readonly token: string;
  /** Those of the request, or the API server's own where it named none. */
  readonly audiences: readonly string[];
}

export interface AccessRequest {
  readonly verb: string;
  readonly resource: string;
  readonly group?: string | undefined;
  readonly subresource?: string | undefined;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
}

export interface ServerVersion {
  readonly major: string;
  readonly minor: string;
  readonly gitVersion: string;
}

/** One cluster, one connection pool. Every call throws KubeError, or the signal's reason. */
export interface KubeClient extends AsyncDisposable {
  /** Scheme, host and base path of the API server. */
  readonly server: string;
  request(method: Method, path: string, options: RequestOptions): Promise<KubeResponse>;
  readonly secrets: ResourceCalls<SecretObject>;
  readonly configMaps: ResourceCalls<ConfigMapObject>;
  readonly leases: ResourceCalls<LeaseObject>;
  readonly namespaces: {
    get(name: string, options: CallOptions): Promise<NamespaceObject>;
    create(namespace: NamespaceObject, options: WriteOptions): Promise<ObjectIdentity>;
  };
  /** A new token of a ServiceAccount. */
  serviceAccountToken(
    namespace: string,
    name: string,
    request: TokenRequest,
    options: CallOptions,
  ): Promise<IssuedToken>;
  /** Who the server thinks we are. */
  selfSubjectReview(options: CallOptions): Promise<UserInfo>;
  /** Whether RBAC lets us; admission policies are not asked. */
  selfSubjectAccessReview(access: AccessRequest, options: CallOptions): Promise<boolean>;
  version(options: CallOptions): Promise<ServerVersion>;
  /**
   * Events of one watch, without a list before it. Ends when the server ends it (every few minutes): watch again from
   * the last resourceVersion seen. Throws GONE when that is too old, UNAVAILABLE when the connection broke.
   */
  watch<T extends KubeObject = KubeObject>(path: string, options: WatchOptions): AsyncIterable<WatchEvent<T>>;
  /**
   * Whether watches share connections, 90 on each, as HTTP/2 lets them; else, behind a proxy for example, each takes one. `undefined` until one
   * has been made, and over connections from outside.
   */
  readonly sharesWatches: boolean | undefined;
  /** All namespaces as ADDED, then what changes; lists and watches again by itself until the signal aborts. */
  watchNamespaces(options: WatchNamespacesOptions): AsyncIterable<NamespaceEvent>;
  /** Waits for requests in flight, ends watches. */
  close(): Promise<void>;
}
