import type { Clock, Logger } from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';

export interface LastingFailureOptions {
  /** Log messages. */
  readonly words: { readonly failing: string; readonly over: string };
  readonly logger: Logger;
  readonly clock: Clock;
}

/** An API server that is just restarted, and answers 403 until it has loaded its rules, is no news. */
const PATIENCE_MS = 20_000;

/** Of something that is tried again and again: says once that it fails, when that has lasted, and once that it is over. */
export class LastingFailure {
  readonly #options: LastingFailureOptions;
  /** On the monotonic clock. */
  #since: number | undefined;
  #isSaid = false;

  constructor(options: LastingFailureOptions) {
    this.#options = options;
  }

  /** Throws what is no KubeError: that is a bug. */
  failed(error: unknown): void {
    if (!isKubeError(error)) throw error;
    const { words, logger, clock } = this.#options;
    const now = clock.monotonic();
    this.#since ??= now;
    if (this.#isSaid || now - this.#since < PATIENCE_MS) return;
    logger.warn({ error }, words.failing);
    this.#isSaid = true;
  }

  succeeded(): void {
    const { words, logger } = this.#options;
    if (this.#isSaid) logger.info({}, words.over);
    this.#since = undefined;
    this.#isSaid = false;
  }
}
