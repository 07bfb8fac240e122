import { SecretValue } from '@hikyaku/core';
import type { CallOptions, ReadRequest, Secret, SecretRef, SecretsClient, Snapshot } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import { demands } from './demand.ts';
import type { Demand } from './demand.ts';
import type { HeldPlan } from './held-plan.ts';
import type { Inventory, InventoryEntry } from './inventory.ts';
import type { Holds } from './plan.ts';
import { Reconciler } from './reconciler.ts';
import { render } from './render.ts';
import type { DesiredSecret, Rendered } from './render.ts';
import type { PushRecord, Report, RestartRecord, SecretRecord, SourceRecord } from './report.ts';
import { secretId } from './secret-spec.ts';
import type { BulkItem, DataItem, SecretId, SecretSpec } from './secret-spec.ts';
import { Source } from './source.ts';
import type { SourceOptions } from './source.ts';
import type { SnapshotArchive, StoredSnapshot } from './stored-snapshot.ts';
import { TargetError } from './target.ts';
import type { Fingerprint, Observation, PutResult, RemoveResult, Target } from './target.ts';

export const signal: AbortSignal = new AbortController().signal;

/** All of a source. */
export const EVERYTHING: Demand = { refs: [], bulk: [{ include: ['*'], exclude: [] }] };

/** The middle of every jitter. */
export const half = () => 0.5;

export function secret(value: string | Uint8Array): Secret {
  return { value: SecretValue.of(value) };
}

export function snapshot(
  values: Readonly<Record<string, string | Uint8Array>>,
  more: Partial<Snapshot> = {},
): Snapshot {
  return { secrets: new Map(Object.entries(values).map(([id, value]) => [id, secret(value)])), ...more };
}

export function everything(source: string, more: Partial<BulkItem> = {}): BulkItem {
  return { source, include: ['*'], exclude: [], ...more };
}

export function item(
  source: string,
  name: string,
  more: Partial<DataItem> & { readonly version?: string } = {},
): DataItem {
  const { version, ...rest } = more;
  const ref: SecretRef = version === undefined ? { name } : { name, version };
  return { source, ref, optional: false, ...rest };
}

export interface SpecOptions extends Partial<Omit<SecretSpec, 'items' | 'namespace' | 'name'>> {
  readonly items?: Readonly<Record<string, DataItem>>;
}

/** `web/app` and the like. */
export function spec(id: SecretId, { items = {}, ...more }: SpecOptions = {}): SecretSpec {
  const [namespace = '', name = ''] = id.split('/');
  return {
    namespace,
    name,
    bulk: [],
    items: new Map(Object.entries(items)),
    keyNames: 'strict',
    type: 'Opaque',
    labels: {},
    annotations: {},
    immutable: false,
    existing: 'refuse',
    whenRemoved: 'delete',
    recreate: false,
    ...more,
  };
}

/** The rendered text by key, `undefined` where there are problems. */
export function textsOf({ desired }: Rendered): Readonly<Record<string, string | undefined>> | undefined {
  return desired && Object.fromEntries([...desired.data].map(([key, { value }]) => [key, value.text()]));
}

/** A Secret that holds these texts, all of one source. */
export function rendered(id: SecretId, values: Readonly<Record<string, string>>, more: SpecOptions = {}): Rendered {
  return render(spec(id, { bulk: [everything('homelab')], ...more }), new Map([['homelab', snapshot(values)]]));
}

/** The fake target's fingerprint: the values themselves, as no secret is at stake here. */
export function fingerprintOf({ type, labels, annotations, immutable, data }: DesiredSecret): Fingerprint {
  return {
    shape: JSON.stringify([type, labels, annotations, immutable]),
    keys: new Map([...data].map(([key, { value }]) => [key, value.text() ?? ''])),
  };
}

class MemoryInventory implements Inventory {
  /** What another process sees. */
  saved = new Map<SecretId, InventoryEntry>();
  saves = 0;
  reloads = 0;
  /** Thrown by the next saves, in turn. */
  readonly failures: Error[] = [];
  /** The same of the next reloads. */
  readonly reloadFailures: Error[] = [];
  #entries = new Map<SecretId, InventoryEntry>();
  #changed = false;

  constructor(entries: readonly InventoryEntry[] = []) {
    for (const entry of entries) this.saved.set(entry.id, entry);
    this.#entries = new Map(this.saved);
  }

  get entries(): ReadonlyMap<SecretId, InventoryEntry> {
    return this.#entries;
  }

  get unsaved(): boolean {
    return this.#changed;
  }

  set(entry: InventoryEntry): void {
    this.#entries.set(entry.id, entry);
    this.#changed = true;
  }

