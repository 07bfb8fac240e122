import { createTask, parse } from 'node-cron';

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Nine years hold a 29 February, also around a year such as 2100. */
const FARTHEST_DAYS = 9 * 366;
/** No clock is set back by more. */
const MOST_SET_BACK_MS = 3 * HOUR_MS;

/**
 * The times of a cron expression in a time zone. node-cron says which days, hours, minutes and seconds are meant; what a change to or from
 * summer time does is decided here. A time that is skipped comes when the clock has been put forward; one that occurs twice comes once,
 * but for an expression that means every hour, which goes on as time does.
 */
export class ScheduleTimes {
  /** Whether seconds are given. */
  readonly hasSeconds: boolean;
  readonly #hours: readonly number[];
  readonly #minutes: readonly number[];
  readonly #seconds: readonly number[];
  readonly #isDay: (day: Date) => boolean;
  readonly #localParts: Intl.DateTimeFormat;

  /** Throws for an expression or a time zone that does not exist. */
  constructor(cron: string, timeZone: string) {
    const { second, minute, hour, dayOfMonth, month, dayOfWeek } = parse(cron);
    this.hasSeconds = cron.trim().split(/\s+/).length === 6;
    this.#hours = inOrder(hour);
    this.#minutes = inOrder(minute);
    this.#seconds = inOrder(second);
    const days = `0 0 0 ${dayOfMonth.join(',')} ${month.join(',')} ${dayOfWeek.join(',')}`;
    const task = createTask(days, () => {}, { timezone: 'UTC' });
    // It is never started: its registry is not to keep it.
    void task.destroy();
    this.#isDay = (day) => task.match(day);
    this.#localParts = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  }

  /** The first time after `after`, both in milliseconds since 1970; `Infinity` where there is none within nine years. */
  next(after: number): number {
    let from = Math.floor(after / SECOND_MS) * SECOND_MS + SECOND_MS;
    const farthest = from + FARTHEST_DAYS * DAY_MS;
    while (from < farthest) {
      const to = from + DAY_MS;
      const time = this.#within(from, to);
      if (time === undefined) from = to;
      else if (this.#hasBeen(time)) from = time + SECOND_MS;
      else return time;
    }
    return Infinity;
  }

  /** Of one day, in which the clocks change at most once. */
  #within(from: number, to: number): number | undefined {
    const before = this.#offsetAt(from);
    const after = this.#offsetAt(to);
    const change = before === after ? to : this.#changeBetween(from, to);
    const time = this.#localTime(from + before, change + before);
    if (time !== undefined) return time - before;
    if (change === to) return undefined;
    const isSkipped = !this.#isEveryHour && this.#localTime(change + before, change + after) !== undefined;
    if (isSkipped) return change;
    const later = this.#localTime(change + after, to + after);
    return later === undefined ? undefined : later - after;
  }

  /** The clock was set back since it came for the first time. */
  #hasBeen(time: number): boolean {
    if (this.#isEveryHour) return false;
    const before = this.#offsetAt(time - MOST_SET_BACK_MS);
    const setBackMs = before - this.#offsetAt(time);
    return setBackMs > 0 && this.#offsetAt(time - setBackMs) === before;
  }

  get #isEveryHour(): boolean {
    return this.#hours.length === 24;
  }

  /** The first local time that is meant, from `from` and before `to`; local times are counted as if they were UTC. */
  #localTime(from: number, to: number): number | undefined {
    for (let day = from - (from % DAY_MS); day < to; day += DAY_MS) {
      if (!this.#isDay(new Date(day))) continue;
      for (const hour of this.#hours) {
        const inHour = day + hour * HOUR_MS;
        if (inHour + HOUR_MS <= from) continue;
        for (const minute of this.#minutes) {
          const inMinute = inHour + minute * MINUTE_MS;
          if (inMinute + MINUTE_MS <= from) continue;
          for (const second of this.#seconds) {
            const time = inMinute + second * SECOND_MS;
            if (time >= to) return undefined;
            if (time >= from) return time;
          }
        }
      }
    }
    return undefined;
  }

  /** The first second with the later offset. */
  #changeBetween(from: number, to: number): number {
    const after = this.#offsetAt(to);
    let [low, high] = [from, to];
    while (high - low > SECOND_MS) {
      const middle = low + Math.floor((high - low) / (2 * SECOND_MS)) * SECOND_MS;
      if (this.#offsetAt(middle) === after) high = middle;
      else low = middle;
    }
    return high;
  }

  /** Milliseconds from UTC to local time, at a full second. */
  #offsetAt(time: number): number {
    const parts = new Map(this.#localParts.formatToParts(time).map(({ type, value }) => [type, Number(value)]));
    const of = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0;
    return Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second')) - time;
  }
}

function inOrder(values: readonly number[]): readonly number[] {
  return values.toSorted((a, b) => a - b);
}
