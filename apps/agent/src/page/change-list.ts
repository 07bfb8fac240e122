import { leaf } from './fragment.ts';
import type { Fragment } from './fragment.ts';
import { mark } from './marks.ts';
import { markup } from './markup.ts';
import { moment } from './moment.ts';
import type { Change } from './recent-changes.ts';

/** So many stand there at once; the others on demand. */
const FIRST = 12;

/** What happened since this agent started, the latest first. */
export function changeList(changes: readonly Change[]): Fragment {
  const earlier = changes.slice(FIRST);
  return {
    id: 'changes',
    before: markup`
      <section id="changes" aria-labelledby="changes-title">
        <h2 id="changes-title">What changed</h2>
        ${changes.length === 0 && markup`<p class="none">Nothing since this agent has started.</p>`}`,
    parts: [
      ...(changes.length > 0 ? [list('changes-latest', changes.slice(0, FIRST))] : []),
      ...(earlier.length > 0 ? [onDemand(earlier)] : []),
    ],
    after: '</section>',
  };
}

function list(id: string, changes: readonly Change[]): Fragment {
  return { id, before: markup`<ol id="${id}" class="changes">`, parts: changes.map(item), after: '</ol>' };
}

function onDemand(changes: readonly Change[]): Fragment {
  return {
    id: 'changes-more',
    before: markup`<details id="changes-more" class="group"><summary>Earlier</summary>`,
    parts: [list('changes-earlier', changes)],
    after: '</details>',
  };
}

const KINDS: Readonly<Record<Change['kind'], string>> = {
  secret: '',
  source: 'source ',
  push: 'push ',
  restart: '',
  config: 'config ',
};

function item({ number, at, kind, names, more, isWell, word, keys, message }: Change): Fragment {
  const id = `change-${number}`;
  const tone = isWell ? 'good' : 'bad';
  return leaf(
    id,
    markup`
      <li id="${id}" class="change ${tone}">
        ${moment(at)}
        <div>
          ${mark(tone)}
          <p>
            ${KINDS[kind]}
            ${names.map((name, index) => markup`${index > 0 && ', '}<strong class="name">${name}</strong>`)}
            ${more > 0 && ` and ${more} more`} ${word}
          </p>
          ${keys.length > 0 && markup`<p class="keys">${keys.map((key) => markup`<code>${key}</code> `)}</p>`}
          ${message !== undefined && markup`<p class="wrong">${message}</p>`}
        </div>
      </li>`,
  );
}
