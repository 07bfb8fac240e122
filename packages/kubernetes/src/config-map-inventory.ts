import type { CallOptions } from '@hikyaku/core';
import { TargetError } from '@hikyaku/engine';
import type { Inventory, InventoryEntry, InventoryKey, SecretId } from '@hikyaku/engine';
import { isKubeError } from '@hikyaku/kube-client';
import type { ConfigMapObject, KubeClient, KubeError } from '@hikyaku/kube-client';
import { OWN } from './ownership.ts';
import type { Access } from './ownership.ts';

/** The key of the ConfigMap. */
const FILE = 'secrets.json';
const SAVE_ROUNDS = 5;

export interface ConfigMapInventoryOptions {
  readonly client: KubeClient;
  readonly access: Access;
  /** Called with what in the ConfigMap makes no sense and is passed over. */
  readonly onUnreadable?: (what: string) => void;
}

/** The inventory in a ConfigMap of the agent's own namespace: names of Secrets and keys, uids and HMACs, one line per Secret. */
export class ConfigMapInventory implements Inventory {
  readonly #options: ConfigMapInventoryOptions;
  #entries = new Map<SecretId, InventoryEntry>();
  /** Set or removed here since the last save. */
  readonly #unsaved = new Map<SecretId, InventoryEntry | undefined>();
  #live: ConfigMapObject | undefined;

  constructor(options: ConfigMapInventoryOptions) {
    this.#options = options;
  }

  get entries(): ReadonlyMap<SecretId, InventoryEntry> {
    return this.#entries;
  }

  get unsaved(): boolean {
    return this.#unsaved.size > 0;
  }

  set(entry: InventoryEntry): void {
    const before = this.#entries.get(entry.id);
    if (before !== undefined && lineOf(before) === lineOf(entry)) return;
    this.#entries.set(entry.id, entry);
    this.#unsaved.set(entry.id, entry);
  }

  remove(id: SecretId): void {
    if (this.#entries.delete(id)) this.#unsaved.set(id, undefined);
  }

  async reload({ signal }: CallOptions): Promise<void> {
    const { client, access } = this.#options;
    try {
      this.#live = await client.request('GET', configMapPath(access), { signal }).then(({ body }) => asConfigMap(body));
    } catch (error) {
      signal.throwIfAborted();
      if (!isKubeError(error) || error.code !== 'NOT_FOUND') throw inventoryError(error, access);
      this.#live = undefined;
    }
    const stored = parseEntries(this.#live?.data?.[FILE], access, this.#options.onUnreadable ?? (() => {}));
    if (stored === undefined) this.#rememberAll();
    const entries = stored ?? new Map<SecretId, InventoryEntry>();
    for (const [id, entry] of this.#unsaved) {
      if (entry === undefined) entries.delete(id);
      else entries.set(id, entry);
    }
    this.#entries = entries;
  }

  /** Somebody has emptied it, deleted it or made it unreadable: what is known here is written again. */
  #rememberAll(): void {
    for (const [id, entry] of this.#entries) this.#unsaved.set(id, entry);
  }

  async save({ signal }: CallOptions): Promise<void> {
    for (let round = 1; this.#unsaved.size > 0; round++) {
      const saving = new Map(this.#unsaved);
      try {
        await this.#write(signal);
      } catch (error) {
        signal.throwIfAborted();
        const changedMeanwhile = isKubeError(error) && isChangedMeanwhile(error);
        if (!changedMeanwhile || round >= SAVE_ROUNDS) throw inventoryError(error, this.#options.access);
        await this.reload({ signal });
        continue;
      }
      for (const [id, entry] of saving) if (this.#unsaved.get(id) === entry) this.#unsaved.delete(id);
    }
  }

  async #write(signal: AbortSignal): Promise<void> {
    const { client, access } = this.#options;
    // It may be there by now, and who may not create ConfigMaps does not learn that from a POST.
    if (this.#live === undefined) await this.reload({ signal });
    const { namespace, name } = { namespace: access.agent, name: OWN.inventory };
    const data = { ...this.#live?.data, [FILE]: formatEntries(this.#entries) };
    if (this.#live === undefined) {
      const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name }, data };
      const written = await client.configMaps.create(object, { signal });
      this.#live = { ...object, metadata: { ...object.metadata, ...written } };
      return;
    }
    const object = { ...this.#live, data };
    const written = await client.configMaps.replace(object, { signal });
    this.#live = { ...object, metadata: { ...object.metadata, ...written } };
  }
}

/** Made, changed or deleted by somebody else since it was read. */
function isChangedMeanwhile({ code, kind }: KubeError): boolean {
  return code === 'CONFLICT' || code === 'ALREADY_EXISTS' || (code === 'NOT_FOUND' && kind === 'configmaps');
}

function configMapPath({ agent }: Access): string {
  return `/api/v1/namespaces/${agent}/configmaps/${OWN.inventory}`;
}

function asConfigMap(body: unknown): ConfigMapObject {
  return body as ConfigMapObject;
}

function inventoryError(error: unknown, { agent }: Access): TargetError {
  if (!isKubeError(error)) throw error;
  const what = `the inventory (ConfigMap ${agent}/${OWN.inventory})`;
  if (error.code === 'FORBIDDEN') {
    return new TargetError(
      'FORBIDDEN',
      `${what} is missing or may not be written by this account; apply deploy/rights-own.yaml`,
    );
  }
  if (error.code === 'NOT_FOUND')
    return new TargetError('UNAVAILABLE', `${what} cannot be made: the namespace ${agent} does not exist`);
  if (error.code === 'INVALID' || error.code === 'TOO_LARGE') {
    return new TargetError(
      'INVALID',
      `${what} does not fit into a ConfigMap any more; give some of the Secrets to a second agent in another namespace`,
    );
  }
  const retry = error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs };
  return new TargetError('UNAVAILABLE', `${what} cannot be reached: ${error.message}`, retry);
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

function formatEntries(entries: ReadonlyMap<SecretId, InventoryEntry>): string {
  const lines = [...entries]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, entry]) => `${JSON.stringify(id)}: ${lineOf(entry)}`);
  return `{\n${lines.join(',\n')}\n}\n`;
}

/** `undefined` where there is nothing to read: an inventory of no Secrets is another thing. */
function parseEntries(
  text: string | undefined,
  { agent }: Access,
  onUnreadable: (what: string) => void,
): Map<SecretId, InventoryEntry> | undefined {
  if (text === undefined) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    onUnreadable(FILE);
    return undefined;
  }
  const entries = new Map<SecretId, InventoryEntry>();
  for (const [id, value] of entriesOf(parsed)) {
    // No config can name the agent's own Secrets, so none of them is ever to be pruned.
    const entry = id.startsWith(`${agent}/`) ? undefined : parseEntry(id, value);
    if (entry === undefined) onUnreadable(id.slice(0, 320));
    else entries.set(id, entry);
  }
  return entries;
}

function parseEntry(id: string, value: unknown): InventoryEntry | undefined {
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

function entriesOf(value: unknown): readonly (readonly [string, unknown])[] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}
