import type { CallOptions, Clock } from '@hikyaku/core';
import type { Vault } from './vault.ts';

/** A list that is older says too little about now. */
const HOLDS_MS = 5_000;

/** The versions in a vault as of a moment ago, with what was written since: so that many changes need few lists. */
export class RecentVersions {
  readonly #vault: Vault;
  readonly #clock: Clock;
  #versions = new Map<string, number>();
  /** On the monotonic clock. */
  #listedAt = -Infinity;

  constructor(vault: Vault, clock: Clock) {
    this.#vault = vault;
    this.#clock = clock;
  }

  /** `null` when there is no such secret. */
  async of(name: string, options: CallOptions): Promise<number | null> {
    if (this.#clock.monotonic() - this.#listedAt > HOLDS_MS) {
      this.#versions = new Map(await this.#vault.list(options));
      this.#listedAt = this.#clock.monotonic();
    }
    return this.#versions.get(name) ?? null;
  }

  /** After a write of one's own. */
  note(name: string, version: number | null): void {
    if (version === null) this.#versions.delete(name);
    else this.#versions.set(name, version);
  }

  forget(): void {
    this.#listedAt = -Infinity;
  }
}
