import { createHash } from 'node:crypto';
import type { CallOptions } from '@hikyaku/core';
import type { SnapshotArchive, StoredSnapshot } from '@hikyaku/engine';
import { isKubeError } from '@hikyaku/kube-client';
import type { KubeClient, SecretObject } from '@hikyaku/kube-client';
import { AGENT_LABEL, MANAGED_BY_LABEL, OWN } from './ownership.ts';
import type { Access } from './ownership.ts';
import { decodeSnapshot, digestOf, encodeSnapshot } from './snapshot-text.ts';
import { toTargetError } from './to-target-error.ts';

export interface SecretSnapshotsOptions {
  readonly client: KubeClient;
  readonly access: Access;
  /** Nothing is written. */
  readonly readOnly?: boolean;
  /** What could not be kept, and why; no value is in it. */
  readonly onProblem: (source: string, message: string) => void;
}

/** How many Secrets there are; a fixed set, so that what no source wants any more is found without a right to list. */
const SLOTS = 8;
/** Of a Secret's data; Kubernetes takes 1,048,576. */
const MOST_BYTES = 1_000_000;
const ROUNDS = 4;

interface Place {
  /** One. Several are copies of processes that began at the same time, of which nobody knows which is the newer. */
  readonly slots: readonly number[];
  readonly digest: string;
  readonly bytes: number;
}

/** Snapshots in Secrets of the agent's own namespace, `hikyaku-snapshot-0` to `-7`: one key for each source, compressed. */
export class SecretSnapshots implements SnapshotArchive {
  readonly #options: SecretSnapshotsOptions;
  readonly #loaded = new Map<string, StoredSnapshot>();
  readonly #places = new Map<string, Place>();
  /** What was kept, or given up, by this process: the same again is no work. */
  readonly #settled = new Map<string, StoredSnapshot>();
  /** What was said of a source that could not be kept, so that it is said once. */
  readonly #said = new Map<string, string>();
  /** One write at a time, as several sources share a Secret. */
  #turn: Promise<void> = Promise.resolve();

  private constructor(options: SecretSnapshotsOptions) {
    this.#options = options;
  }

  /** Reads what is kept. Throws TargetError where the Secrets cannot be read. */
  static async open(options: SecretSnapshotsOptions, { signal }: CallOptions): Promise<SecretSnapshots> {
    const snapshots = new SecretSnapshots(options);
    const slots = Array.from({ length: SLOTS }, (_, slot) => slot);
    const contents = await Promise.all(slots.map((slot) => snapshots.#load(slot, signal)));
    for (const [slot, data] of contents.entries())
      for (const [source, base64] of Object.entries(data))
        snapshots.#found(source, slot, Buffer.from(base64, 'base64'));
    return snapshots;
  }

  take(source: string): StoredSnapshot | undefined {
    const stored = this.#loaded.get(source);
    this.#loaded.delete(source);
    return stored;
  }

  async keep(source: string, stored: StoredSnapshot, { signal }: CallOptions): Promise<void> {
    if (this.#options.readOnly === true || this.#settled.get(source) === stored) return;
    await this.#inTurn(
      signal,
      async () => {
        const digest = digestOf(stored);
        if (this.#places.get(source)?.digest !== digest)
          await this.#move(source, encodeSnapshot(stored), digest, signal);
        this.#settled.set(source, stored);
      },
      source,
    );
  }

  /** Drops what is kept of sources that are not among these: values that nobody uses should not lie around. */
  async prune(sources: ReadonlySet<string>, { signal }: CallOptions): Promise<void> {
    for (const source of this.#loaded.keys()) if (!sources.has(source)) this.#loaded.delete(source);
    for (const source of [...this.#places.keys()].filter((name) => !sources.has(name)))
      await this.#inTurn(signal, () => this.#remove(source, signal), source);
  }

  async #inTurn(signal: AbortSignal, work: () => Promise<void>, source: string): Promise<void> {
    const turn = this.#turn.then(async () => {
      signal.throwIfAborted();
      try {
        await work();
      } catch (error) {
        signal.throwIfAborted();
        if (!isKubeError(error)) throw error;
        this.#say(source, error.message);
      }
    });
    this.#turn = turn.catch(() => {});
    await turn;
  }

  async #move(source: string, bytes: Uint8Array, digest: string, signal: AbortSignal): Promise<void> {
    const before = this.#places.get(source);
    const slot = this.#slotFor(source, bytes.byteLength);
    // A crash in between loses a copy, and leaves no second one that could be the older.
    if (before !== undefined && (before.slots.length > 1 || before.slots[0] !== slot))
      await this.#remove(source, signal);
    if (slot === undefined) {
      this.#say(
        source,
        `its keys in use take ${bytes.byteLength} bytes (compressed), for which there is no room: nothing is kept of it`,
      );
      return;
    }
    // Until it is known what came of it.
    this.#places.set(source, { slots: [slot], digest: '', bytes: bytes.byteLength });
    await this.#change(slot, (data) => ({ ...data, [source]: Buffer.from(bytes).toString('base64') }), signal);
    this.#places.set(source, { slots: [slot], digest, bytes: bytes.byteLength });
    this.#said.delete(source);
  }

  #say(source: string, message: string): void {
    if (this.#said.get(source) === message) return;
    this.#said.set(source, message);
    this.#options.onProblem(source, message);
  }

  async #remove(source: string, signal: AbortSignal): Promise<void> {
    const place = this.#places.get(source);
    if (place === undefined) return;
    const without = (data: Readonly<Record<string, string>>) =>
      Object.fromEntries(Object.entries(data).filter(([name]) => name !== source));
    for (const slot of place.slots) await this.#change(slot, without, signal);
    this.#places.delete(source);
  }

