import type { SourceConfig } from '@hikyaku/config';

/** What a service trusts a cluster for where no credential is kept: it stands in the settings of the source. */
export interface KeylessAccess {
  readonly field: 'oidc' | 'servicePrincipal';
  /** Whom the service takes the cluster for, for people: `the service principal 112…`. */
  readonly what: string;
  /** What the service calls the cluster's key: one for all clusters, or one for each. */
  readonly keyIds?: string | ReadonlyMap<string, string>;
}

/** Without any, it is credentials that open the source. */
export function keylessAccess({ provider, settings }: SourceConfig): KeylessAccess | undefined {
  const { servicePrincipal, oidc } = entriesOf(settings);
  if (provider.type === 'sakura' && servicePrincipal !== undefined) {
    const { id, kid } = entriesOf(servicePrincipal);
    const keyIds = typeof kid === 'string' ? kid : new Map(Object.entries(entriesOf(kid)).map(asTexts));
    return { field: 'servicePrincipal', what: `the service principal ${String(id)}`, keyIds };
  }
  if (provider.type === 'doppler' && oidc !== undefined) {
    const { identity } = entriesOf(oidc);
    return { field: 'oidc', what: `the service account identity ${String(identity)}` };
  }
  return undefined;
}

function entriesOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

function asTexts([name, value]: readonly [string, unknown]): readonly [string, string] {
  return [name, String(value)];
}
