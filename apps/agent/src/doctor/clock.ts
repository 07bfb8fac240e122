import type { Examination } from './examination.ts';
import { fine, found } from './finding.ts';
import type { Finding } from './finding.ts';

/** Tokens, signatures and certificates begin to be refused at about twice that. */
const MOST_APART_MS = 30_000;

/** How far the clock of a service is from ours, by its last answer; nothing where it has not told. */
export function clock({ dates }: Examination, thing: string, url: string): readonly Finding[] {
  const aheadMs = dates.aheadMs.get(URL.parse(url)?.origin ?? '');
  if (aheadMs === undefined) return [];
  const what = `clock of ${thing}`;
  if (Math.abs(aheadMs) <= MOST_APART_MS) return [fine(what, 'the same as here, but for seconds')];
  const seconds = Math.round(Math.abs(aheadMs) / 1_000);
  return [
    found('CLOCK_DIFFERS', what, `is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} the one here`, {
      advice: 'set the clocks by NTP, there or here: tokens and certificates are refused before their time or after it',
      command: 'timedatectl status',
    }),
  ];
}
