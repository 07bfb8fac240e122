/** What stands at a source before the agent comes, by name. */
export type Contents = Readonly<Record<string, string>>;

/** What an example needs, and what must come of it. */
export interface Example {
  /** By source; a source that reads the example's own files needs none. */
  readonly contents: Readonly<Record<string, Contents>>;
  /** Secrets of others, by namespace/name, which their owners let the agent watch. */
  readonly given?: Readonly<Record<string, Contents>>;
  /** By namespace/name: what must be in the cluster, and nothing else. */
  readonly secrets: Readonly<Record<string, ExpectedSecret>>;
  /** By source that is pushed to: all that must be there in the end. */
  readonly pushed?: Readonly<Record<string, Contents>>;
}

export interface ExpectedSecret {
  readonly data: Readonly<Record<string, string>>;
  readonly type?: string;
  readonly immutable?: true;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly sources: string;
}
