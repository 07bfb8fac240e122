export interface FakeServiceVersion {
  readonly version: number;
  readonly value: Uint8Array;
}

/** The secrets of the fake, with all versions of each. */
export class FakeServiceCollection {
  readonly #versions = new Map<string, readonly FakeServiceVersion[]>();
  readonly unreadable = new Set<string>();
  #changes = 0;

  get changes(): number {
    return this.#changes;
  }

  get names(): readonly string[] {
    return [...this.#versions.keys()];
  }

  latest(name: string): FakeServiceVersion | undefined {
    return this.#versions.get(name)?.at(-1);
  }

  pinned(name: string, version: number): FakeServiceVersion | undefined {
    return this.#versions.get(name)?.find((one) => one.version === version);
  }

  /** The version that it made. */
  set(name: string, value: string | Uint8Array): number {
    const version = ++this.#changes;
    this.#versions.set(name, [...(this.#versions.get(name) ?? []), { version, value: Buffer.from(value) }]);
    return version;
  }

  remove(name: string): boolean {
    this.#changes++;
    return this.#versions.delete(name);
  }
}
