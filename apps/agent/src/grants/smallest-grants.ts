import { DEFAULT_GRANTS } from '@hikyaku/config';
import type { Grants, PlugInGrant, PushGrant } from '@hikyaku/config';
import { isInside } from '../file-access.ts';
import { UserError } from '../user-error.ts';
import { filesRoot } from './files-root.ts';
import type { Needs } from './needs.ts';

const NOWHERE = { file: '', line: 1, column: 1 };
/** Needs no entry: it is always what the agent itself writes. */
const PRUNE = 'kustomize.toolkit.fluxcd.io/prune';

/** What the needs ask for and nothing else. Throws a UserError where no grants could let them pass. */
export function smallestGrants(needs: Needs): Grants {
  const { secrets, origins, plugIns, files, pushes, restarts, folder } = needs;
  const root = filesRoot(needs);
  const outside = files.filter(({ what }) => !isInside(what, folder)).map(({ what }) => what);
  if (root === undefined && outside.length > 0)
    throw new UserError(
      `${outside.join(', ')} have no directory in common but /, and files grants one directory: put them into one`,
    );
  const whole = secrets.filter(({ existing }) => existing !== 'merge');
  const keys = whole.flatMap(({ labels, annotations }) => [...Object.keys(labels), ...Object.keys(annotations)]);
  const namespaces = new Set(secrets.map(({ namespace }) => namespace));
  return {
    // What keys are merged into keeps its type.
    types: sorted(secrets.flatMap(({ existing, type }) => (existing === 'merge' ? [] : [type]))),
    metadataPrefixes: sorted(keys.filter((key) => key !== PRUNE)),
    reservedNamespaces: DEFAULT_GRANTS.reservedNamespaces.filter((namespace) => !namespaces.has(namespace)),
    names: sorted(secrets.map(({ namespace, name }) => `${namespace}/${name}`)),
    origins: sorted(origins.map(({ what }) => what)),
    plugins: new Map(
      plugIns.map(({ name, path, digest, problem }): [string, PlugInGrant] => {
        if (digest === undefined) throw new UserError(problem ?? `${name} has no digest`);
        return [name, { ...(path !== undefined && { path }), digest, position: NOWHERE }];
      }),
    ),
    ...(root !== undefined && { files: root }),
    pushes: pushes.map((push): PushGrant => ({ ...push, position: NOWHERE })),
    restarts: withoutCovered(restarts.map(({ workload }) => workload)),
  };
}

/** What `web/*` grants needs no entry of its own. */
function withoutCovered(workloads: readonly string[]): readonly string[] {
  const all = sorted(workloads);
  return all.filter((one) => one.endsWith('/*') || !all.includes(`${one.slice(0, one.indexOf('/'))}/*`));
}

function sorted(entries: readonly string[]): readonly string[] {
  return [...new Set(entries)].toSorted();
}
