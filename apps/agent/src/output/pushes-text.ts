import { isWell } from '@hikyaku/engine';
import type { PushRecord } from '@hikyaku/engine';
import { count } from './count.ts';
import type { Style } from './style.ts';

/** What was pushed, or would be: each push that changes something or has a problem, and the totals; nothing where there are no pushes. */
export function pushesText(records: Iterable<PushRecord>, style: Style): string {
  const sorted = [...records].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  if (sorted.length === 0) return '';
  const lines = sorted.flatMap((record) => recordLines(record, style));
  const title = style.strong(sorted.length === 1 ? '1 push:' : `${sorted.length} pushes:`);
  return `\n${[...lines, `${title} ${totals(sorted)}`].join('\n')}\n`;
}

function recordLines({ id, state, changes, messages }: PushRecord, style: Style): readonly string[] {
  const { added = [], changed = [], removed = [] } = changes ?? {};
  const names = [
    ...added.map((name) => style.good(`+ ${name}`)),
    ...changed.map((name) => style.change(`~ ${name}`)),
    ...removed.map((name) => style.bad(`- ${name}`)),
  ];
  const said = messages.map((message) => `      ${message}`);
  const what = names.length > 0 ? `push ${id}: ${names.join('  ')}` : `push ${id}`;
  if (!isWell(state)) {
    const advice =
      state === 'held' ? ['      hikyaku plan shows it; hikyaku sync --approve lets all that is held through'] : [];
    return [`  ${style.bad('!')} ${what}${style.faint(`  ${state}`)}`, ...said, ...advice];
  }
  if (state === 'left')
    return [`  . ${what}${style.faint('  its entry is gone from the config; what was pushed stays')}`, ...said];
  const why = state === 'removed' ? style.faint('  its entry is gone from the config') : '';
  return names.length > 0 || said.length > 0 ? [`  ${what}${why}`, ...said] : [];
}

function totals(records: readonly PushRecord[]): string {
  const states = new Map<string, number>();
  let secrets = 0;
  for (const { state, keys = 0 } of records) {
    secrets += keys;
    if (state !== 'pushed') states.set(state, (states.get(state) ?? 0) + 1);
  }
  return [`${count(secrets, 'secret')} kept equal`, ...[...states].map(([state, number]) => `${number} ${state}`)].join(
    ', ',
  );
}

/** The same for scripts, as a part of a document. */
export function pushesJson(records: Iterable<PushRecord>): { readonly pushes?: readonly object[] } {
  const pushes = [...records]
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ from, to, state, keys, changes, messages }) => ({
      from,
      to,
      state,
      ...(keys !== undefined && { keys }),
      ...(changes && { changes }),
      messages,
    }));
  return pushes.length > 0 ? { pushes } : {};
}
