import type { SecretRef } from '@hikyaku/core';

/** One Secret that is wanted in one namespace, with all defaults applied. */
export interface SecretSpec {
  readonly namespace: string;
  readonly name: string;
  readonly bulk: readonly BulkItem[];
  /** By key of the Secret. */
  readonly items: ReadonlyMap<string, DataItem>;
  /** What becomes of names that are no valid key: an error, or `_` for each character that is not allowed. */
  readonly keyNames: 'strict' | 'underscore';
  readonly type: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly immutable: boolean;
  readonly existing: Existing;
  /** What becomes of the Secret when its entry leaves the config. */
  readonly whenRemoved: 'delete' | 'keep';
  /** Delete and create again when what cannot be changed in place has changed. */
  readonly recreate: boolean;
  /** What is restarted when the data changes: `Deployment/web` and the like; `true`: whatever of its namespace uses it. Absent: nothing. */
  readonly restart?: true | readonly string[];
}

/**
 * `refuse`: the whole Secret is ours, and one of somebody else stays as it is. `merge`: the Secret is somebody else's who lets us put
 * keys of ours into it; type, labels, annotations and immutability are theirs, and so is every other key.
 */
export type Existing = 'refuse' | 'merge';

/** Many keys at once. */
export interface BulkItem {
  readonly source: string;
  /** Globs of secret names: `*` stands for any run of characters, `?` for one. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** The key, with `*` for what the `*` of the glob matched. */
  readonly as?: string;
  readonly transform?: NameTransform;
}

/** One key. */
export interface DataItem {
  readonly source: string;
  readonly ref: SecretRef;
  /** A dotted path into the secret's JSON. */
  readonly property?: string;
  /** Applied after `property`. */
  readonly decode?: 'base64' | 'base64url';
  /** Absent at the source: left out instead of an error. */
  readonly optional: boolean;
}

export type NameTransform =
  | 'camel'
  | 'upper-camel'
  | 'lower-snake'
  | 'lower-kebab'
  | 'tf-var'
  | 'dotnet'
  | 'dotnet-env';

/** `namespace/name`. */
export type SecretId = string;

export function secretId({ namespace, name }: { readonly namespace: string; readonly name: string }): SecretId {
  return `${namespace}/${name}`;
}