  remove(id: SecretId): void {
    if (this.#entries.delete(id)) this.#changed = true;
  }

  async reload(): Promise<void> {
    this.reloads++;
    const failure = this.reloadFailures.shift();
    if (failure !== undefined) throw failure;
    if (!this.#changed) this.#entries = new Map(this.saved);
  }

  async save(): Promise<void> {
    if (!this.#changed) return;
    const failure = this.failures.shift();
    if (failure !== undefined) throw failure;
    this.saves++;
    this.saved = new Map(this.#entries);
    this.#changed = false;
  }
}

interface Stored {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly fingerprint: Fingerprint;
}

/** A target that keeps its Secrets in a map; `fail` says what a call throws instead of an answer. */
class MemoryTarget implements Target {
  readonly stored = new Map<SecretId, Stored>();
  /** `put web/app`, `remove web/app`, in order. */
  readonly calls: string[] = [];
  fail: (call: string) => Error | undefined = () => undefined;
  /** Runs in the middle of every call. */
  during: (call: string, options: CallOptions) => Promise<void> | void = () => {};
  #version = 0;

  fingerprint(desired: DesiredSecret): Fingerprint {
    return fingerprintOf(desired);
  }

  async put(desired: DesiredSecret, entry: InventoryEntry | undefined, options: CallOptions): Promise<PutResult> {
    const { id } = desired;
    await this.#call(`put ${id}`, options);
    const before = this.stored.get(id);
    const fingerprint = fingerprintOf(desired);
    if (desired.existing === 'merge') this.#requireAnnounced(fingerprint, entry);
    if (before !== undefined && printed(before.fingerprint) === printed(fingerprint)) {
      const { uid, resourceVersion } = before;
      return { outcome: 'unchanged', uid, resourceVersion };
    }
    const after = { uid: before?.uid ?? `uid-${id}`, resourceVersion: String(++this.#version), fingerprint };
    this.stored.set(id, after);
    const drifted = entry?.uid !== undefined && before?.resourceVersion !== entry.resourceVersion;
    const created = before === undefined && desired.existing === 'refuse';
    const outcome = drifted ? 'repaired' : created ? 'created' : 'updated';
    return { outcome, uid: after.uid, resourceVersion: after.resourceVersion };
  }

  async remove({ id }: InventoryEntry, options: CallOptions): Promise<RemoveResult> {
    await this.#call(`remove ${id}`, options);
    return this.stored.delete(id) ? 'deleted' : 'absent';
  }

  async observe(
    id: SecretId,
    _desired: DesiredSecret | undefined,
    entry: InventoryEntry | undefined,
    options: CallOptions,
  ): Promise<Observation> {
    await this.#call(`observe ${id}`, options);
    const live = this.stored.get(id);
    if (live === undefined) return { state: 'absent' };
    return { state: 'ours', actual: live.fingerprint, drifted: live.resourceVersion !== entry?.resourceVersion };
  }

  howToFindOthers(id: SecretId): string {
    return `look at ${id}`;
  }

  /** As somebody with a text editor would. */
  tamper(id: SecretId, key: string, text: string): void {
    const live = this.stored.get(id);
    if (live === undefined) throw new Error(`no ${id}`);
    const keys = new Map(live.fingerprint.keys).set(key, text);
    const resourceVersion = String(++this.#version);
    this.stored.set(id, { ...live, resourceVersion, fingerprint: { ...live.fingerprint, keys } });
  }

  #requireAnnounced({ keys }: Fingerprint, entry: InventoryEntry | undefined): void {
    for (const [key, text] of keys) {
      const known = entry?.keys.get(key);
      if (known?.fingerprint !== text && known?.intended?.includes(text) !== true)
        throw new TargetError('UNANNOUNCED', 'again');
    }
  }

  async #call(call: string, options: CallOptions): Promise<void> {
    this.calls.push(call);
    await this.during(call, options);
    const failure = this.fail(call);
    if (failure !== undefined) throw failure;
  }
}

function printed({ shape, keys }: Fingerprint): string {
  return JSON.stringify([shape, ...keys]);
}

export class MemoryReport implements Report {
  readonly secrets: SecretRecord[] = [];
  readonly sources: SourceRecord[] = [];
  readonly pushes: PushRecord[] = [];
  /** By source: the pushes that there are. */
  readonly pushedTo = new Map<string, ReadonlySet<string>>();
  /** What was said last of all that is held. */
  readonly holds = new Map<string, readonly HeldPlan[]>();

  held(by: string, plans: readonly HeldPlan[]): void {
    this.holds.set(by, plans);
  }

  readonly restarts: RestartRecord[] = [];

  restart(record: RestartRecord): void {
    this.restarts.push(record);
  }

  push(record: PushRecord): void {
    this.pushes.push(record);
  }

  pushesTo(source: string, ids: ReadonlySet<string>): void {
    this.pushedTo.set(source, ids);
  }

  secret(record: SecretRecord): void {
    this.secrets.push(record);
  }

  source(record: SourceRecord): void {
    this.sources.push(record);
  }

  /** `web/app synced created`, what was said since the last call. */
  said(): readonly string[] {
    return this.secrets
      .splice(0)
      .map(({ id, state, outcome }) => [id, state, outcome].filter((word) => word !== undefined).join(' '))
      .toSorted();
  }
}

/** A provider whose next answer the test sets. */
export class MemoryClient implements SecretsClient {
  answer: Snapshot | Error;
  reads = 0;
  readonly requests: ReadRequest[] = [];
  /** Runs in the middle of every read. */
  during: () => void = () => {};

  constructor(answer: Snapshot | Error) {
    this.answer = answer;
  }

  async read(request: ReadRequest): Promise<Snapshot> {
    this.reads++;
    this.requests.push(request);
    this.during();
    if (this.answer instanceof Error) throw this.answer;
    return this.answer;
  }
}

/** Keeps what it is given, in memory. */
export class MemoryArchive implements SnapshotArchive {
  readonly stored = new Map<string, StoredSnapshot>();

  take(source: string): StoredSnapshot | undefined {
    return this.stored.get(source);
  }

  async keep(source: string, stored: StoredSnapshot): Promise<void> {
    this.stored.set(source, stored);
  }
}

export function sourceOf(client: SecretsClient, more: Partial<SourceOptions> = {}): Source {
  return new Source({
    name: 'homelab',
    schedule: { everyMs: 60_000 },
    demand: EVERYTHING,
    connect: async () => client,
    clock: new FakeClock(),
    random: half,
    ...more,
  });
}

export interface WorldOptions {
  readonly specs: readonly SecretSpec[];
  readonly answer?: Snapshot | Error;
  readonly entries?: readonly InventoryEntry[];
  readonly holds?: Holds;
  readonly archive?: SnapshotArchive;
  readonly undecided?: ReadonlySet<SecretId>;
}

/** One source, `homelab`, and everything around it in memory. */
export function createWorld({
  specs,
  answer = snapshot({ A: '1' }),
  entries = [],
  holds = NO_HOLDS,
  archive,
  undecided,
}: WorldOptions) {
  const clock = new FakeClock();
  const client = new MemoryClient(answer);
  const target = new MemoryTarget();
  const inventory = new MemoryInventory(entries);
  const report = new MemoryReport();
  const demand = demands(specs).get('homelab') ?? { refs: [], bulk: [] };
  const source = sourceOf(client, { demand, clock, ...(archive && { kept: { identity: 'here', archive } }) });
  const sources = new Map([['homelab', source]]);
  const reconciler = new Reconciler({
    specs,
    sources,
    target,
    inventory,
    holds,
    report,
    clock,
    random: half,
    concurrency: 1,
    ...(undecided && { undecided }),
  });
  return {
    clock,
    client,
    target,
    inventory,
    report,
    source,
    sources,
    reconciler,
    async refresh(next: Snapshot | Error = client.answer): Promise<void> {
      client.answer = next;
      await source.refresh(() => {}, { signal });
    },
    /** What is said of each Secret by one reconcile. */
    async reconcile(more: { readonly resync?: boolean; readonly approved?: boolean } = {}): Promise<readonly string[]> {
      await reconciler.reconcile({ resync: false, signal, ...more });
      return report.said();
    },
    /** The texts that the target holds. */
    live(id: SecretId): Readonly<Record<string, string>> | undefined {
      const keys = target.stored.get(id)?.fingerprint.keys;
      return keys && Object.fromEntries(keys);
    },
  };
}

export const NO_HOLDS: Holds = { lostSecrets: 'off', lostKeys: new Map([['homelab', 'off']]) };

/** What the inventory says of a Secret that was applied. */
export function entryOf(
  id: SecretId,
  values: Readonly<Record<string, string>>,
  more: Partial<InventoryEntry> & { readonly source?: string } = {},
): InventoryEntry {
  const { source = 'homelab', ...rest } = more;
  const { desired } = rendered(id, values);
  if (desired === undefined) throw new Error('cannot be rendered');
  const { shape } = fingerprintOf(desired);
  const keys = new Map(Object.entries(values).map(([key, fingerprint]) => [key, { source, fingerprint }]));
  return {
    id,
    uid: `uid-${id}`,
    resourceVersion: '1',
    shape,
    keys,
    existing: 'refuse',
    whenRemoved: 'delete',
    ...rest,
  };
}

export function idOf({ spec: { namespace, name } }: Rendered): SecretId {
  return secretId({ namespace, name });
}
