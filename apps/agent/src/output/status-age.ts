const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Of an RFC 3339 time, at `now`: `12 s ago`, `in 3 min`, `5 d ago`; `-` where there is none. */
export function ageText(time: string | undefined, now: number): string {
  if (time === undefined) return '-';
  const ms = Date.parse(time) - now;
  const text = spanText(Math.abs(ms));
  if (text === '0 s') return 'now';
  return ms > 0 ? `in ${text}` : `${text} ago`;
}

/** Of something that is to come by itself: what is late is due. */
export function dueText(time: string | undefined, now: number): string {
  if (time !== undefined && Date.parse(time) <= now) return 'now';
  return ageText(time, now);
}

function spanText(ms: number): string {
  if (ms < 100 * SECOND) return `${Math.round(ms / SECOND)} s`;
  if (ms < 100 * MINUTE) return `${Math.round(ms / MINUTE)} min`;
  if (ms < 48 * HOUR) return `${Math.round(ms / HOUR)} h`;
  return `${Math.round(ms / DAY)} d`;
}
