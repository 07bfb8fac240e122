import type { Config, PushEntry, SecretEntry } from './config.ts';

/** What a config says to one cluster. */
export interface ClusterConfig {
  /** With only the entries and pushes that are for this cluster. */
  readonly config: Config;
  /**
   * Entries and pushes that may be for this cluster or not, as it is not known which one it is: what was made of them before is neither
   * applied nor taken away. Empty when the cluster is known. Where an entry has one of several clusters, it stands here once for each.
   */
  readonly undecided: { readonly secrets: readonly SecretEntry[]; readonly pushes: readonly PushEntry[] };
}

/**
 * Pure. `cluster` is a name under `recipients`; `undefined` where that is not known. A name that is no cluster there counts as not known, so
 * that a slip of the pen takes nothing away.
 */
export function configFor(config: Config, cluster: string | undefined): ClusterConfig {
  const isKnown = cluster !== undefined && config.recipients.get(cluster)?.backup === false;
  const isForThis = ({ clusters }: SecretEntry | PushEntry): boolean =>
    clusters === undefined || (isKnown && clusters.has(cluster));
  const isUndecided = (entry: SecretEntry | PushEntry): boolean => !isKnown && !isForThis(entry);
  const { secrets, pushes } = config;
  return {
    config: { ...config, secrets: secrets.filter(isForThis), pushes: pushes.filter(isForThis) },
    undecided: { secrets: secrets.filter(isUndecided), pushes: pushes.filter(isUndecided) },
  };
}
