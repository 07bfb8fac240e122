import { ProviderError } from '@hikyaku/core';
import type { SecretChange } from '@hikyaku/core';
import type { Value, VersionOf } from './content.ts';
import { printable } from './printable.ts';

export interface Current {
  readonly exists: boolean;
  /** Absent also where it exists and cannot be used. */
  readonly value: Value | undefined;
}

/** `CONFLICT` where the secret is not what the change was made for. */
export function checkVersion(
  { name, ifVersion }: SecretChange,
  { exists, value }: Current,
  versionOf: VersionOf,
): ProviderError | undefined {
  if (ifVersion === undefined || (ifVersion === null && !exists)) return undefined;
  if (value !== undefined && versionOf(name, value) === ifVersion) return undefined;
  const what = ifVersion === null ? 'exists already' : exists ? 'has changed meanwhile' : 'is gone';
  return new ProviderError('CONFLICT', `${printable(name)} ${what}: read it again`);
}

/** The names that several changes have: which of them should win is not for us to say. */
export function namedTwice(changes: readonly SecretChange[]): ReadonlySet<string> {
  const seen = new Set<string>();
  return new Set(changes.flatMap(({ name }) => (seen.size === seen.add(name).size ? [name] : [])));
}

export function twice(name: string): ProviderError {
  return new ProviderError('INVALID_CONFIG', `${printable(name)} is changed twice at once: send one change of it`);
}
