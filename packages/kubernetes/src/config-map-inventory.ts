import type { Inventory, InventoryEntry, InventoryKey, OwedRestart } from '@hikyaku/engine';
import { ConfigMapEntries, entriesOf } from './config-map-entries.ts';
import type { ConfigMapEntriesOptions } from './config-map-entries.ts';
import type { Access } from './ownership.ts';

/** The inventory in a ConfigMap of the agent's own namespace: names of Secrets and keys, uids and HMACs, one line per Secret. */
export class ConfigMapInventory extends ConfigMapEntries<InventoryEntry> implements Inventory {
  constructor(options: ConfigMapEntriesOptions) {
    super(options, { file: 'secrets.json', line: lineOf, parse: parseEntry });
  }
}

/** `keys` is `{ source: { key: fingerprint } }`, and so is `intended`, with spaces between them. */
function lineOf(entry: InventoryEntry): string {
  const { uid, resourceVersion, shape, existing, whenRemoved, keys, owedRestart, announcedRestart } = entry;
  const intended = [...keys].filter(([, key]) => key.intended !== undefined);
  return JSON.stringify({
    uid,
    resourceVersion,
    shape,
    // What every other entry is goes without saying.
    ...(existing === 'merge' && { existing }),
    whenRemoved,
    keys: bySource([...keys].map(([key, { source, fingerprint = '' }]) => [source, key, fingerprint])),
    ...(intended.length > 0 && {
      intended: bySource(intended.map(([key, { source, intended: texts = [] }]) => [source, key, texts.join(' ')])),
    }),
    ...(owedRestart && { restart: owedRestart }),
    ...(announcedRestart && { announcedRestart }),
  });
}

function bySource(lines: readonly (readonly [source: string, key: string, text: string])[]): object {
  // Maps, as a source may be called `constructor` and a key `__proto__`.
  const sources = new Map<string, Map<string, string>>();
  for (const [source, key, text] of lines) {
    const own = sources.get(source) ?? new Map<string, string>();
    sources.set(source, own.set(key, text));
  }
  return Object.fromEntries([...sources].map(([source, own]) => [source, Object.fromEntries(own)]));
}

function parseEntry(id: string, value: unknown, { agent }: Access): InventoryEntry | undefined {
  // No config can name the agent's own Secrets, so none of them is ever to be pruned.
  if (id.startsWith(`${agent}/`)) return undefined;
  if (!/^[a-z0-9-]+\/[a-z0-9.-]+$/.test(id) || typeof value !== 'object' || value === null) return undefined;
  const line = value as Readonly<Record<string, unknown>>;
  const { uid, resourceVersion, shape, existing = 'refuse', whenRemoved } = line;
  // Unsure of what the entry had said, it is better to keep.
  if (whenRemoved !== 'delete' && whenRemoved !== 'keep') return undefined;
  if (existing !== 'refuse' && existing !== 'merge') return undefined;
  const keys = new Map<string, InventoryKey>();
  for (const [source, fingerprints] of entriesOf(line['keys'])) {
    for (const [key, fingerprint] of entriesOf(fingerprints)) {
      if (typeof fingerprint !== 'string') return undefined;
      keys.set(key, { source, ...(fingerprint !== '' && { fingerprint }) });
    }
  }
  for (const [, texts] of entriesOf(line['intended'])) {
    for (const [key, text] of entriesOf(texts)) {
      const known = keys.get(key);
      if (known === undefined || typeof text !== 'string') return undefined;
      keys.set(key, { ...known, intended: text.split(' ') });
    }
  }
  return {
    id,
    keys,
    existing,
    whenRemoved,
    ...(typeof uid === 'string' && uid !== '' && { uid }),
    ...(typeof resourceVersion === 'string' && { resourceVersion }),
    ...(typeof shape === 'string' && { shape }),
    ...restartsOf(line),
  };
}

function restartsOf(line: Readonly<Record<string, unknown>>): Pick<InventoryEntry, 'owedRestart' | 'announcedRestart'> {
  const owedRestart = restartOf(line['restart']);
  const announcedRestart = restartOf(line['announcedRestart']);
  return { ...(owedRestart && { owedRestart }), ...(announcedRestart && { announcedRestart }) };
}

function restartOf(value: unknown): OwedRestart | undefined {
  const { change, keys } = Object.fromEntries(entriesOf(value));
  if (typeof change !== 'string' || !Array.isArray(keys)) return undefined;
  return { change, keys: keys.filter((key) => typeof key === 'string') };
}
