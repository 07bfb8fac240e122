import type { CallOptions } from '@hikyaku/core';
import type { Opened } from './open.ts';
import type { SealedError } from './sealed-error.ts';

/** Works with keys in a process of its own that ends at once, so that what the library needs does not stay in the memory of a daemon. */
export class Opener {
  /** One answer per text, in order. Throws where the process itself fails, and the signal's reason. */
  async open(
    _texts: readonly string[],
    _identities: readonly string[],
    _options: CallOptions,
  ): Promise<readonly (Opened | SealedError)[]> {
    throw new Error('being written');
  }

  /** The public keys of identities, in order. Throws a SealedError. */
  async recipientsOf(_identities: readonly string[], _options: CallOptions): Promise<readonly string[]> {
    throw new Error('being written');
  }

  async generate(_options: CallOptions): Promise<{ readonly file: string; readonly recipient: string }> {
    throw new Error('being written');
  }
}
