import type { CallOptions, Clock, Logger } from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';
import type { StatusDocument, StatusObject } from '@hikyaku/kubernetes';
import type { Moments, Remembered } from '../status/moments.ts';
import { momentsId } from '../status/moments.ts';
import { detailText, stateText } from '../status/status-digest.ts';

export interface StatusWriterOptions {
  readonly object: Pick<StatusObject, 'read' | 'write'>;
  /** As it is now; `withTimes`: also times that change by themselves. */
  readonly build: (withTimes: boolean) => StatusDocument;
  /** Before that not everything is known, and nothing is written for a while. */
  readonly isComplete: () => boolean;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Several changes that belong together are one write. */
const SETTLE_MS = 500;
/** What has failed for so long is said. */
const PATIENCE_MS = 20_000;
const BETWEEN_WRITES_MS = 10_000;
/** What is said of something that is in the same state as before, and when it was written. */
const DETAILS_EVERY_MS = 600_000;
/** A start that takes longer is told of while it goes on. */
const START_MS = 10_000;

/** Writes the status object on a change of state, and when somebody asks; never else. */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  #called = Promise.withResolvers<void>();
  /** Texts of what stands there. */
  #written: { readonly state: string; readonly detail: string } | undefined;
  #writtenAt: number;
  readonly #startedAt: number;
  /** Since when none could be written, on the monotonic clock. */
  #failingSince: number | undefined;
  #isSaid = false;
  /** One write at a time. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    this.#startedAt = options.clock.monotonic();
    this.#writtenAt = this.#startedAt;
  }

  /** Goes on from what an earlier process has written, and answers with it. */
  async open(moments: Moments, options: CallOptions): Promise<StatusDocument | undefined> {
    try {
      const before = await this.#options.object.read(options);
      if (before === undefined) return undefined;
      this.#written = textsOf(before);
      moments.remember(rememberedOf(before));
      return before;
    } catch (error) {
      options.signal.throwIfAborted();
      this.#failed(error);
      return undefined;
    }
  }

  /** Something may have changed. */
  changed(): void {
    this.#called.resolve();
  }

  /** Writes it now, with all times. Throws KubeError. */
  async writeNow(options: CallOptions): Promise<void> {
    await this.#write(true, options);
  }

  /** Until the signal aborts. */
  async run({ signal }: CallOptions): Promise<void> {
    const { clock, isComplete } = this.#options;
    const sleep = (ms: number) => clock.sleep(ms, { signal }).catch(() => {});
    let isFirst = true;
    let waitMs = 0;
    while (!signal.aborted) {
      await this.#untilCalled(waitMs, signal);
      await sleep(SETTLE_MS);
      const now = clock.monotonic();
      if (!isComplete() && now - this.#startedAt < START_MS) {
        waitMs = SETTLE_MS;
        continue;
      }
      if (!isFirst) await sleep(this.#writtenAt + BETWEEN_WRITES_MS - now);
      if (signal.aborted) return;
      waitMs = this.#dueInMs();
      if (waitMs > 0) continue;
      try {
        await this.#write(false, { signal });
        isFirst = false;
        waitMs = Infinity;
      } catch (error) {
        if (signal.aborted) return;
        this.#failed(error);
        waitMs = BETWEEN_WRITES_MS;
      }
    }
  }

  async #untilCalled(ms: number, signal: AbortSignal): Promise<void> {
    const called = new AbortController();
    void this.#called.promise.then(() => called.abort());
    await this.#options.clock.sleep(ms, { signal: AbortSignal.any([signal, called.signal]) }).catch(() => {});
    this.#called = Promise.withResolvers();
  }

  /** `Infinity`: all that matters stands there. */
  #dueInMs(): number {
    const { state, detail } = textsOf(this.#options.build(false));
    if (this.#written?.state !== state) return 0;
    if (this.#written.detail === detail) return Infinity;
    return Math.max(0, this.#writtenAt + DETAILS_EVERY_MS - this.#options.clock.monotonic());
  }

  async #write(withTimes: boolean, options: CallOptions): Promise<void> {
    const written = this.#turn.then(async () => {
      const document = this.#options.build(withTimes);
      await this.#options.object.write(document, options);
      this.#written = textsOf(document);
      this.#writtenAt = this.#options.clock.monotonic();
      if (this.#isSaid) this.#options.logger.info({}, 'status written again');
      this.#failingSince = undefined;
      this.#isSaid = false;
    });
    this.#turn = written.catch(() => {});
    await written;
  }

  #failed(error: unknown): void {
    if (!isKubeError(error)) throw error;
    const now = this.#options.clock.monotonic();
    this.#failingSince ??= now;
    // An API server that is just restarted, and answers 403 until it has loaded its rules, is no news.
    if (this.#isSaid || now - this.#failingSince < PATIENCE_MS) return;
    this.#options.logger.warn({ error }, 'status not written');
    this.#isSaid = true;
  }
}

function textsOf(document: StatusDocument): { readonly state: string; readonly detail: string } {
  return { state: stateText(document), detail: detailText(document) };
}

function rememberedOf({ sources, secrets, pushes }: StatusDocument): ReadonlyMap<string, Remembered> {
  const told = (entries: Readonly<Record<string, Told>>, id: (name: string) => string) =>
    Object.entries(entries).map(([name, entry]): readonly [string, Remembered] => [id(name), momentsIn(entry)]);
  return new Map([
    ...told(sources, momentsId.source),
    ...told(secrets, momentsId.secret),
    ...told(pushes, momentsId.push),
  ]);
}

interface Told {
  readonly state: string;
  readonly since?: string;
  readonly changedAt?: string;
}

function momentsIn({ state, since, changedAt }: Told): Remembered {
  const [sinceMs, changedMs] = [Date.parse(since ?? ''), Date.parse(changedAt ?? '')];
  return {
    state,
    ...(!Number.isNaN(sinceMs) && { since: sinceMs }),
    ...(!Number.isNaN(changedMs) && { changedAt: changedMs }),
  };
}
