import type { CallOptions, Clock, Logger } from '@hikyaku/core';
import type { StatusDocument, StatusObject } from '@hikyaku/kubernetes';
import type { Moments, Remembered } from '../status/moments.ts';
import { momentsId } from '../status/moments.ts';
import { detailText, stateText } from '../status/status-digest.ts';
import { LastingFailure } from './lasting-failure.ts';
import { SettledChanges } from './settled-changes.ts';

export interface StatusWriterOptions {
  readonly object: Pick<StatusObject, 'read' | 'write'>;
  /** As it is now; `withTimes`: also times that change by themselves. */
  readonly build: (withTimes: boolean) => StatusDocument;
  /** Before that not everything is known, and nothing is written for a while. */
  readonly isComplete: () => boolean;
  readonly logger: Logger;
  readonly clock: Clock;
}

const SETTLE_MS = 500;
const BETWEEN_WRITES_MS = 10_000;
/** What is said of something that is in the same state as before, and when it was written. */
const DETAILS_EVERY_MS = 600_000;

/** Writes the status object on a change of state, and when somebody asks; never else. */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #changes: SettledChanges;
  readonly #failure: LastingFailure;
  /** Texts of what stands there. */
  #written: { readonly state: string; readonly detail: string } | undefined;
  #writtenAt: number;
  /** One write at a time. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    const { isComplete, logger, clock } = options;
    this.#changes = new SettledChanges({ settleMs: SETTLE_MS, isComplete, clock });
    const words = { failing: 'status not written', over: 'status written again' };
    this.#failure = new LastingFailure({ words, logger, clock });
    this.#writtenAt = clock.monotonic();
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
      this.#failure.failed(error);
      return undefined;
    }
  }

  /** Something may have changed. */
  changed(): void {
    this.#changes.changed();
  }

  /** Writes it now, with all times. Throws KubeError. */
  async writeNow(options: CallOptions): Promise<void> {
    await this.#write(true, options);
  }

  /** Until the signal aborts. */
  async run({ signal }: CallOptions): Promise<void> {
    const { clock } = this.#options;
    let isFirst = true;
    let waitMs = 0;
    while (!signal.aborted) {
      await this.#changes.wait(waitMs, { signal });
      const tooEarlyMs = this.#writtenAt + BETWEEN_WRITES_MS - clock.monotonic();
      if (!isFirst) await clock.sleep(tooEarlyMs, { signal }).catch(() => {});
      if (signal.aborted) return;
      waitMs = this.#dueInMs();
      if (waitMs > 0) continue;
      try {
        await this.#write(false, { signal });
        isFirst = false;
        waitMs = Infinity;
      } catch (error) {
        if (signal.aborted) return;
        this.#failure.failed(error);
        waitMs = BETWEEN_WRITES_MS;
      }
    }
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
      this.#failure.succeeded();
    });
    this.#turn = written.catch(() => {});
    await written;
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
