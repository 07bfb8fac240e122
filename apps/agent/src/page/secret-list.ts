import { count } from '../output/count.ts';
import { concernId } from '../status/concerns.ts';
import type { Reported } from '../status/read-status.ts';
import type { Fragment } from './fragment.ts';
import { markup } from './markup.ts';
import { moment } from './moment.ts';
import { row } from './rows.ts';

/** Up to so many, all are open from the first. */
const FEW = 60;
const STATES = ['synced', 'kept', 'waiting', 'held', 'refused', 'contested', 'failed'] as const;

/** By namespace, with a box to find some of many. */
export function secretList(secrets: readonly Reported[], concerns: ReadonlySet<string>): Fragment {
  const groups = Map.groupBy(secrets, ({ name }) => name.slice(0, name.indexOf('/')));
  const unwellOf = (members: readonly Reported[]) =>
    members.filter(({ kind, name }) => concerns.has(concernId(kind, name))).length;
  const isFew = secrets.length <= FEW;
  return {
    id: 'secrets',
    before: markup`
      <section id="secrets" aria-labelledby="secrets-title">
        <h2 id="secrets-title">Secrets <span class="count">${secrets.length}</span></h2>
        ${toolbar}`,
    parts: [...groups].map(([namespace, members]) => groupOf(namespace, members, unwellOf(members), isFew)),
    after: '</section>',
  };
}

/** Takes a script. */
const toolbar = markup`
  <search class="toolbar" id="toolbar" aria-label="Secrets" hidden>
    <label for="filter">Name</label>
    <input id="filter" type="search" autocomplete="off" spellcheck="false" aria-keyshortcuts="/" placeholder="Press / to filter">
    <label for="state">State</label>
    <select id="state">
      <option value="">all</option>
      <option value="!">not well</option>
      ${STATES.map((state) => markup`<option>${state}</option>`)}
    </select>
    <p id="found" role="status"></p>
  </search>`;

function groupOf(namespace: string, secrets: readonly Reported[], unwell: number, isFew: boolean): Fragment {
  const id = `namespace-${namespace}`;
  return {
    id,
    before: markup`
      <details id="${id}" class="group"${isFew || unwell > 0 ? markup` open` : ''}>
        <summary>
          <h3>${namespace}</h3> <span class="fact">${count(secrets.length, 'Secret')}</span>
          ${unwell > 0 && markup` <span class="fact unwell">${unwell} not well</span>`}
        </summary>
        <ul class="rows">`,
    parts: secrets.map((secret) => {
      const { name, since, changedAt } = secret;
      return row(
        secret,
        [
          since !== undefined && moment(since, 'since'),
          changedAt !== undefined && changedAt !== since && markup`changed ${moment(changedAt)}`,
        ],
        name.slice(namespace.length + 1),
      );
    }),
    after: '</ul></details>',
  };
}
