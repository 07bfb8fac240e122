import { isProviderError, ProviderError } from '@hikyaku/core';
import type { CallOptions } from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';
import type { KubeClient, KubeError, ObjectIdentity, SecretObject } from '@hikyaku/kube-client';
import type { Cluster } from './cluster.ts';
import { parseLiveSecret } from './live-secret.ts';
import type { LiveSecret } from './live-secret.ts';
import { roleAdvice } from './role-advice.ts';
import { toProviderError } from './to-provider-error.ts';

/** The Secrets of one namespace. Every call throws a ProviderError, or the signal's reason. */
export class ClusterSecrets {
  readonly cluster: Cluster;
  readonly namespace: string;

  constructor(cluster: Cluster, namespace: string) {
    this.cluster = cluster;
    this.namespace = namespace;
  }

  /** Runs `work`, and once more with a fresh credential where the first one was refused and there is one. */
  async withClient<T>(work: (client: KubeClient) => Promise<T>, { signal }: CallOptions): Promise<T> {
    const client = await this.cluster.client({ signal });
    try {
      return await work(client);
    } catch (error) {
      if (!isProviderError(error) || error.code !== 'UNAUTHENTICATED') throw error;
      const renewed = await this.cluster.renewed(client, { signal });
      if (renewed === undefined) throw error;
      return await work(renewed);
    }
  }

  /** `undefined`: the API server says that there is no such Secret. */
  async get(client: KubeClient, name: string, { signal }: CallOptions): Promise<LiveSecret | undefined> {
    let answer: SecretObject;
    try {
      answer = await client.secrets.get(this.namespace, name, { signal });
    } catch (error) {
      if (isKubeError(error) && isMissing(error, 'secrets', name)) return undefined;
      throw await this.#explain(error, client, name, 'read', signal);
    }
    return parseLiveSecret(answer, this.namespace, name);
  }

  create(client: KubeClient, secret: SecretObject, { signal }: CallOptions): Promise<ObjectIdentity> {
    return this.#write(client, secret, client.secrets.create(secret, { signal }), signal);
  }

  replace(client: KubeClient, secret: SecretObject, { signal }: CallOptions): Promise<ObjectIdentity> {
    return this.#write(client, secret, client.secrets.replace(secret, { signal }), signal);
  }

  /** Throws `NOT_FOUND` where the namespace is not there or going: the Secrets in it then do not tell what is wanted. */
  async checkNamespace(client: KubeClient, { signal }: CallOptions): Promise<void> {
    const { namespace, cluster } = this;
    try {
      const { metadata } = await client.namespaces.get(namespace, { signal });
      if (metadata.deletionTimestamp === undefined) return;
      throw new ProviderError('NOT_FOUND', `the namespace ${namespace} of ${cluster.name} is being deleted`);
    } catch (error) {
      if (!isKubeError(error)) throw error;
      // Rights by a Role are as good a sign: it is in the namespace.
      if (error.code === 'FORBIDDEN') return;
      if (!isMissing(error, 'namespaces', namespace)) throw this.toError(error);
      throw new ProviderError(
        'NOT_FOUND',
        `there is no namespace ${namespace} in ${cluster.name}: check \`namespace\`${cluster.agentNamespace === undefined ? ' and `server`' : ''}`,
      );
    }
  }

  toError(error: KubeError): ProviderError {
    if (error.code === 'NOT_FOUND' && error.kind !== 'namespaces' && error.kind !== 'secrets') {
      return new ProviderError(
        'INVALID_RESPONSE',
        `${error.message}, which does not say what is missing: check that nothing between here and the API server answers in its place`,
        { cause: error },
      );
    }
    return toProviderError(error, error.code === 'UNAUTHENTICATED' ? this.cluster.credentialAdvice : undefined);
  }

  async #write(
    client: KubeClient,
    { metadata }: SecretObject,
    written: Promise<ObjectIdentity>,
    signal: AbortSignal,
  ): Promise<ObjectIdentity> {
    try {
      return await written;
    } catch (error) {
      throw await this.#explain(error, client, metadata.name, 'write', signal);
    }
  }

  async #explain(
    error: unknown,
    client: KubeClient,
    secret: string,
    to: 'read' | 'write',
    signal: AbortSignal,
  ): Promise<unknown> {
    if (!isKubeError(error)) return error;
    // A policy or a quota is no lack of rights.
    const lacksRight = error.code === 'FORBIDDEN' && error.policy === undefined && error.quota === undefined;
    if (!lacksRight || error.terminating) return this.toError(error);
    return toProviderError(error, await roleAdvice(client, { namespace: this.namespace, secret, to }, { signal }));
  }
}

/** Any server answers 404 to a path that it does not know; only the API server says what is missing. */
function isMissing({ code, kind, objectName }: KubeError, what: 'secrets' | 'namespaces', name: string): boolean {
  return code === 'NOT_FOUND' && kind === what && objectName === name;
}
