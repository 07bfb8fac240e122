import type { CallOptions, Clock } from '@hikyaku/core';
import { followSource } from './follow-source.ts';
import type { Report, SourceRecord } from './report.ts';
import { reportProgress, reportSource } from './report-source.ts';
import type { Source } from './source.ts';
import { Wake } from './wake.ts';

export interface SourceLoopOptions {
  readonly report: Report;
  readonly clock: Clock;
  /** Something new is known, or a read has ended. */
  readonly onChange: () => void;
}

/** Between two reads of one source. Doubles up to its interval while it never stops saying that something has changed. */
const AFTER_READ_MS = 100;
/** A wall clock that jumps is noticed so soon. */
const LOOK_AT_CLOCK_MS = 15_000;

/** Reads one source when it is due, and when somebody says that it has changed. */
export class SourceLoop {
  readonly source: Source;
  readonly #options: SourceLoopOptions;
  readonly #noticed = new Wake();
  /** Who waits for a read that begins after they have asked. */
  #waiting: (() => void)[] = [];
  /** When the last read ended, on the monotonic clock. */
  #endedAt: number | undefined;

  constructor(source: Source, options: SourceLoopOptions) {
    this.source = source;
    this.#options = options;
  }

  get endedAt(): number | undefined {
    return this.#endedAt;
  }

  /** Reads again soon, without saying when that was done. */
  notice(): void {
    this.#noticed.up();
  }

  /**
   * Reads again: after the read that may be under way, as that may have seen what was before. Not before the source lets itself be asked.
   * Resolves when that read has ended, and never where the loop has.
   */
  readAgain(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#noticed.up();
    });
  }

  async run({ signal }: CallOptions): Promise<void> {
    const { report, clock, onChange } = this.#options;
    const { source } = this;
    let following: Promise<void> | undefined;
    let hurried = 0;
    while (!signal.aborted) {
      const waiting = this.#waiting;
      this.#waiting = [];
      const read = await this.#read({ signal });
      const nextMs = source.nextDelayMs();
      reportSource(source, report, { nextMs, read });
      onChange();
      for (const resolve of waiting) resolve();
      if (source.canBeWatched) following ??= followSource(source, this.#noticed, clock, { signal });
      // What changes in bursts is read once; and a notice does not get around what the source has asked for.
      const pauseMs = Math.max(AFTER_READ_MS * 2 ** hurried, source.askedToWaitMs);
      await clock.sleep(Math.min(pauseMs, nextMs), { signal });
      hurried = this.#noticed.called ? hurried + 1 : 0;
      await this.#untilDue(signal);
    }
  }

  /** Apart from the loop, which would hold on to the snapshot of before until the next read. */
  async #read(options: CallOptions): Promise<Required<SourceRecord>['read']> {
    const { report, clock, onChange } = this.#options;
    const { source } = this;
    const startedAt = clock.monotonic();
    const { snapshot: before } = source.state;
    const tell = () => {
      reportProgress(source, report);
      onChange();
    };
    await source.refresh(tell, options);
    this.#endedAt = clock.monotonic();
    return { ms: this.#endedAt - startedAt, changed: source.state.snapshot !== before };
  }

  async #untilDue(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const { source } = this;
    for (;;) {
      const leftMs = source.nextDelayMs();
      const waitMs = source.goesByTheClock ? Math.min(leftMs, LOOK_AT_CLOCK_MS) : leftMs;
      const called = await this.#noticed.wait(waitMs, clock, signal);
      if (called || signal.aborted || source.nextDelayMs() <= 0) return;
    }
  }
}
