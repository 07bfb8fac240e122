import { untilAborted } from '@hikyaku/core';
import type { CallOptions } from '@hikyaku/core';
import { askChild } from './ask-child.ts';
import type { Opened } from './open.ts';
import { openerEntry } from './opener-entry.ts';
import { openedOf, parseAnswer } from './opener-messages.ts';
import type { AnswerItem, OpenerRequest } from './opener-messages.ts';
import { SealedError } from './sealed-error.ts';

export interface OpenerOptions {
  /** The program of the process. Default: the one that belongs to this package. */
  readonly entry?: URL;
  /** How long one call may take. Default: 20 seconds. */
  readonly timeoutMs?: number;
}

/**
 * Works with keys in a process of its own that ends at once, so that what the library needs does not stay in the memory of a
 * daemon. Calls at the same time wait for each other, as each such process needs some tens of MiB. Each method throws where the
 * process itself fails, and the signal's reason.
 */
export class Opener {
  readonly #entry: URL;
  readonly #timeoutMs: number;
  #last: Promise<unknown> = Promise.resolve();

  constructor({ entry = openerEntry, timeoutMs = 20_000 }: OpenerOptions = {}) {
    this.#entry = entry;
    this.#timeoutMs = timeoutMs;
  }

  /** One answer per text, in order. */
  async open(
    texts: readonly string[],
    identities: readonly string[],
    { signal }: CallOptions,
  ): Promise<readonly (Opened | SealedError)[]> {
    const items = await this.#ask({ do: 'open', texts, identities }, texts.length, signal);
    return items.map((item) => (item instanceof SealedError ? item : (openedOf(item) ?? fail())));
  }

  /** The public keys of identities, in order. Throws a SealedError. */
  async recipientsOf(identities: readonly string[], { signal }: CallOptions): Promise<readonly string[]> {
    const items = await this.#ask({ do: 'recipientsOf', identities }, identities.length, signal);
    return items.map((item) => fieldOf(item, 'recipient'));
  }

  /** A new X25519 identity, as the text of a file of `age-keygen`, and its public key. */
  async generate({ signal }: CallOptions): Promise<{ readonly file: string; readonly recipient: string }> {
    const [item = fail()] = await this.#ask({ do: 'generate' }, 1, signal);
    return { file: fieldOf(item, 'file'), recipient: fieldOf(item, 'recipient') };
  }

  async #ask(
    request: OpenerRequest,
    count: number,
    signal: AbortSignal,
  ): Promise<readonly (AnswerItem | SealedError)[]> {
    signal.throwIfAborted();
    if (count === 0) return [];
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const before = this.#last;
    this.#last = before.then(() => ended);
    try {
      await untilAborted(before, { signal });
      const timeoutMs = this.#timeoutMs;
      const answer = await askChild(this.#entry, JSON.stringify(request), { signal, timeoutMs });
      return parseAnswer(answer, count) ?? fail();
    } finally {
      end();
    }
  }
}

function fieldOf(item: AnswerItem | SealedError, name: string): string {
  if (item instanceof SealedError) throw item;
  return item[name] ?? fail();
}

function fail(): never {
  throw new Error('the process that works with keys answered something else than was asked');
}
