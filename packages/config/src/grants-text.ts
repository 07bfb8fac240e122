import { stringify } from 'yaml';
import type { Grants } from './grants.ts';

/** A `grants.yaml` that {@link parseGrants} reads back as it was; words that grant nothing are left out. */
export function formatGrants(grants: Grants): string {
  const { types, metadataPrefixes, reservedNamespaces, names, origins, plugins, files, pushes, restarts } = grants;
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
    ...(restarts.length > 0 && { restarts }),
  };
  return stringify(document, { lineWidth: 0 });
}

/** By key of the ConfigMap: `grants.yaml` for the agent, and lists for the API server's policy. */
export type GrantsData = Readonly<Record<string, string>>;

/** Where the agent and the policy find what is granted, in the agent's namespace. */
export const GRANTS_CONFIG_MAP = 'hikyaku-grants';

/** The data of the ConfigMap `hikyaku-grants`. */
export function grantsData(grants: Grants): GrantsData {
  const { types, reservedNamespaces, metadataPrefixes, names, restarts } = grants;
  return {
    types: types.join(', '),
    reservedNamespaces: reservedNamespaces.join(', '),
    metadataPrefixes: metadataPrefixes.join(', '),
    ...(names && { names: names.join(', ') }),
    ...(restarts.length > 0 && { restarts: restarts.join(', ') }),
    'grants.yaml': formatGrants(grants),
  };
}

/** Without it the API server refuses everybody's writes of Secrets for as long as the policy is there, so Flux, Argo CD and Helm keep it. */
const KEPT = {
  labels: { 'kustomize.toolkit.fluxcd.io/prune': 'disabled' },
  annotations: {
    'argocd.argoproj.io/sync-options': 'Prune=false,Delete=false',
    'helm.sh/resource-policy': 'keep',
  },
};

/** The manifest of the ConfigMap `hikyaku-grants`. */
export function formatGrantsConfigMap(grants: Grants, namespace: string): string {
  const metadata = { name: GRANTS_CONFIG_MAP, namespace, ...KEPT };
  return stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: grantsData(grants) }, { lineWidth: 0 });
}

/** One word of a `grants.yaml` with its value, on one line. */
export function formatGrantsWord(word: string, value: unknown): string {
  const text = stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trim();
  return `${word}: ${text.replace(/^\[ (.*) \]$/s, '[$1]')}`;
}
