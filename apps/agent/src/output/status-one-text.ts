import type { ClusterReport } from '../status/look-at-status.ts';
import type { Reported } from '../status/read-status.ts';
import { approveLine, holdText } from './hold-text.ts';
import { ageText } from './status-age.ts';
import { wrapped } from './status-lines.ts';
import { noteLines } from './status-notes.ts';
import type { StatusTextOptions } from './status-text.ts';

/** All that is known of the things that are left in the reports, with exact times. */
export function statusOneText(reports: readonly ClusterReport[], options: StatusTextOptions): string {
  const { now, style, flagsOf } = options;
  return reports
    .map((report) => {
      const { cluster, agent, status, aheadMs } = report;
      const head = `${style.strong(cluster)}, agent ${agent}\n`;
      const notes = noteLines(report, options)
        .map((line) => `${line}\n`)
        .join('');
      const there = now + aheadMs;
      const things = (status?.reported ?? []).map((reported) => `\n${oneText(reported, there, options)}`).join('');
      const holds = (status?.holds ?? [])
        .map((hold) => `\n${holdText(hold, cluster, style)}${approveLine(hold.scope)}${flagsOf(cluster)}\n`)
        .join('');
      return head + notes + things + holds;
    })
    .join('\n');
}

function oneText(reported: Reported, now: number, { width, style }: StatusTextOptions): string {
  const { kind, name, state, ok, since, changedAt, goodAt, nextAt, code, count, secrets, messages } = reported;
  const line = (word: string, text: string | number) => `  ${style.faint(word.padEnd(13))} ${text}\n`;
  const time = (word: string, at: string | undefined) =>
    at === undefined ? '' : line(word, `${at}, ${ageText(at, now)}`);
  return [
    `${ok ? style.good('✓') : style.bad('!')} ${kind} ${style.strong(name)}\n`,
    line('state', code === undefined ? state : `${state} (${code})`),
    time('since', since),
    time('last change', changedAt),
    time('last success', goodAt),
    time('next run', nextAt),
    ...(count === undefined ? [] : [line(kind === 'push' ? 'keys' : 'secrets', count)]),
    ...(secrets === undefined ? [] : [line('for', secrets.join(', '))]),
    ...messages.map((text) => `${wrapped(text, '  ', width).join('\n')}\n`),
  ].join('');
}
