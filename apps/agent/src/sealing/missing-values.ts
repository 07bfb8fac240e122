import type { Config, SourceConfig } from '@hikyaku/config';
import { shellWord } from '../output/shell-word.ts';
import { keylessAccess } from './keyless-access.ts';
import { clustersUsing } from './lint-clusters.ts';

/** Something that others have one each of, and that a cluster needs of its own. */
export interface MissingValue {
  readonly source: SourceConfig;
  /** `providers.doppler.token`. */
  readonly path: string;
  /** What is wrong with it. */
  readonly what: string;
  readonly advice: string;
}

export function missingValues(config: Config, cluster: string): readonly MissingValue[] {
  return [...config.sources.values()].flatMap((source) =>
    clustersUsing(config, source.name).has(cluster) ? [...missingOf(source, cluster)] : [],
  );
}

function* missingOf(source: SourceConfig, cluster: string): Iterable<MissingValue> {
  for (const [field, reference] of source.credentials) {
    if (!('perCluster' in reference) || reference.perCluster.has(cluster)) continue;
    const path = `providers.${source.name}.${field}`;
    const what = `has no value for cluster "${cluster}", which uses ${source.name}`;
    yield { source, path, what, advice: `hikyaku seal ${shellWord(`${path}.perCluster.${cluster}`)}` };
  }
  const access = keylessAccess(source);
  if (access === undefined || typeof access.ids === 'string' || access.ids.has(cluster)) return;
  const isIdentity = access.field === 'oidc';
  yield {
    source,
    path: `providers.${source.name}.${access.field}`,
    what: `has no ${isIdentity ? 'identity' : 'key'} of cluster "${cluster}", which uses ${source.name}`,
    advice: isIdentity
      ? 'make one in Doppler for its issuer, and name the id that it gets under identity'
      : `upload its public key (ConfigMap hikyaku-identity) to ${access.what}, and name the id that it gets under kid`,
  };
}
