import type { CallOptions, ProviderError, SecretChange, SecretValue, WriteResult } from '@hikyaku/core';

/** What the files of a source hold. A name that was wanted and is in neither map does not exist. */
export interface Content {
  readonly values: ReadonlyMap<string, Value>;
  readonly unknown: ReadonlyMap<string, ProviderError>;
  /** All that is there, wanted or not. */
  readonly names: ReadonlySet<string>;
}

export interface Value {
  readonly value: SecretValue;
  /** Of the file that it stands in: another one after each change of the file. */
  readonly stamp: string;
}

export interface Wanted {
  /** Wanted, if it is there. */
  readonly wants: (name: string) => boolean;
  /** Asked for by its very name. */
  readonly named: ReadonlySet<string>;
}

/** The version of a value; a value that has not changed keeps the one it had. */
export type VersionOf = (name: string, value: Value) => string;

/** One kind of files: a directory of them, or one file with many secrets. */
export interface Files {
  /** What is there, as it was at one moment. */
  read(wanted: Wanted, options: CallOptions): Promise<Content>;
  write(
    changes: readonly SecretChange[],
    options: CallOptions & { readonly versionOf: VersionOf },
  ): Promise<readonly FileWriteResult[]>;
}

export interface FileWriteResult extends WriteResult {
  /** What stands there now. */
  readonly written?: Value;
}
