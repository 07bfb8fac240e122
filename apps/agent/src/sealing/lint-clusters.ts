import type { Config, PushEntry, Recipient, SecretEntry } from '@hikyaku/config';

/** The recipients that are clusters. */
export function clustersOf({ recipients }: Config): readonly Recipient[] {
  return [...recipients.values()].filter(({ backup }) => !backup);
}

/** The names of the clusters with an entry that needs the source. */
export function clustersUsing(config: Config, source: string): ReadonlySet<string> {
  const all = clustersOf(config).map(({ name }) => name);
  const entries = [...config.secrets, ...config.pushes].filter((entry) => sourcesOf(entry).has(source));
  return new Set(entries.flatMap(({ clusters }) => [...(clusters ?? all)]));
}

function sourcesOf(entry: SecretEntry | PushEntry): ReadonlySet<string> {
  if ('source' in entry) return new Set([entry.source]);
  return new Set([...entry.bulk, ...entry.items.values()].map(({ source }) => source));
}
