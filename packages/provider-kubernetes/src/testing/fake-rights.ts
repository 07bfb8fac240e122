import { randomUUID } from 'node:crypto';

export type FakeVerb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'delete';

/** One line of a Role, or without `namespace` of a ClusterRole. */
export interface FakeRule {
  readonly verbs: readonly FakeVerb[];
  /** `secrets` by default. */
  readonly resource?: 'secrets' | 'namespaces';
  readonly namespace?: string;
  /** Only these; never good for `create`, as in RBAC. */
  readonly names?: readonly string[];
}

export interface FakeAction {
  readonly verb: FakeVerb;
  readonly resource: 'secrets' | 'namespaces';
  readonly namespace: string;
  /** Of a list or watch: what its field selector names. */
  readonly name?: string | undefined;
}

/** Who may do what, by bearer token. */
export class FakeRights {
  readonly #accounts = new Map<string, { readonly username: string; rules: readonly FakeRule[] }>();

  token(rules: readonly FakeRule[]): string {
    const token = `fake-${randomUUID()}`;
    this.#accounts.set(token, { username: `system:serviceaccount:readers:reader-${this.#accounts.size + 1}`, rules });
    return token;
  }

  setRules(token: string, rules: readonly FakeRule[]): void {
    const account = this.#accounts.get(token);
    if (account !== undefined) account.rules = rules;
  }

  revoke(token: string): void {
    this.#accounts.delete(token);
  }

  /** Of `Bearer <token>`. */
  username(authorization: string | undefined): string | undefined {
    return this.#of(authorization)?.username;
  }

  allows(authorization: string | undefined, { verb, resource, namespace, name }: FakeAction): boolean {
    const rules = this.#of(authorization)?.rules ?? [];
    return rules.some(
      (rule) =>
        rule.verbs.includes(verb) &&
        (rule.resource ?? 'secrets') === resource &&
        (rule.namespace === undefined || rule.namespace === namespace) &&
        (rule.names === undefined || (verb !== 'create' && name !== undefined && rule.names.includes(name))),
    );
  }

  #of(authorization = ''): { readonly username: string; readonly rules: readonly FakeRule[] } | undefined {
    return this.#accounts.get(authorization.replace(/^Bearer /, ''));
  }
}
