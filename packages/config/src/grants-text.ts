import { stringify } from 'yaml';
import type { Grants } from './grants.ts';

/** A `grants.yaml` that {@link parseGrants} reads back as it was; words that grant nothing are left out. */
export function formatGrants(grants: Grants): string {
  const { types, metadataPrefixes, reservedNamespaces, names, origins, plugins, files, pushes } = grants;
  const document = {
    version: 1,
    types,
    metadataPrefixes,
    reservedNamespaces,
    ...(names && { names }),
    ...(origins && { origins }),
    ...(plugins.size > 0 && {
      plugins: Object.fromEntries(
        [...plugins].map(([name, { path, digest }]) => [name, { ...(path !== undefined && { path }), digest }]),
      ),
    }),
    ...(files !== undefined && { files }),
    ...(pushes.length > 0 && { pushes: pushes.map(({ from, to }) => ({ from, to })) }),
  };
  return stringify(document, { lineWidth: 0 });
}
