import { count } from '../output/count.ts';
import type { Reported } from '../status/read-status.ts';
import type { Fragment } from './fragment.ts';
import { markup } from './markup.ts';
import { moment } from './moment.ts';
import { row, section } from './rows.ts';

export function pushList(pushes: readonly Reported[]): Fragment {
  const rows = pushes.map((push) => {
    const { count: keys, changedAt } = push;
    return row(push, [
      keys !== undefined && markup`${count(keys, 'key')}`,
      changedAt !== undefined && markup`changed ${moment(changedAt)}`,
    ]);
  });
  return section('pushes', 'Pushes', rows);
}
