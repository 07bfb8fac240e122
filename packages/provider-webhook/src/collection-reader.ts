import { ProviderError } from '@hikyaku/core';
import type { CallOptions, ProviderContext } from '@hikyaku/core';
import { retry } from '@hikyaku/provider-utils';
import { refuseEncoded } from './answer-value.ts';
import type { Answered, Connection } from './connection.ts';
import { JsonDocument } from './json-document.ts';
import type { Found } from './json-path.ts';
import type { ListOperation, ReadAllOperation } from './operations.ts';
import { refusal } from './refusal.ts';

/** One member of a list, or of a mapping: then `key` is its name there. */
export interface Item {
  readonly document: JsonDocument;
  readonly found: Found;
  readonly key?: string;
}

export type Collection = { readonly account: string } & (
  | { readonly unchanged: true }
  | { readonly unchanged: false; readonly etag?: string; readonly items: readonly Item[] }
);

export interface CollectOptions extends CallOptions {
  /** In messages: `the list`. */
  readonly what: string;
  readonly known?: (account: string) => string | undefined;
}

const MAX_PAGES = 100;

/**
 * Everything that `list` or `readAll` answers, all pages of it. A list that may not be whole is `INVALID_RESPONSE`: what is not in
 * it would count as removed.
 */
export async function collect(
  connection: Connection,
  operation: ListOperation | ReadAllOperation,
  { clock }: Pick<ProviderContext, 'clock'>,
  { what, known, signal }: CollectOptions,
): Promise<Collection> {
  const { host } = connection;
  const label = `the answer of ${host} for ${what}`;

  async function ask(cursor: string | undefined): Promise<Answered> {
    const variables = new Map([['next', cursor]]);
    const paged = operation.next !== undefined;
    const answered = await connection.send(operation, { variables, signal, ...(!paged && known && { known }) });
    if (answered.status === 200 || answered.unchanged) return answered;
    throw refusal(answered, { host, what, clock });
  }

  const items: Item[] = [];
  const cursors = new Set<string>();
  let total: number | undefined;
  let account: string | undefined;
  for (let cursor: string | undefined; ;) {
    const answered = await retry(() => ask(cursor), { clock, signal });
    if (answered.unchanged) return { account: answered.account, unchanged: true };
    account ??= answered.account;
    refuseEncoded(answered, label);
    if (operation.next === undefined && /\brel="?next"?/i.test(answered.headers.get('link') ?? '')) {
      throw invalid(
        `${label} is one page of several, as its \`link\` header says. Ask for all of it, or say with \`next\` how to get the next page`,
      );
    }
    const document = JsonDocument.parse(answered.body, label);
    items.push(...itemsIn(document, operation));
    total = totalIn(document, operation) ?? total;
    cursor = nextIn(document, operation);
    if (cursor === undefined) {
      if (total !== undefined && total !== items.length)
        throw invalid(`${label} has ${items.length} of ${total} secrets`);
      const { etag } = answered;
      return { account, unchanged: false, items, ...(etag !== undefined && operation.next === undefined && { etag }) };
    }
    if (cursors.has(cursor) || cursors.size >= MAX_PAGES) throw invalid(`${label} has no last page`);
    cursors.add(cursor);
  }
}

function itemsIn(document: JsonDocument, { result }: ListOperation | ReadAllOperation): readonly Item[] {
  const found = document.findOne(result);
  if (typeof found?.value !== 'object' || found.value === null) {
    throw invalid(`${result} finds neither a list nor a mapping in ${document.label}`);
  }
  const { value, location } = found;
  if (Array.isArray(value)) {
    return value.map((item: unknown, index) => ({ document, found: { value: item, location: [...location, index] } }));
  }
  return Object.entries(value).map(([key, item]: [string, unknown]) => ({
    document,
    found: { value: item, location: [...location, key] },
    key,
  }));
}

function totalIn(document: JsonDocument, { total }: ListOperation | ReadAllOperation): number | undefined {
  if (total === undefined) return undefined;
  const found = document.findOne(total)?.value;
  if (typeof found === 'number') return found;
  throw invalid(`${total} does not find a number in ${document.label}`);
}

function nextIn(document: JsonDocument, { next }: ListOperation | ReadAllOperation): string | undefined {
  const found = next === undefined ? undefined : document.findOne(next);
  if (found === undefined || found.value === null || found.value === '' || found.value === false) return undefined;
  if (typeof found.value === 'string' || typeof found.value === 'number') return document.textOf(found);
  throw invalid(`${next} finds something other than a cursor in ${document.label}`);
}

function invalid(message: string): ProviderError {
  return new ProviderError('INVALID_RESPONSE', message);
}
