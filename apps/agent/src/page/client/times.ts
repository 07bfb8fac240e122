const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' });

/** Keeps `12 s ago`, `in 40 s` and `for 3 d` true, by the clock of the agent. */
export class Times {
  /** How far the agent's clock is ahead of this one. */
  #aheadMs = 0;

  constructor() {
    this.setNow(Number(document.documentElement.dataset['now']));
    const tick = () => {
      this.fill(document);
      setTimeout(tick, SECOND);
    };
    setTimeout(tick, SECOND);
  }

  setNow(agentNow: number): void {
    if (Number.isFinite(agentNow)) this.#aheadMs = agentNow - Date.now();
  }

  fill(part: ParentNode): void {
    const now = Date.now() + this.#aheadMs;
    for (const time of part.querySelectorAll('time')) {
      const at = Date.parse(time.dateTime);
      const text = textOf(time.dataset['form'], at - now);
      if (time.textContent !== text) time.textContent = text;
      if (time.title === '') time.title = exact.format(at);
    }
  }
}

function textOf(form: string | undefined, ms: number): string {
  if (form === 'since') return `for ${spanText(Math.abs(ms))}`;
  if (form === 'due' && ms <= 0) return 'now';
  const span = spanText(Math.abs(ms));
  if (span === '0 s') return 'now';
  return ms > 0 ? `in ${span}` : `${span} ago`;
}

function spanText(ms: number): string {
  if (ms < 100 * SECOND) return `${Math.round(ms / SECOND)} s`;
  if (ms < 100 * MINUTE) return `${Math.round(ms / MINUTE)} min`;
  if (ms < 48 * HOUR) return `${Math.round(ms / HOUR)} h`;
  return `${Math.round(ms / DAY)} d`;
}
