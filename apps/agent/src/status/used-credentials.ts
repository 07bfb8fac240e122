import type { Config } from '@hikyaku/config';
import type { StatusDocument } from '@hikyaku/kubernetes';
import { sealedPath } from '../credentials/sealed-path.ts';
import { iso } from './build-status.ts';

/** Of each sealed value that this cluster would use, when it last did; nothing of when for one that it has not used. `usedAt`: by path. */
export function usedCredentials(
  { sources }: Pick<Config, 'sources'>,
  cluster: string | undefined,
  usedAt: ReadonlyMap<string, number>,
): NonNullable<StatusDocument['credentials']> {
  const paths = [...sources.values()].flatMap(({ name, credentials }) =>
    [...credentials].flatMap(([field, reference]) => {
      const path = sealedPath(name, field);
      if ('sealed' in reference) return [path];
      if (!('perCluster' in reference) || cluster === undefined) return [];
      return reference.perCluster.has(cluster) ? [sealedPath(name, field, cluster)] : [];
    }),
  );
  return Object.fromEntries(
    paths.toSorted().map((path) => {
      const at = usedAt.get(path);
      return [path, at === undefined ? {} : { usedAt: iso(at) }];
    }),
  );
}
