import { isWell } from '@hikyaku/engine';
import type { PushRecord, RestartRecord, SecretRecord } from '@hikyaku/engine';
import { count } from './count.ts';
import type { Style } from './style.ts';

const WORDS: Readonly<Record<NonNullable<SecretRecord['outcome']>, string>> = {
  created: 'created',
  updated: 'updated',
  unchanged: 'unchanged',
  repaired: 'repaired: somebody had changed or deleted it',
  adopted: 'taken over',
  recreated: 'deleted and created again',
  deleted: 'deleted',
  withdrawn: 'keys taken out, the Secret stays',
  absent: 'was gone already',
  foreign: 'is not ours any more: left alone',
};

/** What a sync did: each Secret that was touched or has a problem, and the totals. */
export function syncText(records: Iterable<SecretRecord>, seconds: number, style: Style): string {
  const sorted = [...records].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const lines = sorted.flatMap((record) => recordLines(record, style));
  return [
    ...lines,
    `${style.strong(`${count(sorted.length, 'Secret')}:`)} ${totals(sorted)} (${seconds.toFixed(1)} s)`,
    '',
  ].join('\n');
}

function recordLines({ id, state, outcome, changes, messages }: SecretRecord, style: Style): readonly string[] {
  if (!isWell(state)) {
    const advice = state === 'held' ? ['      hikyaku plan shows it; hikyaku sync --approve lets it through'] : [];
    return [
      `  ${style.bad('!')} ${id}${style.faint(`  ${state}`)}`,
      ...messages.map((message) => `      ${message}`),
      ...advice,
    ];
  }
  if (outcome === undefined) return [`  . ${id}${style.faint('  left: its entry is gone from the config')}`];
  if (outcome === 'unchanged') return [];
  if (outcome === 'foreign' || outcome === 'absent') return [`  . ${id}${style.faint(`  ${WORDS[outcome]}`)}`];
  const mark =
    outcome === 'deleted' || outcome === 'withdrawn'
      ? style.bad('-')
      : outcome === 'created'
        ? style.good('+')
        : style.change('~');
  const { added = [], changed = [], removed = [] } = outcome === 'created' ? {} : (changes ?? {});
  const keys = [
    ...added.map((key) => `+${key}`),
    ...changed.map((key) => `~${key}`),
    ...removed.map((key) => `-${key}`),
  ];
  return [`  ${mark} ${id}${style.faint(`  ${[WORDS[outcome], ...keys].join('  ')}`)}`];
}

function totals(records: readonly SecretRecord[]): string {
  const counts = new Map<string, number>();
  for (const { state, outcome } of records) {
    const word = !isWell(state) || outcome === undefined ? state : outcome;
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts.size === 0 ? 'nothing to do' : [...counts].map(([word, number]) => `${number} ${word}`).join(', ');
}

/** Whether something needs a person or another try. */
export function hasProblemRecords(records: Iterable<SecretRecord | PushRecord | RestartRecord>): boolean {
  for (const { state } of records) if (!isWell(state)) return true;
  return false;
}
