import { ProviderError, SecretValue } from '@hikyaku/core';
import type {
  CallOptions,
  ReadRequest,
  Secret,
  SecretChange,
  SecretsClient,
  Snapshot,
  WriteResult,
} from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import { half, MemoryReport, signal } from './engine.test.kit.ts';
import type { Threshold } from './exceeds.ts';
import type { PushedKey, PushInventory } from './push-inventory.ts';
import type { OriginProblem, OriginSecret, OriginState, PushOrigin } from './push-origin.ts';
import type { PushSpec } from './push-spec.ts';
import { secretId } from './secret-spec.ts';
import type { SecretId } from './secret-spec.ts';
import { SourcePushes } from './source-pushes.ts';
import type { PushRequest, SourcePushesOptions } from './source-pushes.ts';

export type Texts = Readonly<Record<string, string>>;

/** `web/app` to `homelab`, all keys, unless it says more. */
export function push(
  id: SecretId,
  { data, ...more }: Partial<Omit<PushSpec, 'data'>> & { readonly data?: Texts } = {},
): PushSpec {
  const [namespace = '', name = ''] = id.split('/');
  const named = data && { data: new Map(Object.entries(data)) };
  return { namespace, name, source: 'homelab', update: 'always', whenRemoved: 'keep', ...named, ...more };
}

class MemoryOrigin implements PushOrigin {
  readonly secrets = new Map<SecretId, Texts | OriginProblem['code']>();
  reads = 0;
  readonly watchers = new Map<SecretId, () => void>();

  async read(secret: OriginSecret): Promise<OriginState> {
    this.reads++;
    const state = this.secrets.get(secretId(secret)) ?? 'ABSENT';
    if (typeof state === 'string') return { problem: { code: state, message: `${secretId(secret)} ${state}` } };
    return { data: new Map(Object.entries(state).map(([key, text]) => [key, SecretValue.of(text)])) };
  }

  async *watch(secret: OriginSecret, { signal: stop }: CallOptions): AsyncIterable<void> {
    for (;;) {
      await new Promise<void>((resolve) => {
        stop.addEventListener('abort', () => resolve(), { once: true });
        this.watchers.set(secretId(secret), resolve);
      });
      stop.throwIfAborted();
      yield;
    }
  }

  /** Changes a Secret, and tells who watches. */
  set(id: SecretId, state: Texts | OriginProblem['code']): void {
    this.secrets.set(id, state);
    this.watchers.get(id)?.();
  }
}

export class MemoryPushInventory implements PushInventory {
  /** What another process sees. */
  saved = new Map<string, PushedKey>();
  entries = new Map<string, PushedKey>();
  saves = 0;
  /** Thrown by the next saves, in turn. */
  readonly failures: (Error | undefined)[] = [];
  readonly #unsaved = new Map<string, PushedKey | undefined>();

  fingerprint(id: string, value: SecretValue): string {
    return `${id}=${value.text()}`;
  }

  set(entry: PushedKey): void {
    if (JSON.stringify(this.entries.get(entry.id)) === JSON.stringify(entry)) return;
    this.entries.set(entry.id, entry);
    this.#unsaved.set(entry.id, entry);
  }

  remove(id: string): void {
    if (this.entries.delete(id)) this.#unsaved.set(id, undefined);
  }

  get unsaved(): boolean {
    return this.#unsaved.size > 0;
  }

  async reload(): Promise<void> {
    this.entries = new Map(this.saved);
    for (const [id, entry] of this.#unsaved) {
      if (entry === undefined) this.entries.delete(id);
      else this.entries.set(id, entry);
    }
  }

  async save(): Promise<void> {
    if (!this.unsaved) return;
    const failure = this.failures.shift();
    if (failure !== undefined) throw failure;
    this.saves++;
    this.saved = new Map(this.entries);
    this.#unsaved.clear();
  }
}

/** A service with versions, or without, as Doppler is. */
export class MemorySource implements SecretsClient {
  readonly secrets = new Map<string, Secret>();
  readonly reads: (readonly string[])[] = [];
  /** `+A`, `~A`, `-A`, in order. */
  readonly writes: string[] = [];
  readonly versioned: boolean;
  /** What a read or write throws instead. */
  failing: Error | undefined;
  /** The result of a change instead of making it. */
  refuse: (name: string) => ProviderError | undefined = () => undefined;
  /** What a read says of a name instead. */
  unreadable: (name: string) => ProviderError | undefined = () => undefined;
  /** Runs before each of them is answered, as another writer might. */
  meanwhile: (call: 'read' | 'write') => void = () => {};
  /** The answer of a write is lost. */
  lost = false;
  #version = 0;

