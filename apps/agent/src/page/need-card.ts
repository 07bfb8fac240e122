import type { Reported } from '../status/read-status.ts';
import { advice } from './advice.ts';
import { leaf } from './fragment.ts';
import type { Fragment } from './fragment.ts';
import { chip, toneOf } from './marks.ts';
import { markup } from './markup.ts';
import { moment } from './moment.ts';
import { rowId } from './rows.ts';

/** So many things are named that have the same trouble. */
const NAMED = 5;

/** Things with the same trouble, and what to do about it. */
export function needCard(first: Reported, others: readonly Reported[]): Fragment {
  const { kind, name, state, since, messages } = first;
  const id = `need-${rowId(kind, name)}`;
  const all = [first, ...others];
  const more = all.length - NAMED;
  const named = all.slice(0, NAMED).map((one) => markup` <a href="#${rowId(kind, one.name)}">${one.name}</a>`);
  return leaf(
    id,
    markup`
      <li id="${id}" class="card ${toneOf(state)}">
        <h3>
          ${chip(state)} <span class="fact">${wordOf(kind, all.length)}</span>${named}
          ${more > 0 && markup` <span class="fact">and ${more} more</span>`}
          ${since !== undefined && markup` <span class="fact">${moment(since, 'since')}</span>`}
        </h3>
        ${messages.map(advice)}
      </li>`,
  );
}

function wordOf(kind: Reported['kind'], number: number): string {
  const word = kind === 'secret' ? 'Secret' : kind;
  return number === 1 ? word : `${number} ${word}${kind === 'push' ? 'es' : 's'}`;
}
