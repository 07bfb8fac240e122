import type { Position } from './config.ts';

/** What a `grants.yaml` says, with every default applied: what configs may ask for at most. */
export interface Grants {
  /** Secret types, exact. */
  readonly types: readonly string[];
  /** Keys of labels and annotations: a prefix that ends in `/`, or one exact key. */
  readonly metadataPrefixes: readonly string[];
  /** Where no Secret is created, changed or deleted. */
  readonly reservedNamespaces: readonly string[];
  /** When there: exactly these Secrets, `namespace/name`, may be created and changed. */
  readonly names?: readonly string[];
  /** When there: the only origins that sources may reach. Without it all but those that surround the agent. */
  readonly origins?: readonly string[];
  /** By what stands behind `type:`. */
  readonly plugins: ReadonlyMap<string, PlugInGrant>;
  /** Where files that a config names may be, besides the folder of the config file: an absolute path. */
  readonly files?: string;
  readonly pushes: readonly PushGrant[];
  /** What may be restarted: `namespace/Kind/name`, or `namespace/*` for all of a namespace. */
  readonly restarts: readonly string[];
}

/** One file whose code may run. */
export interface PlugInGrant {
  /** Relative to the folder of the config file; without it the name itself is the path. */
  readonly path?: string;
  /** `sha256-` and the base64 of the file's SHA-256. */
  readonly digest: string;
  readonly position: Position;
}

/** One Secret of the cluster that may be carried to one source. */
export interface PushGrant {
  /** `namespace/name` of the Secret. */
  readonly from: string;
  /** The name of the source under `providers:`. */
  readonly to: string;
  readonly position: Position;
}

/** What holds where a `grants.yaml` says nothing. */
export const DEFAULT_GRANTS: Grants = {
  types: [
    'Opaque',
    'kubernetes.io/tls',
    'kubernetes.io/dockerconfigjson',
    'kubernetes.io/dockercfg',
    'kubernetes.io/basic-auth',
    'kubernetes.io/ssh-auth',
  ],
  metadataPrefixes: ['app.kubernetes.io/'],
  reservedNamespaces: ['kube-system', 'kube-public', 'kube-node-lease', 'flux-system', 'argocd'],
  plugins: new Map(),
  pushes: [],
  restarts: [],
};

export function grantsPush({ pushes }: Grants, push: Pick<PushGrant, 'from' | 'to'>): boolean {
  return pushes.some(({ from, to }) => from === push.from && to === push.to);
}
