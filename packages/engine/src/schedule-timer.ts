import type { Clock } from '@hikyaku/core';
import { jitter } from './backoff.ts';
import type { ScheduleTimes } from './schedule-times.ts';
import type { Schedule } from './schedule.ts';

/** So that not every source of every cluster is read in the same second; not where seconds are given. */
const SPREAD_MS = 5_000;
/** A wall clock that is set back by less is waited for: what it had come to is not done twice. */
const SET_BACK_MS = 60_000;

/** When a source that was read is due again by its schedule alone. */
export interface ScheduleTimer {
  /** A read begins, which stands for all that was due until now. */
  begin(): Promise<void>;
  /** The interval counts from now on. */
  end(): void;
  /** Milliseconds until the next read; none or fewer: it is due. */
  readonly leftMs: number;
}

export interface ScheduleTimerOptions {
  readonly clock: Clock;
  readonly random: () => number;
}

export function scheduleTimer(schedule: Schedule, options: ScheduleTimerOptions): ScheduleTimer {
  return 'everyMs' in schedule ? new IntervalTimer(schedule.everyMs, options) : new CronTimer(schedule, options);
}

class IntervalTimer implements ScheduleTimer {
  readonly #everyMs: number;
  readonly #options: ScheduleTimerOptions;
  #at = -Infinity;

  constructor(everyMs: number, options: ScheduleTimerOptions) {
    this.#everyMs = everyMs;
    this.#options = options;
  }

  async begin(): Promise<void> {}

  end(): void {
    const { clock, random } = this.#options;
    this.#at = clock.monotonic() + jitter(this.#everyMs, 0.1, random);
  }

  get leftMs(): number {
    return this.#at - this.#options.clock.monotonic();
  }
}

/** Times that went by unseen (a read that was long, a machine that slept, a clock that was put forward) are made up for by one read. */
class CronTimer implements ScheduleTimer {
  readonly #schedule: Extract<Schedule, { cron: string }>;
  readonly #options: ScheduleTimerOptions;
  #times: ScheduleTimes | undefined;
  #due = -Infinity;
  #seen: { readonly now: number; readonly monotonic: number };

  constructor(schedule: Extract<Schedule, { cron: string }>, options: ScheduleTimerOptions) {
    this.#schedule = schedule;
    this.#options = options;
    this.#seen = readBoth(options.clock);
  }

  async begin(): Promise<void> {
    this.#seen = readBoth(this.#options.clock);
    this.#plan(await this.#loaded());
  }

  end(): void {}

  get leftMs(): number {
    const { now, monotonic } = this.#seen;
    this.#seen = readBoth(this.#options.clock);
    const setBackMs = now + (this.#seen.monotonic - monotonic) - this.#seen.now;
    if (setBackMs > SET_BACK_MS && this.#times !== undefined) this.#plan(this.#times);
    return this.#due - this.#seen.now;
  }

  /** Only where it is needed: with what it loads it takes 6 MiB of a daemon's memory. */
  async #loaded(): Promise<ScheduleTimes> {
    const { cron, timeZone } = this.#schedule;
    if (this.#times === undefined) {
      const { ScheduleTimes: Times } = await import('./schedule-times.ts');
      this.#times = new Times(cron, timeZone);
    }
    return this.#times;
  }

  #plan(times: ScheduleTimes): void {
    const spreadMs = times.hasSeconds ? 0 : Math.round(this.#options.random() * SPREAD_MS);
    this.#due = times.next(this.#seen.now) + spreadMs;
  }
}

function readBoth(clock: Clock): { readonly now: number; readonly monotonic: number } {
  return { now: clock.now(), monotonic: clock.monotonic() };
}
