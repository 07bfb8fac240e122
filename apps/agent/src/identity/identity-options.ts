import type { IdentityFileOptions } from './identity-files.ts';

/** Flags by which a command learns whose keys it works with. */
export interface IdentityOptions extends IdentityFileOptions {
  /** `--cluster`: which cluster it is, by its name under `recipients`. */
  readonly cluster?: string;
  /** `--identity-secret`: of another tool, `NAME` or `NAMESPACE/NAME`. */
  readonly identitySecret?: string;
}
