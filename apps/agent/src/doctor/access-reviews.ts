import type { CallOptions } from '@hikyaku/core';
import type { AccessRequest, KubeClient } from '@hikyaku/kube-client';
import type { Examination } from './examination.ts';

export interface Reviewed {
  readonly allowed: boolean;
  /** `RBAC: allowed by ClusterRoleBinding "x" of …`. */
  readonly reason: string;
}

/** Asks whether the agent may do something: as itself, or about it, which takes the right to create SubjectAccessReviews. */
export class AccessReviews {
  readonly #client: KubeClient;
  readonly #about: { readonly user: string; readonly groups: readonly string[] } | undefined;

  private constructor(client: KubeClient, about?: { readonly user: string; readonly groups: readonly string[] }) {
    this.#client = client;
    this.#about = about;
  }

  static async ofAgent(examination: Examination, options: CallOptions): Promise<AccessReviews | undefined> {
    const client = await examination.client(options);
    if (client === undefined) return undefined;
    if (await examination.isAgent(options)) return new AccessReviews(client);
    const { agent, username: user } = examination;
    const groups = ['system:serviceaccounts', `system:serviceaccounts:${agent}`, 'system:authenticated'];
    return new AccessReviews(client, { user, groups });
  }

  /** Of whoever runs the command. */
  static async ofSelf(examination: Examination, options: CallOptions): Promise<AccessReviews | undefined> {
    const client = await examination.client(options);
    return client && new AccessReviews(client);
  }

  /** Throws KubeError, `FORBIDDEN` where nobody may ask this. */
  async ask(resourceAttributes: AccessRequest, { signal }: CallOptions): Promise<Reviewed> {
    const apiVersion = 'authorization.k8s.io/v1';
    const kind = this.#about === undefined ? 'SelfSubjectAccessReview' : 'SubjectAccessReview';
    const { body } = await this.#client.request('POST', `/apis/${apiVersion}/${kind.toLowerCase()}s`, {
      signal,
      body: { apiVersion, kind, spec: { ...this.#about, resourceAttributes } },
    });
    const { status } = body as { readonly status?: { readonly allowed?: boolean; readonly reason?: string } };
    return { allowed: status?.allowed === true, reason: status?.reason ?? '' };
  }
}
