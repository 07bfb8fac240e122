import { isWell } from '@hikyaku/engine';
import type { CallOptions, Clock, Logger } from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';
import type { AgentEvent, StatusDocument } from '@hikyaku/kubernetes';
import type { NewRecord } from '../records.ts';
import { EventWriterNews } from './event-writer-news.ts';
import type { News } from './event-writer-news.ts';
import { LastingFailure } from './lasting-failure.ts';
import { SettledChanges } from './settled-changes.ts';

export interface EventWriterOptions {
  /** Throws KubeError. */
  readonly put: (event: AgentEvent, options: CallOptions) => Promise<void>;
  /** As it is now. */
  readonly build: () => StatusDocument;
  /** Before that not everything is known, and nothing is said for a while. */
  readonly isComplete: () => boolean;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Less than the status object takes: what stands there counts as said after a restart. */
const SETTLE_MS = 400;
/** Before a third write of one Event; twice as much before each more, up to the most, until an hour was calm. */
const REST_MS = 10_000;
const MOST_REST_MS = 600_000;
const CALM_MS = 3_600_000;
/** Other words for what is the same as before. */
const WORDS_EVERY_MS = 600_000;
const RETRY_MS = 5_000;
const MOST_RETRY_MS = 300_000;

/** Tells as Events what a person should know: once when it begins, once when it is over. */
export class EventWriter {
  readonly #options: EventWriterOptions;
  readonly #written = new Map<string, { readonly at: number; readonly restMs: number }>();
  readonly #startedAt: number;
  readonly #changes: SettledChanges;
  readonly #failure: LastingFailure;
  #news = new EventWriterNews();
  #retryMs = RETRY_MS;
  /** After a failure nothing is tried before this time of the monotonic clock. */
  #notBefore = -Infinity;

  constructor(options: EventWriterOptions) {
    this.#options = options;
    const { isComplete, logger, clock } = options;
    this.#startedAt = clock.monotonic();
    this.#changes = new SettledChanges({ settleMs: SETTLE_MS, isComplete, clock });
    const words = { failing: 'events not written', over: 'events written again' };
    this.#failure = new LastingFailure({ words, logger, clock });
  }

  /** What an earlier process has told is not told again. */
  remember(before: StatusDocument): void {
    this.#news = EventWriterNews.after(before);
  }

  /** Something may have changed; `said`: by this record. */
  changed(said?: NewRecord): void {
    if (said === undefined || !this.#isNoNews(said)) this.#changes.changed();
  }

  /** Until the signal aborts. Rejects only with a bug. */
  async run({ signal }: CallOptions): Promise<void> {
    const { clock } = this.#options;
    let waitMs = 0;
    while (!signal.aborted) {
      await this.#changes.wait(waitMs, { signal });
      const tooEarlyMs = this.#notBefore - clock.monotonic();
      if (tooEarlyMs > 0) await clock.sleep(tooEarlyMs, { signal }).catch(() => {});
      if (signal.aborted) return;
      waitMs = await this.#tell(signal);
    }
  }

  /** Answers in how many milliseconds there is more to do. */
  async #tell(signal: AbortSignal): Promise<number> {
    let laterMs = Infinity;
    for (const news of this.#news.of(this.#options.build())) {
      const dueInMs = this.#dueInMs(news);
      if (dueInMs > 0) {
        laterMs = Math.min(laterMs, dueInMs);
        continue;
      }
      try {
        await this.#put(news, signal);
      } catch (error) {
        if (signal.aborted) return Infinity;
        laterMs = this.#failed(error);
        // Others of this round would fare no better, as long as it is not about this one alone.
        if (!isAboutThis(error)) return laterMs;
      }
    }
    return laterMs;
  }

  async #put(news: News, signal: AbortSignal): Promise<void> {
    const { clock, put } = this.#options;
    const { id, kind, name, type, reason, message } = news;
    await put({ about: [kind, name], type, reason, message }, { signal });
    this.#news.said(news);
    const now = clock.monotonic();
    const before = this.#written.get(id);
    const isCalm = before === undefined || now - before.at >= CALM_MS;
    this.#written.set(id, {
      at: now,
      restMs: isCalm ? 0 : Math.min(Math.max(REST_MS, before.restMs * 2), MOST_REST_MS),
    });
    for (const [other, { at }] of this.#written) if (now - at >= CALM_MS) this.#written.delete(other);
    this.#failure.succeeded();
    this.#retryMs = RETRY_MS;
  }

  #dueInMs(news: News): number {
    const before = this.#written.get(news.id);
    const isOnlyWords = this.#news.isOnlyWords(news);
    const at = before?.at ?? (isOnlyWords ? this.#startedAt : -Infinity);
    const restMs = isOnlyWords ? WORDS_EVERY_MS : (before?.restMs ?? 0);
    return at + restMs - this.#options.clock.monotonic();
  }

  /** Answers when to try again. */
  #failed(error: unknown): number {
    this.#failure.failed(error);
    const waitMs = this.#retryMs;
    this.#retryMs = Math.min(waitMs * 2, MOST_RETRY_MS);
    this.#notBefore = this.#options.clock.monotonic() + waitMs;
    return waitMs;
  }

  /** Most of what is said is that all is well, of what was well. */
  #isNoNews(said: NewRecord): boolean {
    switch (said.kind) {
      case 'secret':
        return isWell(said.record.state) && !this.#news.isOpen('secret', said.record.id);
      case 'source':
        return said.record.ok && !this.#news.isOpen('source', said.record.source);
      default:
        return false;
    }
  }
}

function isAboutThis(error: unknown): boolean {
  return isKubeError(error) && (error.code === 'INVALID' || error.code === 'BAD_REQUEST');
}
