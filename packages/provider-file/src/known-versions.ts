import type { Snapshot } from '@hikyaku/core';
import type { Value } from './content.ts';

/**
 * The version of each secret: the stamp of its file at the time when the value was first seen. So it tells nothing of the value, and
 * stays while the value stays, though the file is written again for another secret, or with the same content.
 */
export class KnownVersions {
  readonly #known = new Map<string, Value>();

  versionOf(name: string, { value, stamp }: Value): string {
    const known = this.#known.get(name);
    if (known?.value.equals(value) === true) return known.stamp;
    // Where clocks are coarse, two states of a file can have the same stamp.
    const version = known?.stamp === stamp ? `${stamp}+` : stamp;
    this.#known.set(name, { value, stamp: version });
    return version;
  }

  /** A version that was given before a restart holds as long as its value does. */
  adopt({ secrets }: Snapshot, values: ReadonlyMap<string, Value>): void {
    for (const [name, { value, version }] of secrets) {
      if (version !== undefined && values.get(name)?.value.equals(value) === true) {
        this.#known.set(name, { value, stamp: version });
      }
    }
  }

  /** Keeps no value of what is gone. */
  forgetAllBut(names: ReadonlySet<string>): void {
    for (const name of this.#known.keys()) if (!names.has(name)) this.#known.delete(name);
  }
}
