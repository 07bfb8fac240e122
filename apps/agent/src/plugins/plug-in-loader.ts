import { UnusableProviderError } from '@hikyaku/config';
import { providerProblems, systemClock } from '@hikyaku/core';
import type { CallOptions, Provider } from '@hikyaku/core';
import { guardProvider } from './guard-provider.ts';
import { importFailure, placeOf, placeOfSyntaxError } from './import-failure.ts';
import { ModuleHooks } from './module-hooks.ts';
import type { Entry } from './module-hooks.ts';

export interface PlugIn {
  /** What stands behind `type:`. */
  readonly name: string;
  /** For people: its first file, or the package's name. */
  readonly path: string;
  readonly entry: Entry;
}

const PATIENCE_MS = 10_000;
const FOR_AUTHORS = 'docs/add-a-provider.md says what a provider must be';

/** Imports plug-ins, which runs their code, and checks what they export. */
export class PlugInLoader {
  readonly #hooks = new ModuleHooks();

  /** Rejects with an UnusableProviderError that tells the author where and why, and with the signal's reason. */
  async load({ name, path, entry }: PlugIn, options: CallOptions): Promise<Provider> {
    const place = (error: Error) => placeOf(error, (url) => this.#hooks.has(url));
    try {
      const provider = await this.#defaultExport(entry, options);
      if (isProvider(provider)) return guardProvider(provider, { name, placeOf: place });
      const problems = providerProblems(provider).join('; ');
      throw new UnusableProviderError(`the default export is not a provider: ${problems}`, FOR_AUTHORS);
    } catch (error) {
      options.signal.throwIfAborted();
      const { suggestion } = error instanceof UnusableProviderError ? error : {};
      const where =
        error instanceof Error ? (place(error) ?? (await placeOfSyntaxError(error, entry, this.#hooks))) : undefined;
      throw new UnusableProviderError(
        `the plug-in \`${name}\` cannot be loaded: ${importFailure(error, where, path)}`,
        suggestion,
      );
    }
  }

  async #defaultExport(entry: Entry, { signal }: CallOptions): Promise<unknown> {
    const done = new AbortController();
    const late = systemClock.sleep(PATIENCE_MS, { signal: AbortSignal.any([signal, done.signal]) }).then(() => {
      throw new Error(`it was not loaded within ${PATIENCE_MS / 1000} s; what takes time belongs into \`read\``);
    });
    try {
      const module: unknown = await Promise.race([this.#hooks.import(entry), late]);
      return typeof module === 'object' && module !== null && 'default' in module ? module.default : undefined;
    } finally {
      done.abort();
    }
  }
}

function isProvider(value: unknown): value is Provider {
  return providerProblems(value).length === 0;
}
