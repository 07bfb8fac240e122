import { ProviderError } from '@hikyaku/core';
import type { CallOptions, ProviderContext, SecretInfo } from '@hikyaku/core';
import { foundText } from './answer-value.ts';
import { collect } from './collection-reader.ts';
import type { Item } from './collection-reader.ts';
import type { Connection } from './connection.ts';
import type { ListOperation } from './operations.ts';

export interface Listed {
  readonly account: string;
  readonly infos: ReadonlyMap<string, SecretInfo>;
}

/** The names that the operation `list` gives. */
export async function listNames(
  connection: Connection,
  operation: ListOperation,
  context: ProviderContext,
  { signal }: CallOptions,
): Promise<Listed> {
  const collection = await collect(connection, operation, context, { what: 'the list', signal });
  const infos = new Map<string, SecretInfo>();
  for (const item of collection.unchanged ? [] : collection.items) {
    const { document, found } = item;
    const name = nameOf(item, operation);
    if (infos.has(name)) throw new ProviderError('INVALID_RESPONSE', `${document.label} names ${name} twice`);
    const version = operation.version && foundText(document, operation.version, found);
    infos.set(name, { name, ...(version !== undefined && { version }) });
  }
  return { account: collection.account, infos };
}

/** Throws `INVALID_RESPONSE`: an item without a name would be one that is missing. */
function nameOf({ document, found, key }: Item, { name: path }: ListOperation): string {
  // The keys of a mapping are no list: an error in JSON would pass for one.
  if (path !== undefined && key === undefined) return foundText(document, path, found);
  if (path === undefined && key === undefined && isName(found.value)) return found.value;
  const expected = path === undefined ? 'a list of names' : 'a list of items with names';
  throw new ProviderError('INVALID_RESPONSE', `${document.label} holds something other than ${expected}`);
}

/** Whether it can name a secret. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !value.includes('\0') && value.isWellFormed();
}
