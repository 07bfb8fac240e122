import { SecretValue } from '@hikyaku/core';
import type { CallOptions } from '@hikyaku/core';
import { secretId } from '@hikyaku/engine';
import type { OriginProblem, OriginSecret, OriginState, PushOrigin } from '@hikyaku/engine';
import { isKubeError, metadataOnly, path, watchByName } from '@hikyaku/kube-client';
import type { KubeClient, KubeError, SecretObject } from '@hikyaku/kube-client';
import type { Access } from './ownership.ts';

export interface KubernetesPushOriginOptions {
  readonly client: KubeClient;
  readonly access: Access;
}

/** They are keys to the cluster itself, or Helm's records of it. */
const NEVER_PUSHED: ReadonlySet<string> = new Set([
  'kubernetes.io/service-account-token',
  'bootstrap.kubernetes.io/token',
  'helm.sh/release.v1',
]);

/** Refusals in a row, in about half a minute: what was allowed is refused by an API server that has just started, until it has loaded its rules. */
const AFTER_START = 5;

/** Secrets of a cluster that may be pushed: each by its name, with the rights that its owner gave. */
export class KubernetesPushOrigin implements PushOrigin {
  readonly #client: KubeClient;
  readonly #access: Access;

  constructor({ client, access }: KubernetesPushOriginOptions) {
    this.#client = client;
    this.#access = access;
  }

  async read(secret: OriginSecret, { signal }: CallOptions): Promise<OriginState> {
    const { namespace, name } = secret;
    const id = secretId(secret);
    if (namespace === this.#access.agent)
      return problem('REFUSED', `Secret ${id} is the agent's own: it is never pushed`);
    let live: SecretObject;
    try {
      live = await this.#client.secrets.get(namespace, name, { signal });
    } catch (error) {
      signal.throwIfAborted();
      if (!isKubeError(error)) throw error;
      return this.#problemOf(id, error);
    }
    if (live.type !== undefined && NEVER_PUSHED.has(live.type))
      return problem('REFUSED', `Secret ${id} is of the type ${live.type}, which is never pushed`);
    if (live.metadata.deletionTimestamp !== undefined)
      return problem('ABSENT', `Secret ${id} is being deleted: nothing is changed`);
    const data = Object.entries(live.data ?? {}).map(
      ([key, value]) => [key, SecretValue.of(Buffer.from(value, 'base64'))] as const,
    );
    return { data: new Map(data) };
  }

  async *watch({ namespace, name }: OriginSecret, { signal }: CallOptions): AsyncIterable<void> {
    const secrets = path`/api/v1/namespaces/${namespace}/secrets`;
    for (let refusals = 0; ; refusals = AFTER_START) {
      let hasWorked = false;
      try {
        for await (const _ of watchByName(this.#client, secrets, name, { signal, refusals, accept: metadataOnly })) {
          hasWorked = true;
          yield;
        }
      } catch (error) {
        if (signal.aborted || !isKubeError(error) || error.code !== 'FORBIDDEN') throw error;
        if (!hasWorked) return;
      }
    }
  }

  #problemOf(id: string, error: KubeError): OriginState {
    switch (error.code) {
      case 'NOT_FOUND':
        return problem('ABSENT', `Secret ${id} does not exist: nothing is changed`);
      case 'FORBIDDEN':
        return problem('FORBIDDEN', `Secret ${id} may not be read: ${this.#remedy(id)}`);
      default: {
        const { retryAfterMs } = error;
        const message = `Secret ${id} cannot be read: ${error.message}`;
        return { problem: { code: 'UNAVAILABLE', message, ...(retryAfterMs !== undefined && { retryAfterMs }) } };
      }
    }
  }

  #remedy(id: string): string {
    return this.#access.proof === 'policy'
      ? `its owner gives the right by: hikyaku rights role ${id} --watch | kubectl apply -f -`
      : 'your account lacks the right to get it';
  }
}

function problem(code: OriginProblem['code'], message: string): OriginState {
  return { problem: { code, message } };
}
