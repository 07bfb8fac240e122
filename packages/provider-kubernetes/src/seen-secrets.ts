/** What reads have seen of each Secret: what a watch goes on from. */
export class SeenSecrets {
  readonly #versions = new Map<string, string | undefined>();
  readonly #listeners = new Set<() => void>();

  get names(): readonly string[] {
    return [...this.#versions.keys()];
  }

  /** `undefined`: it was not there. */
  version(name: string): string | undefined {
    return this.#versions.get(name);
  }

  note(name: string, version: string | undefined): void {
    const isNew = !this.#versions.has(name);
    this.#versions.set(name, version);
    if (isNew) for (const listener of this.#listeners) listener();
  }

  /** Calls back when a Secret is seen for the first time, until it is disposed. */
  onNew(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }
}
