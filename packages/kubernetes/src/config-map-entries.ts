import type { CallOptions } from '@hikyaku/core';
import { TargetError } from '@hikyaku/engine';
import { isKubeError } from '@hikyaku/kube-client';
import type { ConfigMapObject, KubeClient, KubeError } from '@hikyaku/kube-client';
import { OWN } from './ownership.ts';
import type { Access } from './ownership.ts';

const SAVE_ROUNDS = 5;

export interface ConfigMapEntriesOptions {
  readonly client: KubeClient;
  readonly access: Access;
  /** Called with what in the ConfigMap makes no sense and is passed over. */
  readonly onUnreadable?: (what: string) => void;
}

/** How one kind of entry stands in the ConfigMap. */
export interface EntryFormat<Entry> {
  /** The key of the ConfigMap. */
  readonly file: string;
  /** JSON without line breaks; equal for equal entries. */
  line(entry: Entry): string;
  /** `undefined` where it makes no sense. */
  parse(id: string, value: unknown, access: Access): Entry | undefined;
}

/**
 * Entries under one key of the inventory's ConfigMap, one line each. Other keys stay as they are; two writers at once both
 * keep what they wrote.
 */
export class ConfigMapEntries<Entry extends { readonly id: string }> {
  readonly #options: ConfigMapEntriesOptions;
  readonly #format: EntryFormat<Entry>;
  #entries = new Map<string, Entry>();
  /** Set or removed here since the last save. */
  readonly #unsaved = new Map<string, Entry | undefined>();
  #live: ConfigMapObject | undefined;
  /** One reload or save at a time: what one of them has read must not undo what another has just saved. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: ConfigMapEntriesOptions, format: EntryFormat<Entry>) {
    this.#options = options;
    this.#format = format;
  }

  get entries(): ReadonlyMap<string, Entry> {
    return this.#entries;
  }

  get unsaved(): boolean {
    return this.#unsaved.size > 0;
  }

  set(entry: Entry): void {
    const before = this.#entries.get(entry.id);
    if (before !== undefined && this.#format.line(before) === this.#format.line(entry)) return;
    this.#entries.set(entry.id, entry);
    this.#unsaved.set(entry.id, entry);
  }

  remove(id: string): void {
    if (this.#entries.delete(id)) this.#unsaved.set(id, undefined);
  }

  async reload({ signal }: CallOptions): Promise<void> {
    await this.#inTurn(() => this.#reload(signal));
  }

  async save({ signal }: CallOptions): Promise<void> {
    await this.#inTurn(() => this.#save(signal));
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    await done;
  }

  async #reload(signal: AbortSignal): Promise<void> {
    const { client, access } = this.#options;
    signal.throwIfAborted();
    try {
      this.#live = await client.request('GET', configMapPath(access), { signal }).then(({ body }) => asConfigMap(body));
    } catch (error) {
      signal.throwIfAborted();
      if (!isKubeError(error) || error.code !== 'NOT_FOUND') throw inventoryError(error, access);
      this.#live = undefined;
    }
    const stored = this.#parse(this.#live?.data?.[this.#format.file]);
    if (stored === undefined) this.#rememberAll();
    const entries = stored ?? new Map<string, Entry>();
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

  async #save(signal: AbortSignal): Promise<void> {
    for (let round = 1; this.#unsaved.size > 0; round++) {
      const saving = new Map(this.#unsaved);
      try {
        await this.#write(signal);
      } catch (error) {
        signal.throwIfAborted();
        const changedMeanwhile = isKubeError(error) && isChangedMeanwhile(error);
        if (!changedMeanwhile || round >= SAVE_ROUNDS) throw inventoryError(error, this.#options.access);
        await this.#reload(signal);
        continue;
      }
      for (const [id, entry] of saving) if (this.#unsaved.get(id) === entry) this.#unsaved.delete(id);
    }
  }

  async #write(signal: AbortSignal): Promise<void> {
    const { client, access } = this.#options;
    // It may be there by now, and who may not create ConfigMaps does not learn that from a POST.
    if (this.#live === undefined) await this.#reload(signal);
    const { namespace, name } = { namespace: access.agent, name: OWN.inventory };
    const data = { ...this.#live?.data, [this.#format.file]: this.#text() };
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

  #text(): string {
    const lines = [...this.#entries]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([id, entry]) => `${JSON.stringify(id)}: ${this.#format.line(entry)}`);
    return `{\n${lines.join(',\n')}\n}\n`;
  }

  /** `undefined` where there is nothing to read: an inventory of nothing is another thing. */
  #parse(text: string | undefined): Map<string, Entry> | undefined {
    const { access, onUnreadable = () => {} } = this.#options;
    if (text === undefined) return undefined;
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      onUnreadable(this.#format.file);
      return undefined;
    }
    const entries = new Map<string, Entry>();
    for (const [id, value] of entriesOf(parsed)) {
      const entry = this.#format.parse(id, value, access);
      if (entry === undefined) onUnreadable(id.slice(0, 320));
      else entries.set(id, entry);
    }
    return entries;
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

/** Those of a plain object, and none of anything else. */
export function entriesOf(value: unknown): readonly (readonly [string, unknown])[] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}
