import type { Reported } from '../status/read-status.ts';
import { advice } from './advice.ts';
import { leaf } from './fragment.ts';
import type { Fragment } from './fragment.ts';
import { chip } from './marks.ts';
import { markup } from './markup.ts';
import type { Markup } from './markup.ts';

/** The id of the element that shows it. */
export function rowId(kind: Reported['kind'], name: string): string {
  return `${kind}-${name.replaceAll(/[^\w./-]/g, '_')}`;
}

/** One thing, its state, what is known of it and what is wrong. */
export function row(
  { kind, name, state, messages }: Reported,
  facts: readonly (Markup | false)[],
  shown = name,
): Fragment {
  const id = rowId(kind, name);
  const known = facts.filter((fact) => fact !== false);
  return leaf(
    id,
    markup`
      <li id="${id}" class="row" tabindex="-1">
        <p class="line">
          ${chip(state)} <strong class="name">${shown}</strong>
          ${known.map((fact) => markup` <span class="fact">${fact}</span>`)}
        </p>
        ${messages.map(advice)}
      </li>`,
  );
}

/** A part of the page with a heading. */
export function section(id: string, title: string, rows: readonly Fragment[]): Fragment {
  return {
    id,
    before: markup`
      <section id="${id}" aria-labelledby="${id}-title">
        <h2 id="${id}-title">${title} <span class="count">${rows.length}</span></h2>
        <ul class="rows">`,
    parts: rows,
    after: '</ul></section>',
  };
}
