import { describe, expect, test } from 'vitest';
import { ScheduleTimes } from './schedule-times.ts';

/** The next times, as UTC without what is always zero. */
function timesOf(cron: string, timeZone: string, after: string, count = 1): readonly string[] {
  const times = new ScheduleTimes(cron, timeZone);
  const found: string[] = [];
  for (let at = Date.parse(after); found.length < count;) {
    at = times.next(at);
    found.push(at === Infinity ? 'never' : new Date(at).toISOString().replace(/(:00)?\.000Z$/, ''));
  }
  return found;
}

describe('next', () => {
  test.each<[cron: string, timeZone: string, after: string, next: readonly string[]]>([
    ['*/5 * * * *', 'UTC', '2026-03-01T11:58:30Z', ['2026-03-01T12:00', '2026-03-01T12:05']],
    ['30-10 * * * *', 'UTC', '2026-03-01T11:09:59Z', ['2026-03-01T11:10', '2026-03-01T11:30']],
    ['0 3 * * *', 'Asia/Tokyo', '2026-03-01T11:58:30Z', ['2026-03-01T18:00', '2026-03-02T18:00']],
    ['0 9 * * mon-fri', 'Asia/Kolkata', '2026-03-06T04:00:00Z', ['2026-03-09T03:30', '2026-03-10T03:30']],
    ['*/20 * * * * *', 'UTC', '2026-03-01T11:59:59.999Z', ['2026-03-01T12:00', '2026-03-01T12:00:20']],
    ['@daily', 'UTC', '2026-03-01T00:00:00Z', ['2026-03-02T00:00']],
    ['0 0 29 2 *', 'UTC', '2096-03-01T00:00:00Z', ['2104-02-29T00:00']],
    ['0 0 L * *', 'UTC', '2026-02-01T00:00:00Z', ['2026-02-28T00:00', '2026-03-31T00:00']],
    // Both the day of the month and the day of the week are meant.
    ['0 0 13 * 5', 'UTC', '2026-04-01T00:00:00Z', ['2026-11-13T00:00']],
    ['0 0 L-30 2 *', 'UTC', '2026-04-01T00:00:00Z', ['never']],
  ])('%s in %s after %s', (cron, timeZone, after, next) => {
    expect(timesOf(cron, timeZone, after, next.length)).toEqual(next);
  });

  test.each<[what: string, cron: string, timeZone: string, after: string, next: readonly string[]]>([
    [
      'a time that is skipped comes when the clock has been put forward',
      '30 2 * * *',
      'Europe/Berlin',
      '2026-03-28T12:00:00Z',
      ['2026-03-29T01:00', '2026-03-30T00:30'],
    ],
    [
      'one that is not skipped comes as always',
      '30 3 * * *',
      'Europe/Berlin',
      '2026-03-28T12:00:00Z',
      ['2026-03-29T01:30', '2026-03-30T01:30'],
    ],
    [
      'every hour goes on as time does when the clock is put forward',
      '30 * * * *',
      'Europe/Berlin',
      '2026-03-29T00:00:00Z',
      ['2026-03-29T00:30', '2026-03-29T01:30'],
    ],
    [
      'a time that occurs twice comes once',
      '30 2 * * *',
      'Europe/Berlin',
      '2026-10-24T12:00:00Z',
      ['2026-10-25T00:30', '2026-10-26T01:30'],
    ],
    [
      'and not once more for who asks in between',
      '30 2 * * *',
      'Europe/Berlin',
      '2026-10-25T01:10:00Z',
      ['2026-10-26T01:30'],
    ],
    [
      'every hour goes on as time does when the clock is set back',
      '*/30 * * * *',
      'Europe/Berlin',
      '2026-10-25T00:10:00Z',
      ['2026-10-25T00:30', '2026-10-25T01:00', '2026-10-25T01:30', '2026-10-25T02:00'],
    ],
    [
      'a change of half an hour',
      '15 2 * * *',
      'Australia/Lord_Howe',
      '2026-10-03T00:00:00Z',
      ['2026-10-03T15:30', '2026-10-04T15:15'],
    ],
  ])('%s', (_, cron, timeZone, after, next) => {
    expect(timesOf(cron, timeZone, after, next.length)).toEqual(next);
  });
});

test('a time zone that does not exist is refused', () => {
  expect(() => new ScheduleTimes('* * * * *', 'Asia/Tokio')).toThrow('time zone');
});
