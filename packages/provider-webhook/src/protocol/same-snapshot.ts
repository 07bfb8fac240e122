import type { ProviderError, Secret, Snapshot } from '@hikyaku/core';

/** Whether both say the same, whatever their revisions are. */
export function sameSnapshot(a: Snapshot, b: Snapshot): boolean {
  return (
    sameMaps(a.secrets, b.secrets, sameSecret) && sameMaps(a.unknown ?? new Map(), b.unknown ?? new Map(), sameError)
  );
}

function sameMaps<T>(a: ReadonlyMap<string, T>, b: ReadonlyMap<string, T>, equal: (a: T, b: T) => boolean): boolean {
  if (a.size !== b.size) return false;
  for (const [id, value] of a) {
    const other = b.get(id);
    if (other === undefined || !equal(value, other)) return false;
  }
  return true;
}

function sameSecret(a: Secret, b: Secret): boolean {
  return a.version === b.version && a.value.equals(b.value);
}

function sameError(a: ProviderError, b: ProviderError): boolean {
  return a.code === b.code && a.message === b.message;
}
