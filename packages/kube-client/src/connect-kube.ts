import type { KubeConfig } from '@kubernetes/client-node';
import { Connection } from './connection.ts';
import type { StartTimer } from './exchange.ts';
import type { KubeClient } from './kube-client.ts';
import { KubeConfigError } from './kube-config-error.ts';
import { fromServer } from './objects.ts';
import type { ConfigMapObject, KubeObject, LeaseObject, NamespaceObject, SecretObject } from './objects.ts';
import type { OutsideConnections } from './outside-connections.ts';
import { path } from './path.ts';
import { asRecord, textsOf } from './plain-text.ts';
import { resourceCalls, write } from './resource-calls.ts';
import { serviceAccountToken } from './service-account-token.ts';
import { watch } from './watch.ts';
import { watchNamespaces } from './watch-namespaces.ts';

export interface KubeOptions {
  /** Connections at most, watches aside. Default 32. */
  readonly connections?: number;
  /** Its part before a slash becomes the field manager of what we write. Default `hikyaku`. */
  readonly userAgent?: string;
  /** Of a whole request. Default 15,000. */
  readonly timeoutMs?: number;
  /** Of an answer's body. Default 64 MiB; a Secret is never above 2. */
  readonly maxBytes?: number;
  /** How often a connection with watches is asked whether it lives. Default 20,000. */
  readonly pingMs?: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
  /** Of that clock; ends requests that take too long. */
  readonly startTimer?: StartTimer;
  /** Connections of somebody else, instead of own ones. */
  readonly outside?: OutsideConnections;
}

/** Connects lazily: nothing is read or sent before the first call. Throws KubeConfigError. */
export function connectKube(kubeConfig: KubeConfig, options: KubeOptions = {}): KubeClient {
  const connection = new Connection(kubeConfig, serverOf(kubeConfig), {
    connections: options.connections ?? 32,
    userAgent: options.userAgent ?? 'hikyaku',
    timeoutMs: options.timeoutMs ?? 15_000,
    maxBytes: options.maxBytes ?? 64 * 1024 * 1024,
    pingMs: options.pingMs ?? 20_000,
    now: options.now ?? (() => performance.now()),
    startTimer: options.startTimer ?? startTimer,
    outside: options.outside,
  });
  return {
    server: connection.server,
    get sharesWatches() {
      return connection.sharesWatches;
    },
    request: (method, requestPath, requestOptions) => connection.request(method, requestPath, requestOptions),
    secrets: resourceCalls<SecretObject>(connection, {
      apiVersion: 'v1',
      kind: 'Secret',
      plural: 'secrets',
    }),
    configMaps: resourceCalls<ConfigMapObject>(connection, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      plural: 'configmaps',
    }),
    leases: resourceCalls<LeaseObject>(connection, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      plural: 'leases',
    }),
    namespaces: {
      async get(name, callOptions) {
        const doing = `get Namespace ${name}`;
        const { body } = await connection.request('GET', path`/api/v1/namespaces/${name}`, {
          ...callOptions,
          doing,
        });
        return fromServer<NamespaceObject>(body);
      },
      create(namespace, writeOptions) {
        const body = { apiVersion: 'v1', kind: 'Namespace', ...namespace };
        const doing = `create Namespace ${namespace.metadata.name}`;
        return write(connection, 'POST', '/api/v1/namespaces', body, doing, writeOptions);
      },
    },
    serviceAccountToken: (namespace, name, tokenRequest, callOptions) =>
      serviceAccountToken(connection, namespace, name, tokenRequest, callOptions),
    async selfSubjectReview(callOptions) {
      const apiVersion = 'authentication.k8s.io/v1';
      const { body } = await connection.request('POST', `/apis/${apiVersion}/selfsubjectreviews`, {
        ...callOptions,
        body: { apiVersion, kind: 'SelfSubjectReview' },
        doing: 'create SelfSubjectReview',
      });
      const { username, groups, extra } = asRecord(asRecord(asRecord(body)['status'])['userInfo']);
      return {
        username: String(username),
        groups: textsOf(groups),
        extra: Object.fromEntries(Object.entries(asRecord(extra)).map(([key, values]) => [key, textsOf(values)])),
      };
    },
    async selfSubjectAccessReview(access, callOptions) {
      const apiVersion = 'authorization.k8s.io/v1';
      const { body } = await connection.request('POST', `/apis/${apiVersion}/selfsubjectaccessreviews`, {
        ...callOptions,
        body: {
          apiVersion,
          kind: 'SelfSubjectAccessReview',
          spec: { resourceAttributes: access },
        },
        doing: 'create SelfSubjectAccessReview',
      });
      return asRecord(asRecord(body)['status'])['allowed'] === true;
    },
    async version(callOptions) {
      const { body } = await connection.request('GET', '/version', callOptions);
      const { major, minor, gitVersion } = asRecord(body);
      return { major: String(major), minor: String(minor), gitVersion: String(gitVersion) };
    },
    watch: <T extends KubeObject>(watchPath: string, watchOptions: Parameters<KubeClient['watch']>[1]) =>
      watch<T>(connection, watchPath, watchOptions),
    watchNamespaces: (watchOptions) => watchNamespaces(connection, watchOptions),
    close: () => connection.close(),
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

function startTimer(ms: number, onTime: () => void): () => void {
  const timer = setTimeout(onTime, ms);
  return () => clearTimeout(timer);
}

function serverOf(kubeConfig: KubeConfig): URL {
  const cluster = kubeConfig.getCurrentCluster();
  if (cluster === null) {
    throw new KubeConfigError(`context "${kubeConfig.getCurrentContext()}" names no cluster of the kubeconfig`);
  }
  const server = URL.parse(cluster.server);
  if (server === null || !/^https?:$/.test(server.protocol)) {
    throw new KubeConfigError(`the server of cluster "${cluster.name}" is no http or https address`);
  }
  if (server.protocol === 'http:' && !cluster.skipTLSVerify) {
    throw new KubeConfigError(
      `cluster "${cluster.name}" is reached by plain http, which shows every Secret to the network: use https, or allow it with insecure-skip-tls-verify: true`,
    );
  }
  return server;
}
