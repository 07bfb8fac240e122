import { count } from '../output/count.ts';
import type { Reported } from '../status/read-status.ts';
import type { Fragment } from './fragment.ts';
import { markup } from './markup.ts';
import { moment } from './moment.ts';
import { row, section } from './rows.ts';

export function sourceList(sources: readonly Reported[]): Fragment {
  const rows = sources.map((source) => {
    const { count: secrets, goodAt, nextAt, state } = source;
    return row(source, [
      secrets !== undefined && markup`${count(secrets, 'secret')}`,
      goodAt === undefined ? markup`never read` : markup`read ${moment(goodAt)}`,
      nextAt !== undefined && markup`${state === 'failing' ? 'again' : 'next'} ${moment(nextAt, 'due')}`,
    ]);
  });
  return section('sources', 'Sources', rows);
}
