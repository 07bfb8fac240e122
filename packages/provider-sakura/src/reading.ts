import { ProviderError } from '@hikyaku/core';
import type { Secret, Snapshot } from '@hikyaku/core';
import type { ReadPlan } from './read-plan.ts';

const PENDING = new ProviderError('PENDING', 'not read yet: the next read goes on with it');

/** What one read knows so far. Everything that is due is pending at first; what is only old holds until it is read again. */
export class Reading {
  readonly #secrets: Map<string, Secret>;
  readonly #unknown: Map<string, ProviderError>;

  constructor({ known, due, refused }: ReadPlan) {
    this.#secrets = new Map(known);
    this.#unknown = new Map(refused);
    for (const id of due.keys()) if (!known.has(id)) this.#unknown.set(id, PENDING);
  }

  found(id: string, secret: Secret): void {
    this.#unknown.delete(id);
    this.#secrets.set(id, secret);
  }

  failed(id: string, error: ProviderError = PENDING): void {
    this.#secrets.delete(id);
    this.#unknown.set(id, error);
  }

  absent(id: string): void {
    this.#secrets.delete(id);
    this.#unknown.delete(id);
  }

  /** Everything that is pending fails with this. */
  pendingFailed(error: ProviderError): void {
    for (const [id, { code }] of this.#unknown) if (code === 'PENDING') this.#unknown.set(id, error);
  }

  snapshot(): Snapshot {
    return {
      secrets: new Map(this.#secrets),
      ...(this.#unknown.size > 0 && { unknown: new Map(this.#unknown) }),
    };
  }
}
