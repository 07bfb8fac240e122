import { ProviderError } from '@hikyaku/core';
import type { Provider } from '@hikyaku/core';

/** Where providers come from. Each is loaded only when a config uses it. */
export interface KnownProviders {
  /** The words behind `type:` that always work; for suggestions. */
  readonly types: readonly string[];
  /**
   * The provider behind `type:` in a config file; `undefined` when nothing of that name is known. Rejects with a ProviderError
   * `INVALID_CONFIG`, best an {@link UnusableProviderError}, when there is one that cannot be used.
   */
  load(type: string, from: { readonly file: string }): Promise<Provider | undefined>;
}

/** Why the provider behind a `type:` cannot be used, for who wrote it. */
export class UnusableProviderError extends ProviderError {
  /** What to do. */
  readonly suggestion?: string;

  constructor(message: string, suggestion?: string) {
    super('INVALID_CONFIG', message);
    if (suggestion !== undefined) this.suggestion = suggestion;
  }
}
