import type { Clock } from '@hikyaku/core';

export interface FakeVaultsOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** Which version a secret gets that is made again after it was deleted: 1, or the one after its last. */
  readonly recreate: 'restart' | 'continue';
}

export interface FakeVault {
  readonly id: string;
  name: string;
  description: string;
  tags: readonly string[];
  readonly kmsKeyId: string;
  /** The status with which values are refused since the KMS key was deleted. */
  kmsKeyGone: number | undefined;
  readonly createdAt: number;
  modifiedAt: number;
  readonly secrets: Map<string, FakeSecret>;
  /** The last version of what was deleted. */
  readonly retired: Map<string, number>;
}

/** The values of all its versions; the last one is the latest. */
export type FakeSecret = Map<number, string>;

/** The vaults of one contract. */
export class FakeVaults {
  readonly #options: FakeVaultsOptions;
  readonly #vaults = new Map<string, FakeVault>();
  readonly #deleted = new Map<string, FakeVault>();
  readonly #unlisted = new Map<string, FakeVault>();
  #lastId = 110_000_000_000;

  constructor(options: FakeVaultsOptions) {
    this.#options = options;
  }

  add({ id = String(this.#lastId++), ...more }: NewVault): FakeVault {
    const vault = this.#create({ id, ...more });
    this.#vaults.set(id, vault);
    return vault;
  }

  /** A vault that nobody made: it takes secrets, and is not among the others. */
  unlisted(id: string): FakeVault {
    const vault = this.#unlisted.get(id) ?? this.#create({ id });
    this.#unlisted.set(id, vault);
    return vault;
  }

  get(id: string): FakeVault | undefined {
    return this.#vaults.get(id);
  }

  all(): readonly FakeVault[] {
    return [...this.#vaults.values()];
  }

  delete(id: string): void {
    const vault = this.#vaults.get(id);
    if (vault !== undefined) this.#deleted.set(id, vault);
    this.#vaults.delete(id);
  }

  /** As it was when it was deleted. */
  restore(id: string): void {
    const vault = this.#deleted.get(id);
    if (vault !== undefined) this.#vaults.set(id, vault);
    this.#deleted.delete(id);
  }

  /** Of all vaults together. */
  get secretCount(): number {
    return this.all().reduce((count, { secrets }) => count + secrets.size, 0);
  }

  /** The version that this made, also when the value is the same as before. */
  put({ secrets, retired }: FakeVault, name: string, value: string): number {
    const secret = secrets.get(name) ?? new Map<number, string>();
    const last = latestOf(secret) ?? (this.#options.recreate === 'continue' ? (retired.get(name) ?? 0) : 0);
    secret.set(last + 1, value);
    secrets.set(name, secret);
    return last + 1;
  }

  /** Whether it was there. */
  remove({ secrets, retired }: FakeVault, name: string): boolean {
    const last = latestOf(secrets.get(name));
    if (last !== undefined) retired.set(name, last);
    return secrets.delete(name);
  }

  #create({ id, name = 'vault', description = '', tags = [], kmsKeyId = '' }: NewVault & { id: string }): FakeVault {
    const now = this.#options.clock.now();
    return {
      id,
      name,
      description,
      tags,
      kmsKeyId,
      kmsKeyGone: undefined,
      createdAt: now,
      modifiedAt: now,
      secrets: new Map(),
      retired: new Map(),
    };
  }
}

export interface NewVault {
  readonly id?: string;
  readonly name?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly kmsKeyId?: string;
}

export function latestOf(secret: FakeSecret | undefined): number | undefined {
  return [...(secret?.keys() ?? [])].at(-1);
}