  constructor(texts: Texts = {}, { versioned = true } = {}) {
    this.versioned = versioned;
    for (const [name, text] of Object.entries(texts)) this.put(name, text);
  }

  /** As anybody else does. */
  put(name: string, text: string): void {
    const version = this.versioned && { version: String(++this.#version) };
    this.secrets.set(name, { value: SecretValue.of(text), ...version });
  }

  get texts(): Texts {
    return Object.fromEntries([...this.secrets].map(([name, { value }]) => [name, value.text() ?? '']));
  }

  async read({ refs }: ReadRequest): Promise<Snapshot> {
    this.meanwhile('read');
    this.reads.push(refs.map(({ name }) => name));
    if (this.failing !== undefined) throw this.failing;
    const secrets = new Map<string, Secret>();
    const unknown = new Map<string, ProviderError>();
    for (const { name } of refs) {
      const error = this.unreadable(name);
      const secret = this.secrets.get(name);
      if (error !== undefined) unknown.set(name, error);
      else if (secret !== undefined) secrets.set(name, secret);
    }
    return { secrets, unknown };
  }

  async write(changes: readonly SecretChange[]): Promise<readonly WriteResult[]> {
    this.meanwhile('write');
    if (this.failing !== undefined) throw this.failing;
    const results = changes.map((change): WriteResult => {
      const { name, ifVersion } = change;
      const before = this.secrets.get(name);
      if (typeof ifVersion === 'string' && !this.versioned)
        return { name, error: new ProviderError('UNSUPPORTED', 'no versions') };
      const asSeen =
        ifVersion === undefined || (before === undefined ? ifVersion === null : before.version === ifVersion);
      if (!asSeen) return { name, error: new ProviderError('CONFLICT', `${name} was changed meanwhile`) };
      const error = this.refuse(name);
      if (error !== undefined) return { name, error };
      this.writes.push(`${'remove' in change ? '-' : before === undefined ? '+' : '~'}${name}`);
      if ('remove' in change) this.secrets.delete(name);
      else this.put(name, change.value.text() ?? '');
      const { version } = this.secrets.get(name) ?? {};
      return { name, ...(version !== undefined && { version }) };
    });
    if (this.lost) throw new ProviderError('UNAVAILABLE', 'the answer was lost');
    return results;
  }
}

export interface PushWorldOptions extends Partial<Pick<SourcePushesOptions, 'refusal' | 'identity' | 'undecided'>> {
  readonly specs: readonly PushSpec[];
  readonly secrets?: Readonly<Record<SecretId, Texts | OriginProblem['code']>>;
  readonly source?: SecretsClient;
  readonly connect?: () => Promise<SecretsClient>;
  readonly inventory?: MemoryPushInventory;
  readonly hold?: Threshold | 'off';
}

/** One source, `homelab`, and everything around it in memory. */
export function createPushWorld({
  specs,
  secrets = {},
  source,
  connect = async () => source ?? new MemorySource(),
  inventory = new MemoryPushInventory(),
  hold = 'off',
  identity = 'here',
  refusal,
  undecided,
}: PushWorldOptions) {
  const origin = new MemoryOrigin();
  for (const [id, state] of Object.entries(secrets)) origin.secrets.set(id, state);
  const report = new MemoryReport();
  const clock = new FakeClock();
  const options = { source: 'homelab', identity, origin, inventory, hold, report, clock, random: half };
  const optional = { ...(refusal && { refusal }), ...(undecided && { undecided }) };
  const pushes = new SourcePushes({ ...options, specs, connect, ...optional });
  return {
    origin,
    inventory,
    report,
    clock,
    pushes,
    /** What is said of each push by one round: `web/app pushed +A ~B -C`. */
    round: async (more: Partial<Pick<PushRequest, 'resync' | 'approved' | 'stopping'>> = {}) => {
      await pushes.push({ resync: true, signal, ...more });
      return saidOf(report);
    },
  };
}

export function saidOf(report: MemoryReport): readonly string[] {
  return report.pushes.splice(0).map(({ from, state, changes }) => {
    const { added = [], changed = [], removed = [] } = changes ?? {};
    const names = [
      ...added.map((name) => `+${name}`),
      ...changed.map((name) => `~${name}`),
      ...removed.map((name) => `-${name}`),
    ];
    return [from, state, ...names].join(' ');
  });
}
