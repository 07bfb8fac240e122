import type { Provider, SecretRef, SourceDescription } from '@hikyaku/core';

/** What the config file says, with every default applied and every shorthand written out. Durations are milliseconds. */
export interface Config {
  /** How often Secrets are put again though nothing changed. */
  readonly resyncMs: number;
  /** When more Secrets than this would be deleted at once, a person is asked first. */
  readonly hold: { readonly lostSecrets: Threshold } | 'off';
  /** Who can open what is sealed: clusters and backup keys, by name. */
  readonly recipients: ReadonlyMap<string, Recipient>;
  /** By name. */
  readonly sources: ReadonlyMap<string, SourceConfig>;
  /** One per Secret: an entry with several namespaces stands here once for each. In the order of the files. */
  readonly secrets: readonly SecretEntry[];
  /** In the order of the files. */
  readonly pushes: readonly PushEntry[];
}

/** More than this part of what there was, or more than this many. `percent` is 0 to 100; both are whole numbers. */
export type Threshold = { readonly percent: number } | { readonly count: number };

/** Line and column count from 1; a column is a UTF-16 code unit. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** So many milliseconds after the last read, or at the times of a cron expression. */
export type Schedule = { readonly everyMs: number } | { readonly cron: string; readonly timeZone: string };

/** One configured provider. */
export interface SourceConfig {
  readonly name: string;
  readonly provider: Provider;
  /** What the provider's schema made of its part of the file: what `describe` and `connect` take. */
  readonly settings: unknown;
  /**
   * By the dotted path of the field (`token`, `headers.Authorization`). A field with neither a reference nor a default is absent. Those under
   * `notices` are for the agent alone, and sent nowhere.
   */
  readonly credentials: ReadonlyMap<string, CredentialReference>;
  readonly description: SourceDescription;
  readonly refresh: Schedule;
  /** When a refresh would lose more of the keys in use than this, a person is asked first. */
  readonly hold: { readonly lostKeys: Threshold } | 'off';
  /** Whether the last good data is kept in the cluster. */
  readonly snapshot: boolean;
  /** It can be told that something has changed. Absent: it cannot. */
  readonly notices?: NoticesConfig;
  readonly position: Position;
}

/** How the notices of a source are signed; with which secret, say its credentials `notices.secret` and `notices.next`. */
export interface NoticesConfig {
  /** The HMAC-SHA256 of the body in hex stands in this header (lower case). Absent: they are signed as the provider has it. */
  readonly header?: string;
}

/**
 * Where a credential is kept. `file` is absolute; a `secretRef` without a namespace is in the agent's own; `perCluster` goes by the names
 * under `recipients:`; the audience of a `serviceAccountToken` is one of the origins of its source.
 */
export type CredentialReference =
  | { readonly env: string }
  | { readonly file: string }
  | { readonly secretRef: { readonly name: string; readonly key: string; readonly namespace?: string } }
  | { readonly sealed: SealedReference }
  | { readonly perCluster: ReadonlyMap<string, SealedReference> }
  | { readonly serviceAccountToken: { readonly audience: string } };

/** One age file, armored, that stands in the config. */
export interface SealedReference {
  readonly text: string;
  /** It may be one without a binding, as plain `age` makes it. A binding that is there counts all the same. */
  readonly unbound: boolean;
  readonly position: Position;
}

/** Somebody who can open what is sealed. */
export interface Recipient {
  readonly name: string;
  /** Age recipients (public keys): the first is the current one, further ones are kept while its identity is rotated. */
  readonly keys: readonly string[];
  /** A person's key, and no cluster. */
  readonly backup: boolean;
  readonly position: Position;
}

/** One Secret of one namespace. */
export interface SecretEntry {
  readonly namespace: string;
  readonly name: string;
  /** The only clusters that it is for; absent: all of them. */
  readonly clusters?: ReadonlySet<string>;
  /** Everything a source has, or what matches. An entry with neither `data` nor `dataFrom` has one item for all of `from`. */
  readonly bulk: readonly BulkItem[];
  /** By key of the Kubernetes Secret. */
  readonly items: ReadonlyMap<string, DataItem>;
  /** What happens to bulk names that Kubernetes refuses: an error, or `_` for each refused character. */
  readonly keyNames: 'strict' | 'underscore';
  readonly type: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly immutable: boolean;
  /**
   * Whether the Secret is ours as a whole, or somebody else's that our keys are merged into. With `merge`, `type`, `labels`, `annotations`,
   * `immutable` and `recreate` have their defaults, and mean nothing.
   */
  readonly existing: 'refuse' | 'merge';
  /** What happens to the Secret, or to the keys that were merged into it, when its entry leaves the file. */
  readonly whenRemoved: 'delete' | 'keep';
  /** Whether it may be deleted and made again when `type`, or the data of an immutable Secret, changed. */
  readonly recreate: boolean;
  /** What is restarted when the data changes: `Deployment/web` and the like; `true`: whatever of its namespace uses it. Absent: nothing. */
  readonly restart?: true | readonly string[];
  readonly position: Position;
}

/** Many secrets of one source: those that match an `include` glob and no `exclude` glob (`*` any text, `?` one character). */
export interface BulkItem {
  readonly source: string;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** The name each gets: its one `*` becomes what the one `*` of the matching `include` glob matched. */
  readonly as?: string;
  readonly transform?: Transform;
}

/** How names are rewritten, in Doppler's words. */
export type Transform = 'camel' | 'upper-camel' | 'lower-snake' | 'lower-kebab' | 'tf-var' | 'dotnet' | 'dotnet-env';

/** One key of the Kubernetes Secret. `property` is looked up first, then `decode` applies. */
export interface DataItem {
  readonly source: string;
  readonly ref: SecretRef;
  /** Dotted path into the value, which is JSON. */
  readonly property?: string;
  readonly decode?: 'base64' | 'base64url';
  /** Absent at the source: left out, not an error. */
  readonly optional: boolean;
  readonly position: Position;
}

/** One Secret whose keys are kept at a source too. */
export interface PushEntry {
  readonly namespace: string;
  readonly name: string;
  /** The only clusters that it is for; absent: all of them. */
  readonly clusters?: ReadonlySet<string>;
  readonly source: string;
  /** By name at the source: the key of the Secret. Absent: all keys, each under its own name. */
  readonly data?: ReadonlyMap<string, string>;
  /** `ifAbsent`: only what is not there is made. */
  readonly update: 'always' | 'ifAbsent';
  /** What happens at the source to what is not pushed any more. */
  readonly whenRemoved: 'keep' | 'delete';
  readonly position: Position;
}
