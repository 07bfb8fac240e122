import { ProviderError } from '@hikyaku/core';
import type { SecretChange, SecretValue, WriteResult } from '@hikyaku/core';
import type { LiveSecret } from './live-secret.ts';

/** One change of a key, and where its result belongs. */
export interface KeyChange {
  readonly index: number;
  readonly key: string;
  readonly change: SecretChange;
}

export interface AppliedChanges {
  readonly applied: readonly KeyChange[];
  /** All keys of the Secret as they shall be; absent when they are so already. */
  readonly values: ReadonlyMap<string, SecretValue> | undefined;
  /** Of the changes whose condition does not hold, by index. */
  readonly results: ReadonlyMap<number, Omit<WriteResult, 'name'>>;
}

/** What changes make of a Secret; one that is not there has no keys, and to remove from it makes none. */
export function applyChanges(changes: readonly KeyChange[], live: LiveSecret | undefined): AppliedChanges {
  const before = live?.values ?? new Map<string, SecretValue>();
  const values = new Map(before);
  const results = new Map<number, Omit<WriteResult, 'name'>>();
  const applied: KeyChange[] = [];
  for (const keyChange of changes) {
    const { index, key, change } = keyChange;
    const conflict = conflictOf(change, values.has(key) ? live?.version : null);
    if (conflict !== undefined) {
      results.set(index, { error: conflict });
      continue;
    }
    if ('remove' in change) values.delete(key);
    else values.set(key, change.value);
    applied.push(keyChange);
  }
  return { applied, values: sameValues(before, values) ? undefined : values, results };
}

/** `version`: of the key now, `null` where there is none. A key that was made a moment ago has no version that anybody knows. */
function conflictOf({ name, ifVersion }: SecretChange, version: string | null | undefined): ProviderError | undefined {
  if (ifVersion === undefined || ifVersion === version) return undefined;
  return new ProviderError(
    'CONFLICT',
    ifVersion === null
      ? `${name} exists already`
      : `${name} ${version === null ? 'does not exist any more' : 'or another key of its Secret has been changed meanwhile'}: read it again`,
  );
}

function sameValues(a: ReadonlyMap<string, SecretValue>, b: ReadonlyMap<string, SecretValue>): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) if (b.get(key)?.equals(value) !== true) return false;
  return true;
}