  /** Where it is; else where every process would put it, while there is plenty of room; else the emptiest, if it fits. */
  #slotFor(source: string, bytes: number): number | undefined {
    const used = Array.from({ length: SLOTS }, () => 0);
    for (const [name, place] of this.#places)
      for (const slot of name === source ? [] : place.slots) used[slot] = (used[slot] ?? 0) + place.bytes;
    const current = this.#places.get(source)?.slots[0];
    const first = slotOf(source);
    const hasPlenty = (used[first] ?? 0) + bytes <= MOST_BYTES / 2;
    const byRoom = [...used.keys()].toSorted((a, b) => (used[a] ?? 0) - (used[b] ?? 0));
    return [...(current === undefined ? [] : [current]), ...(hasPlenty ? [first] : []), ...byRoom].find(
      (slot) => (used[slot] ?? 0) + bytes <= MOST_BYTES,
    );
  }

  /** What others have written meanwhile stays. */
  async #change(
    slot: number,
    change: (data: Readonly<Record<string, string>>) => Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<void> {
    const { client, access } = this.#options;
    const namespace = access.agent;
    for (let round = 1; ; round++) {
      const live = await this.#get(slot, signal);
      try {
        if (live === undefined) {
          const metadata = {
            namespace,
            name: nameOf(slot),
            labels: { [AGENT_LABEL]: namespace, [MANAGED_BY_LABEL]: 'hikyaku' },
          };
          await client.secrets.create(
            { apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque', data: change({}) },
            { signal },
          );
        } else {
          const { uid, resourceVersion, labels } = live.metadata;
          const metadata = { namespace, name: nameOf(slot), uid, resourceVersion, labels };
          await client.secrets.replace(
            { apiVersion: 'v1', kind: 'Secret', metadata, type: live.type, data: change(live.data ?? {}) },
            { signal },
          );
        }
        return;
      } catch (error) {
        if (round >= ROUNDS || !isKubeError(error) || !CHANGED_MEANWHILE.has(error.code)) throw error;
      }
    }
  }

  async #get(slot: number, signal: AbortSignal): Promise<SecretObject | undefined> {
    const { client, access } = this.#options;
    return await client.secrets.get(access.agent, nameOf(slot), { signal }).catch((error: unknown) => {
      if (isKubeError(error) && error.code === 'NOT_FOUND') return undefined;
      throw error;
    });
  }

  async #load(slot: number, signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    const { access } = this.#options;
    const live = await this.#get(slot, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      throw toTargetError(error, access.agent, nameOf(slot), access.agent);
    });
    return live?.data ?? {};
  }

  #found(source: string, slot: number, bytes: Uint8Array): void {
    const other = this.#places.get(source);
    const stored = decodeSnapshot(bytes);
    const digest = stored === undefined ? '' : digestOf(stored);
    if (stored === undefined)
      this.#options.onProblem(source, `what was kept of it in ${nameOf(slot)} makes no sense: passed over`);
    else if (other === undefined) this.#loaded.set(source, stored);
    else if (other.digest !== digest) this.#loaded.delete(source);
    const place = { slots: [...(other?.slots ?? []), slot], bytes: Math.max(bytes.byteLength, other?.bytes ?? 0) };
    // Of several nothing is known to be kept, so that the next replaces them all.
    this.#places.set(source, { ...place, digest: other === undefined ? digest : '' });
  }
}

const CHANGED_MEANWHILE: ReadonlySet<string> = new Set(['CONFLICT', 'ALREADY_EXISTS', 'NOT_FOUND']);

function slotOf(source: string): number {
  return (createHash('sha256').update(source).digest()[0] ?? 0) % SLOTS;
}

function nameOf(slot: number): string {
  return `${OWN.snapshot}-${slot}`;
}
