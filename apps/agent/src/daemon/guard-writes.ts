import { KubeError } from '@hikyaku/kube-client';
import type { KubeClient, NamespacedObject, ResourceCalls } from '@hikyaku/kube-client';

/** The same client, which writes nothing any more as soon as `mayWrite` says so. What is under way may still arrive: its guards are uid and resourceVersion. */
export function guardWrites(client: KubeClient, mayWrite: () => boolean): KubeClient {
  const check = () => {
    if (!mayWrite()) throw new KubeError('UNAVAILABLE', 'nothing is written: this replica does not lead any more');
  };
  return {
    get server() {
      return client.server;
    },
    async request(method, path, options) {
      if (method !== 'GET') check();
      return await client.request(method, path, options);
    },
    secrets: guardCalls(client.secrets, check),
    configMaps: guardCalls(client.configMaps, check),
    leases: client.leases,
    namespaces: client.namespaces,
    serviceAccountToken: (...request) => client.serviceAccountToken(...request),
    selfSubjectReview: (options) => client.selfSubjectReview(options),
    selfSubjectAccessReview: (access, options) => client.selfSubjectAccessReview(access, options),
    version: (options) => client.version(options),
    watch: (path, options) => client.watch(path, options),
    get sharesWatches() {
      return client.sharesWatches;
    },
    watchNamespaces: (options) => client.watchNamespaces(options),
    close: () => client.close(),
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

function guardCalls<T extends NamespacedObject>(calls: ResourceCalls<T>, check: () => void): ResourceCalls<T> {
  return {
    get: (namespace, name, options) => calls.get(namespace, name, options),
    async create(object, options) {
      check();
      return await calls.create(object, options);
    },
    async replace(object, options) {
      check();
      return await calls.replace(object, options);
    },
    async delete(namespace, name, options) {
      check();
      await calls.delete(namespace, name, options);
    },
  };
}
