import type { SourceConfig } from '@hikyaku/config';

/** What a service trusts a cluster for where no credential is kept: it stands in the settings of the source. */
export interface KeylessAccess {
  readonly field: 'oidc' | 'servicePrincipal';
  /** Whom the service takes the clusters for, for people: `the service principal 112…`. */
  readonly what: string;
  /** What the service knows a cluster by, which is its key (`servicePrincipal`) or its identity (`oidc`): one for all, or one for each. */
  readonly ids: string | ReadonlyMap<string, string>;
}

/** Without any, it is credentials that open the source. */
export function keylessAccess({ provider, settings }: SourceConfig): KeylessAccess | undefined {
  const { servicePrincipal, oidc } = entriesOf(settings);
  if (provider.type === 'sakura' && servicePrincipal !== undefined) {
    const { id, kid } = entriesOf(servicePrincipal);
    return { field: 'servicePrincipal', what: `the service principal ${String(id)}`, ids: idsOf(kid) };
  }
  if (provider.type === 'doppler' && oidc !== undefined) {
    const ids = idsOf(entriesOf(oidc)['identity']);
    return { field: 'oidc', what: identitiesText(ids), ids };
  }
  return undefined;
}

function entriesOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

function idsOf(value: unknown): KeylessAccess['ids'] {
  if (typeof value === 'string') return value;
  return new Map(Object.entries(entriesOf(value)).map(([cluster, id]) => [cluster, String(id)]));
}

function identitiesText(ids: KeylessAccess['ids']): string {
  if (typeof ids === 'string') return `the service account identity ${ids}`;
  const each = [...ids].map(([cluster, id]) => `${id} of ${cluster}`).toSorted();
  return `the service account identities ${each.join(', ')}`;
}
