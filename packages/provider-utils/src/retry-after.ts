import type { Clock } from '@hikyaku/core';

/**
 * Milliseconds to wait as a `retry-after` header says it: seconds, or an HTTP date compared with the clock (RFC 9110, 10.2.3).
 * A date in the past is 0. `undefined` when the header is absent or makes no sense.
 */
export function retryAfterMs(header: string | undefined, clock: Pick<Clock, 'now'>): number | undefined {
  const text = header?.trim();
  if (text === undefined || text === '') return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1000);
  // Every form of an HTTP date has the time of day; without this, Date.parse takes almost anything for a date.
  const at = /\d\d:\d\d:\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - clock.now());
}
