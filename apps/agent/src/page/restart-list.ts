import type { Reported } from '../status/read-status.ts';
import type { Fragment } from './fragment.ts';
import { markup } from './markup.ts';
import { row, section } from './rows.ts';

/** What is still to be restarted, or is left alone. */
export function restartList(restarts: readonly Reported[]): Fragment {
  const rows = restarts.map((restart) => row(restart, [markup`for ${(restart.secrets ?? []).join(', ')}`]));
  return section('restarts', 'Restarts', rows);
}
