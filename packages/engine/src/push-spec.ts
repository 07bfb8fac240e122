import type { SecretId } from './secret-spec.ts';

/** One Secret whose keys are kept at a source too, with all defaults applied. */
export interface PushSpec {
  readonly namespace: string;
  readonly name: string;
  readonly source: string;
  /** By name at the source: the key of the Secret. Absent: all keys, each under its own name. */
  readonly data?: ReadonlyMap<string, string>;
  /** `ifAbsent`: only what is not there is made. */
  readonly update: 'always' | 'ifAbsent';
  /** What becomes of what is not pushed any more. */
  readonly whenRemoved: 'keep' | 'delete';
}

/** `namespace/name → source`. */
export type PushId = string;

export function pushId(from: SecretId, source: string): PushId {
  return `${from} → ${source}`;
}
