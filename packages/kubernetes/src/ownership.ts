/** On every Secret of ours; its value is the agent's id, which is the namespace the agent lives in. */
export const AGENT_LABEL = 'hikyaku.dev/agent';
/** By which the owner of a Secret lets agents merge keys into it; its value is their ids, with dots in between. */
export const MERGE_LABEL = 'hikyaku.dev/merge';
export const SOURCES_ANNOTATION = 'hikyaku.dev/sources';
export const MANAGED_BY_LABEL = 'app.kubernetes.io/managed-by';
/** So that Flux, had it made the Secret once, does not prune it. */
export const FLUX_PRUNE_ANNOTATION = 'kustomize.toolkit.fluxcd.io/prune';

/** In the Pod template of a workload: `NAME=CHANGE` of the Secrets that it was last restarted for. */
export const RESTARTED_FOR = 'hikyaku.dev/restarted-for';
/** And why, for people: names of Secrets and keys. */
export const RESTART_REASON = 'hikyaku.dev/restart-reason';

/** Objects of the agent's own namespace. */
export const OWN = {
  serviceAccount: 'hikyaku',
  inventory: 'hikyaku-inventory',
  inventoryKey: 'hikyaku-inventory-key',
  config: 'hikyaku-config',
  grants: 'hikyaku-grants',
  lease: 'hikyaku',
  /** A Secret, and the ConfigMap with its public half. */
  identity: 'hikyaku-identity',
  lastConfig: 'hikyaku-last-config',
  /** What the agent reports, what people and other replicas ask of it, and what people approve. */
  status: 'hikyaku-status',
  request: 'hikyaku-request',
  approval: 'hikyaku-approval',
  /** Followed by a number. */
  snapshot: 'hikyaku-snapshot',
} as const;

/** Whether a Secret of the agent's namespace is one that the agent itself keeps there. */
export function isOwnSecret(name: string): boolean {
  const own: readonly string[] = [OWN.inventoryKey, OWN.identity, OWN.lastConfig];
  return own.includes(name) || /^hikyaku-snapshot-\d+$/.test(name);
}

/** Whose rights the agent works with. */
export interface Access {
  /** The agent's id: the namespace it lives in. */
  readonly agent: string;
  /**
   * `policy`: a ServiceAccount whose writes the API server's policy limits to what is ours, so that a write that passes is a proof.
   * `look`: everything else; what a Secret is has to be read before it is changed.
   */
  readonly proof: 'policy' | 'look';
}
