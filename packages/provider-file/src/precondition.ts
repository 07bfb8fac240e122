import { ProviderError } from '@hikyaku/core';
import type { SecretChange } from '@hikyaku/core';
import type { Value, VersionOf } from './content.ts';
import { printable } from './printable.ts';

/** `CONFLICT` where the secret is not what the change was made for. */
export function checkVersion(
  { name, ifVersion }: SecretChange,
  current: Value | undefined,
  versionOf: VersionOf,
): ProviderError | undefined {
  if (ifVersion === undefined) return undefined;
  if (ifVersion === null) {
    return current && new ProviderError('CONFLICT', `${printable(name)} exists already: read it again`);
  }
  if (current !== undefined && versionOf(name, current) === ifVersion) return undefined;
  const what = current === undefined ? 'is gone' : 'has changed meanwhile';
  return new ProviderError('CONFLICT', `${printable(name)} ${what}: read it again`);
}

/** One of the changes has the name of another: which of them should win is not for us to say. */
export function namedTwice(changes: readonly SecretChange[]): ReadonlySet<string> {
  const seen = new Set<string>();
  return new Set(changes.flatMap(({ name }) => (seen.size === seen.add(name).size ? [name] : [])));
}

export function twice(name: string): ProviderError {
  return new ProviderError('INVALID_CONFIG', `${printable(name)} is changed twice at once: send one change of it`);
}
