import type { Recipient } from '@hikyaku/config';
import { ProviderError } from '@hikyaku/core';

export interface WhichClusterOptions {
  readonly recipients: ReadonlyMap<string, Recipient>;
  /** What `--cluster` or `HIKYAKU_CLUSTER` says. */
  readonly named?: string | undefined;
}

/**
 * The cluster that has one of these public keys; else the one that is named. Throws a ProviderError `INVALID_CONFIG` where the two
 * contradict each other, and where no such cluster is among the recipients.
 */
export function whichCluster(
  ownKeys: readonly string[],
  { recipients, named }: WhichClusterOptions,
): string | undefined {
  const clusters = [...recipients.values()].filter(({ backup }) => !backup);
  const owner = ownKeys
    .map((key) => clusters.find(({ keys }) => keys.includes(key)))
    .find((found) => found !== undefined);
  if (named === undefined) return owner?.name;
  checkNamed({ recipients, named });
  // Clusters that share one key, or have none, are told apart by name alone.
  const hasKeys = recipients.get(named)?.keys.length !== 0;
  if (owner === undefined || owner.name === named || !hasKeys) return named;
  throw new ProviderError(
    'INVALID_CONFIG',
    `this cluster's key is that of ${owner.name} under recipients, and not of ${named}, which --cluster or HIKYAKU_CLUSTER names: leave that out, or correct recipients`,
  );
}

/** Throws a ProviderError `INVALID_CONFIG` where what is named is none of the clusters. */
export function checkNamed({ recipients, named }: WhichClusterOptions): void {
  if (named === undefined || recipients.size === 0) return;
  const recipient = recipients.get(named);
  if (recipient !== undefined && !recipient.backup) return;
  const clusters = [...recipients.values()].flatMap(({ name, backup }) => (backup ? [] : [name])).join(', ');
  const what = recipient === undefined ? 'no recipient' : 'a backup key, and no cluster';
  throw new ProviderError(
    'INVALID_CONFIG',
    `${named}, which --cluster or HIKYAKU_CLUSTER names, is ${what}; the clusters under recipients are ${clusters || 'none'}`,
  );
}
