import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DEFAULT_GRANTS, formatGrantsConfigMap, grantsData } from '@hikyaku/config';
import type { Grants } from '@hikyaku/config';
import { folderOf } from '../file-access.ts';
import { DEFAULT_NAMESPACE } from '../global-options.ts';
import { grantsBeside } from '../grants/grants-beside.ts';
import type { Needs } from '../grants/needs.ts';
import { smallestGrants } from '../grants/smallest-grants.ts';
import { ConfigError } from '../load-config-file.ts';
import { UserError } from '../user-error.ts';
import { requireFits } from './config-texts.ts';
import type { Settings } from './settings.ts';

/** What the cluster is given of the grants. */
export interface ClusterGrants {
  /** The manifest of the ConfigMap `hikyaku-grants`. */
  readonly text: string;
  readonly restarts: boolean;
}

/**
 * The person's grants where they stand beside the config; else what it needs. With `named` only the Secrets of the config, as far as the
 * person's grants name them. Throws a ConfigError and a UserError.
 */
export async function clusterGrants(config: string, needs: Needs, { rights }: Settings): Promise<ClusterGrants> {
  const held = await grantsBeside(config);
  if (held === undefined) {
    const isNamed = rights === 'named';
    const what = isNamed ? `What ${basename(config)} needs` : ownGrantsSay(config);
    return manifestOf(
      isNamed ? smallestGrants(needs) : ownGrants(needs),
      `${what}, by hikyaku manifests. A grants.yaml beside it would count instead.`,
    );
  }
  if (held.problems.length > 0) throw new ConfigError(held.problems);
  const text = await readFile(join(folderOf(config), 'grants.yaml'), 'utf8');
  if (/^kind: *['"]?ConfigMap\b/m.test(text)) {
    if (rights === 'named')
      throw new UserError(
        `${held.where} is the ConfigMap itself, into which --rights named cannot write names: keep it as \`hikyaku grants\` prints it`,
      );
    return { text, restarts: (held.policy.restarts?.size ?? 0) > 0 };
  }
  const { names, ...rest } = held.grants;
  const wanted = smallestGrants({ ...needs, plugIns: [], files: [] }).names ?? [];
  const named = rights === 'named' ? wanted.filter((name) => names?.includes(name) !== false) : names;
  return grantsOfFile({ ...rest, ...(named && { names: named }) });
}

/** As it is made of a `grants.yaml` that says this. */
export function grantsOfFile(grants: Grants): ClusterGrants {
  return manifestOf(
    grants,
    'From grants.yaml beside the config, by hikyaku manifests: change that file and not this one.',
  );
}

/** For any Secret of these types where nothing is reserved, so that a new entry of the config needs no other grants; of all else the smallest. */
export function ownGrants(needs: Needs): Grants {
  const { names: _, ...smallest } = smallestGrants(needs);
  const { types, metadataPrefixes: prefixes } = DEFAULT_GRANTS;
  const others = smallest.metadataPrefixes.filter((key) => !prefixes.some((prefix) => key.startsWith(prefix)));
  return {
    ...smallest,
    types: [...new Set([...types, ...smallest.types])],
    metadataPrefixes: [...prefixes, ...others],
  };
}

/** In words, to stand above {@link ownGrants}. */
export function ownGrantsSay(config: string): string {
  return `Secrets of the ordinary types under any name, and what else ${basename(config)} needs`;
}

function manifestOf(grants: Grants, header: string): ClusterGrants {
  requireFits('hikyaku-grants', Object.values(grantsData(grants)));
  return {
    text: `# ${header}\n${formatGrantsConfigMap(grants, DEFAULT_NAMESPACE)}`,
    restarts: grants.restarts.length > 0,
  };
}
