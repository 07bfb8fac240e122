import type { CallOptions } from '@hikyaku/core';
import type { KubeClient } from '@hikyaku/kube-client';

/** Whether a Secret of this name may be watched. */
export type MayWatch = (name: string) => boolean;

/**
 * What the API server lets this account watch in a namespace: one request, however many Secrets there are, and a right that everybody has. An
 * authorizer besides RBAC may leave out some of it: what it does not tell of counts as not allowed. Throws KubeError.
 */
export async function watchRights(
  client: Pick<KubeClient, 'request'>,
  namespace: string,
  { signal }: CallOptions,
): Promise<MayWatch> {
  const apiVersion = 'authorization.k8s.io/v1';
  const { body } = await client.request('POST', `/apis/${apiVersion}/selfsubjectrulesreviews`, {
    signal,
    body: { apiVersion, kind: 'SelfSubjectRulesReview', spec: { namespace } },
  });
  const names = new Set<string>();
  for (const rule of listAt(at(body, 'status'), 'resourceRules')) {
    if (!allows(rule, 'verbs', 'watch') || !allows(rule, 'apiGroups', '') || !allows(rule, 'resources', 'secrets'))
      continue;
    const resourceNames = listAt(rule, 'resourceNames');
    if (resourceNames.length === 0) return () => true;
    for (const name of resourceNames) names.add(String(name));
  }
  return (name) => names.has(name);
}

function allows(rule: unknown, what: string, wanted: string): boolean {
  const allowed = listAt(rule, what);
  return allowed.includes(wanted) || allowed.includes('*');
}

function listAt(value: unknown, name: string): readonly unknown[] {
  const list = at(value, name);
  return Array.isArray(list) ? list : [];
}

function at(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
