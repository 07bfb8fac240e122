import type { ProviderError, Secret, Snapshot } from '@hikyaku/core';

/** `previous` itself where it says the same. */
export function pickUnchanged(previous: Snapshot | undefined, next: Snapshot): Snapshot {
  const isSame =
    previous !== undefined &&
    sameMaps(previous.secrets, next.secrets, sameSecret) &&
    sameMaps(previous.unknown ?? new Map(), next.unknown ?? new Map(), sameError);
  return isSame ? previous : next;
}

function sameMaps<T>(a: ReadonlyMap<string, T>, b: ReadonlyMap<string, T>, equal: (a: T, b: T) => boolean): boolean {
  if (a.size !== b.size) return false;
  for (const [name, value] of a) {
    const other = b.get(name);
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
