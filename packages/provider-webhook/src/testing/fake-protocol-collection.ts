/** Why a secret cannot be read now, as the protocol says it. */
export interface FakeProtocolError {
  readonly code: string;
  readonly retryAfterSeconds?: number;
}

export interface FakeProtocolVersion {
  readonly version: string;
  readonly value: Uint8Array;
}

/** The secrets of the fake: all versions of each, and one number that counts changes. */
export class FakeProtocolCollection {
  readonly #versions = new Map<string, readonly FakeProtocolVersion[]>();
  readonly #unreadable = new Map<string, FakeProtocolError>();
  #changes = 0;
  #listeners = new Set<() => void>();

  /** Of everything. */
  get revision(): string {
    return `r${this.#changes}`;
  }

  get names(): readonly string[] {
    return [...this.#versions.keys()];
  }

  latest(name: string): FakeProtocolVersion | undefined {
    return this.#versions.get(name)?.at(-1);
  }

  pinned(name: string, version: string): FakeProtocolVersion | undefined {
    return this.#versions.get(name)?.find((one) => one.version === version);
  }

  unreadable(name: string): FakeProtocolError | undefined {
    return this.#unreadable.get(name);
  }

  /** The version that it made; a name that comes back does not start again with old versions. */
  set(name: string, value: string | Uint8Array): string {
    this.#changed();
    const version = `v${this.#changes}`;
    this.#versions.set(name, [...(this.#versions.get(name) ?? []), { version, value: Buffer.from(value) }]);
    return version;
  }

  remove(name: string): void {
    if (this.#versions.delete(name)) this.#changed();
  }

  setUnreadable(name: string, error: FakeProtocolError): void {
    this.#unreadable.set(name, error);
    this.#changed();
  }

  /** All of them again. */
  makeReadable(): void {
    if (this.#unreadable.size === 0) return;
    this.#unreadable.clear();
    this.#changed();
  }

  /** Resolves at the next change, or when the signal aborts. */
  async changed(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      const done = (): void => {
        this.#listeners.delete(done);
        resolve();
      };
      this.#listeners.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  #changed(): void {
    this.#changes++;
    for (const tell of this.#listeners) tell();
  }
}
