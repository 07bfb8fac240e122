import { isProviderError, ProviderError, SecretValue } from '@hikyaku/core';
import type { CallOptions, ProviderContext, Secret, Snapshot } from '@hikyaku/core';
import { isEtag } from '@hikyaku/provider-utils';
import { foundText, foundValue } from './answer-value.ts';
import { collect } from './collection-reader.ts';
import type { Item } from './collection-reader.ts';
import type { Connection } from './connection.ts';
import { isName } from './list-names.ts';
import type { ReadAllOperation } from './operations.ts';

interface Content {
  readonly secrets: ReadonlyMap<string, Secret>;
  readonly unknown: ReadonlyMap<string, ProviderError>;
}

/** What an ETag stands for, and for whom. */
interface Held {
  readonly account: string;
  readonly etag: string;
  readonly secrets: Content['secrets'];
}

/** Reads everything by the operation `readAll`, conditionally where the service gives ETags. */
export class EverythingReader {
  readonly #connection: Connection;
  readonly #operation: ReadAllOperation;
  readonly #context: ProviderContext;
  #held: Held | undefined;

  constructor(connection: Connection, operation: ReadAllOperation, context: ProviderContext) {
    this.#connection = connection;
    this.#operation = operation;
    this.#context = context;
  }

  async read({ previous, signal }: CallOptions & { readonly previous?: Snapshot }): Promise<Snapshot> {
    const stored = heldFrom(previous);
    const heldFor = (account: string) => [this.#held, stored].find((held) => held?.account === account);
    const collection = await collect(this.#connection, this.#operation, this.#context, {
      what: 'all secrets',
      known: (account) => heldFor(account)?.etag,
      signal,
    });
    if (collection.unchanged) {
      const held = heldFor(collection.account);
      if (held === undefined) throw new TypeError('unchanged, but nothing is held');
      // One from a stored snapshot is not kept: it has only what was in use then, and a list wants all.
      return snapshotOf(held);
    }
    const { account, etag, items } = collection;
    const content = this.#contentOf(items);
    // What could not be read now may be readable next time, under the same ETag.
    const stands = etag !== undefined && content.unknown.size === 0;
    this.#held = stands ? { account, etag, secrets: content.secrets } : undefined;
    return this.#held === undefined ? snapshotWithout(content) : snapshotOf(this.#held);
  }

  #contentOf(items: readonly Item[]): Content {
    const secrets = new Map<string, Secret>();
    const unknown = new Map<string, ProviderError>();
    const readAt = this.#context.clock.now();
    for (const item of items) {
      const name = this.#nameOf(item);
      if (secrets.has(name) || unknown.has(name)) {
        throw new ProviderError('INVALID_RESPONSE', `${item.document.label} has ${name} twice`);
      }
      try {
        secrets.set(name, { ...this.#secretOf(item, name), readAt });
      } catch (error) {
        if (!isProviderError(error)) throw error;
        unknown.set(name, error);
      }
    }
    return { secrets, unknown };
  }

  /** Throws `INVALID_RESPONSE`: an item without a name would be one that is missing. */
  #nameOf({ document, found, key }: Item): string {
    const { name: path } = this.#operation;
    if (path !== undefined && key === undefined) return foundText(document, path, found);
    if (path === undefined && isName(key)) return key;
    const expected = path === undefined ? 'a mapping of names to values' : 'a list of items with names';
    throw new ProviderError('INVALID_RESPONSE', `${document.label} holds something other than ${expected}`);
  }

  #secretOf({ document, found }: Item, name: string): { readonly value: SecretValue; readonly version?: string } {
    const { value: path, version, decode } = this.#operation;
    if (path === undefined) return { value: foundValue(document, found, decode, name) };
    const value = document.findOne(path, found);
    if (value === undefined)
      throw new ProviderError('INVALID_RESPONSE', `${path} finds nothing for ${name} in ${document.label}`);
    return {
      value: foundValue(document, value, decode, `${path} of ${name}`),
      ...(version !== undefined && { version: foundText(document, version, found) }),
    };
  }
}

function snapshotOf({ account, etag, secrets }: Held): Snapshot {
  return { secrets, revision: `all ${account} ${etag}` };
}

function snapshotWithout({ secrets, unknown }: Content): Snapshot {
  return { secrets, ...(unknown.size > 0 && { unknown }) };
}

/** A stored snapshot may have lost what it could not know, and then it must not stand for the ETag. */
function heldFrom(snapshot: Snapshot | undefined): Held | undefined {
  const [, account, etag] = /^all ([\w-]{22}) (.+)$/.exec(snapshot?.revision ?? '') ?? [];
  if (snapshot === undefined || account === undefined || etag === undefined || !isEtag(etag)) return undefined;
  if ((snapshot.unknown?.size ?? 0) > 0) return undefined;
  return { account, etag, secrets: snapshot.secrets };
}
