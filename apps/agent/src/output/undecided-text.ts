import type { ClusterConfig } from '@hikyaku/config';
import { pushId, secretId } from '@hikyaku/engine';
import type { Style } from './style.ts';

type Undecided = ClusterConfig['undecided'];

/** What is left alone because it is for certain clusters only, and it is not known which one this is. Nothing where there is none. */
export function undecidedText(undecided: Undecided, style: Style): string {
  const ids = undecidedIds(undecided);
  if (ids.length === 0) return '';
  const what = ids.length === 1 ? 'an entry that is' : `${ids.length} entries that are`;
  const why = 'for certain clusters only, and it is not known which one this is: give --cluster NAME';
  return `\n${style.change('!')} left alone: ${what} ${why}\n${ids.map((id) => `  ${id}\n`).join('')}`;
}

export function undecidedJson(undecided: Undecided): { readonly undecided?: readonly string[] } {
  const ids = undecidedIds(undecided);
  return ids.length === 0 ? {} : { undecided: ids };
}

/** Of Secrets and pushes. */
export function undecidedIds({ secrets, pushes }: Undecided): readonly string[] {
  return [...secrets.map(secretId), ...pushes.map((push) => pushId(secretId(push), push.source))];
}
