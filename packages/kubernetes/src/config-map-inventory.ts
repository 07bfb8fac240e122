import type { Inventory, InventoryEntry, InventoryKey } from '@hikyaku/engine';
import { ConfigMapEntries, entriesOf } from './config-map-entries.ts';
import type { ConfigMapEntriesOptions } from './config-map-entries.ts';
import type { Access } from './ownership.ts';

/** The inventory in a ConfigMap of the agent's own namespace: names of Secrets and keys, uids and HMACs, one line per Secret. */
export class ConfigMapInventory extends ConfigMapEntries<InventoryEntry> implements Inventory {
  constructor(options: ConfigMapEntriesOptions) {
    super(options, { file: 'secrets.json', line: lineOf, parse: parseEntry });
  }
}

/** `[uid, resourceVersion, shape, whenRemoved, { source: { key: fingerprint } }]` */
function lineOf({ uid, resourceVersion, shape, whenRemoved, keys }: InventoryEntry): string {
  // Maps, as a source may be called `constructor` and a key `__proto__`.
  const bySource = new Map<string, Map<string, string>>();
  for (const [key, { source, fingerprint = '' }] of keys) {
    const own = bySource.get(source) ?? new Map<string, string>();
    bySource.set(source, own.set(key, fingerprint));
  }
  const plain = Object.fromEntries([...bySource].map(([source, own]) => [source, Object.fromEntries(own)]));
  return JSON.stringify({ uid, resourceVersion, shape, whenRemoved, keys: plain });
}

function parseEntry(id: string, value: unknown, { agent }: Access): InventoryEntry | undefined {
  // No config can name the agent's own Secrets, so none of them is ever to be pruned.
  if (id.startsWith(`${agent}/`)) return undefined;
  if (!/^[a-z0-9-]+\/[a-z0-9.-]+$/.test(id) || typeof value !== 'object' || value === null) return undefined;
  const { uid, resourceVersion, shape, whenRemoved, keys: bySource } = value as Readonly<Record<string, unknown>>;
  // Unsure of what the entry had said, it is better to keep.
  if (whenRemoved !== 'delete' && whenRemoved !== 'keep') return undefined;
  const keys = new Map<string, InventoryKey>();
  for (const [source, fingerprints] of entriesOf(bySource)) {
    for (const [key, fingerprint] of entriesOf(fingerprints)) {
      if (typeof fingerprint !== 'string') return undefined;
      keys.set(key, { source, ...(fingerprint !== '' && { fingerprint }) });
    }
  }
  return {
    id,
    keys,
    whenRemoved,
    ...(typeof uid === 'string' && uid !== '' && { uid }),
    ...(typeof resourceVersion === 'string' && { resourceVersion }),
    ...(typeof shape === 'string' && { shape }),
  };
}
