import { ProviderError, refId } from '@hikyaku/core';
import type { Clock, ReadRequest, Secret, SecretRef } from '@hikyaku/core';

const EVERY_MS = 5000;

/** Hands over, every few seconds, what a long read has brought so far. */
export class Progress {
  readonly #request: ReadRequest;
  readonly #clock: Clock;
  readonly #pending = new Map<string, ProviderError>();
  readonly #secrets = new Map<string, Secret>();
  #handedAt: number;

  constructor(request: ReadRequest, clock: Clock) {
    this.#request = request;
    this.#clock = clock;
    this.#handedAt = clock.monotonic();
    this.expect(request.refs);
  }

  /** Names that will be read. All of them must be said before the first one is done. */
  expect(refs: Iterable<SecretRef>): void {
    for (const ref of refs) {
      this.#pending.set(refId(ref), new ProviderError('PENDING', `${ref.name} is not read yet`));
    }
  }

  /** `secret` is absent when it does not exist. One that failed stays pending: the end of the read says why. */
  done(ref: SecretRef, secret: Secret | undefined): void {
    const id = refId(ref);
    this.#pending.delete(id);
    if (secret !== undefined) this.#secrets.set(id, secret);
    const now = this.#clock.monotonic();
    if (this.#pending.size === 0 || now - this.#handedAt < EVERY_MS) return;
    this.#handedAt = now;
    this.#request.progress({ secrets: new Map(this.#secrets), unknown: new Map(this.#pending) });
  }
}
