import type { ProviderError } from './provider-error.ts';
import type { Secret, Snapshot } from './secrets-client.ts';

/** Whether both say the same: values and versions, and what is unknown and why. Revisions and times of reading do not count. */
export function sameSnapshot(a: Snapshot, b: Snapshot): boolean {
  return (
    sameMaps(a.secrets, b.secrets, sameSecret) && sameMaps(a.unknown ?? new Map(), b.unknown ?? new Map(), sameError)
  );
}

/** What `read` is to return: `previous` itself where the new snapshot says the same. */
export function previousIfSame(previous: Snapshot | undefined, snapshot: Snapshot): Snapshot {
  return previous !== undefined && sameSnapshot(previous, snapshot) ? previous : snapshot;
}

function sameMaps<T>(a: ReadonlyMap<string, T>, b: ReadonlyMap<string, T>, same: (a: T, b: T) => boolean): boolean {
  if (a.size !== b.size) return false;
  for (const [id, value] of a) {
    const other = b.get(id);
    if (other === undefined || !same(value, other)) return false;
  }
  return true;
}

function sameSecret(a: Secret, b: Secret): boolean {
  return a === b || (a.version === b.version && a.value.equals(b.value));
}

function sameError(a: ProviderError, b: ProviderError): boolean {
  return a.code === b.code && a.message === b.message && a.retryAfterMs === b.retryAfterMs;
}
