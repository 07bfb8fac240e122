import { isProviderError } from '@hikyaku/core';
import type { Snapshot } from '@hikyaku/core';

/** An error in a failure's text. */
export function describeError(error: unknown): string {
  if (isProviderError(error)) return `${error.code} (${error.message})`;
  return error instanceof Error ? `${error.name}: ${error.message}` : `something that is no Error (${typeof error})`;
}

/** What a snapshot says of one secret, without its value. */
export function describeEntry(snapshot: Snapshot, id: string): string {
  const error = snapshot.unknown?.get(id);
  if (error !== undefined) return `in \`unknown\`, as ${describeError(error)}`;
  const secret = snapshot.secrets.get(id);
  if (secret === undefined) return 'in neither map: it does not exist';
  return `in \`secrets\`, with a value of ${secret.value.byteLength} bytes`;
}

/** Names as they stand in maps: a pinned one shows its version. */
export function describeId(id: string): string {
  const [name, version] = id.split('\0');
  return version === undefined ? `'${name}'` : `'${name}' pinned to version '${version}'`;
}
