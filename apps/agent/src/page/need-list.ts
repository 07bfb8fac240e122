import { concernId } from '../status/concerns.ts';
import type { ConcernKind } from '../status/concerns.ts';
import type { ReadStatus } from '../status/read-status.ts';
import { leaf } from './fragment.ts';
import type { Fragment } from './fragment.ts';
import { holdCard } from './hold-card.ts';
import { markup } from './markup.ts';
import { needCard } from './need-card.ts';

/** So many stand there; the others are below, among the rest. */
const SHOWN = 30;

/** What a person should look at, one card for what has the same trouble. `namespace`: the agent's own. */
export function needCards(
  { reported, holds, config }: ReadStatus,
  concerns: ReadonlySet<string>,
  namespace: string,
): readonly Fragment[] {
  const is = (kind: ConcernKind, name: string) => concerns.has(concernId(kind, name));
  const held = new Set(holds.flatMap(({ changes }) => changes.map(({ id }) => id)));
  const unwell = reported.filter(({ kind, state, name }) => is(kind, name) && !(state === 'held' && held.has(name)));
  const alike = Map.groupBy(unwell, ({ kind, state, messages }) => JSON.stringify([kind, state, messages]));
  return [
    ...(config.problem === undefined || !is('config', 'problem') ? [] : [configCard(config.problem)]),
    ...(config.undecided === undefined || !is('config', 'cluster') ? [] : [undecidedCard(config.undecided)]),
    ...holds.filter(({ scope }) => is('hold', scope)).map((hold) => holdCard(hold, namespace)),
    ...[...alike.values()].flatMap(([first, ...others]) => (first === undefined ? [] : [needCard(first, others)])),
  ];
}

export function needList(cards: readonly Fragment[]): Fragment {
  const more = cards.length - SHOWN;
  return {
    id: 'needs',
    before: markup`
      <section id="needs" aria-labelledby="needs-title">
        <h2 id="needs-title" class="unseen">What to do</h2>
        <ul class="cards">`,
    parts: cards.slice(0, SHOWN),
    after: `</ul>${more > 0 ? `<p class="explain">and ${more} more, below</p>` : ''}</section>`,
  };
}

function configCard(problem: readonly string[]): Fragment {
  return leaf(
    'need-config',
    markup`
      <li id="need-config" class="card bad">
        <h3>The config that is there is not in force</h3>
        ${problem.map((line) => markup`<p class="wrong"><code>${line}</code></p>`)}
        <p class="remedy">Correct it; meanwhile the last good one goes on.</p>
      </li>`,
  );
}

function undecidedCard(undecided: number): Fragment {
  const entries = undecided === 1 ? '1 entry' : `${undecided} entries`;
  return leaf(
    'need-cluster',
    markup`
      <li id="need-cluster" class="card bad">
        <h3>It is not known which cluster this is</h3>
        <p class="wrong">${entries} with <code>clusters:</code> rest.</p>
        <p class="remedy">
          Start the agent with <code>--cluster NAME</code>, or list its public key under <code>recipients:</code>.
        </p>
      </li>`,
  );
}
