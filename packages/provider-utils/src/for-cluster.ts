import { ProviderError } from '@hikyaku/core';
import type { ProviderContext } from '@hikyaku/core';

export interface ForClusterOptions {
  /** The setting's path in the config: `servicePrincipal.kid`. */
  readonly path: string;
  /** What to do about a cluster that has none. */
  readonly remedy: string;
}

/**
 * What a setting says for this cluster: one text for all, or one for each by the names under `recipients`. Throws a ProviderError
 * `INVALID_CONFIG` where there is none for this one, and where it is not known which one this is.
 */
export function forCluster(
  setting: string | Readonly<Record<string, string>>,
  { cluster }: Pick<ProviderContext, 'cluster'>,
  { path, remedy }: ForClusterOptions,
): string {
  if (typeof setting === 'string') return setting;
  const names = Object.keys(setting).join(', ');
  if (cluster === undefined)
    throw new ProviderError(
      'INVALID_CONFIG',
      `which cluster this is is not known, so none of what \`${path}\` says for ${names} can be chosen: name this cluster's public key under \`recipients\`, or start with --cluster NAME`,
    );
  const own = Object.hasOwn(setting, cluster) ? setting[cluster] : undefined;
  if (own !== undefined) return own;
  throw new ProviderError(
    'INVALID_CONFIG',
    `\`${path}\` says nothing for cluster ${cluster}, only for ${names}: ${remedy}`,
  );
}
