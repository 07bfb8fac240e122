import { leaf } from './fragment.ts';
import type { Fragment } from './fragment.ts';
import { mark } from './marks.ts';
import type { Tone } from './marks.ts';
import { markup } from './markup.ts';
import type { Markup } from './markup.ts';

export interface Verdict {
  readonly tone: Tone;
  /** Whose page it is. */
  readonly where: string;
  /** One short sentence: it is also what is said aloud when it changes. */
  readonly words: string;
  readonly below?: Markup;
  /** Parts of the page: id, how many, and of what. */
  readonly parts: readonly (readonly [id: string, count: number, name: string])[];
}

/** What it all comes to. */
export function verdictOf({ tone, where, words, below, parts }: Verdict): Fragment {
  const links = parts.map(([id, count, name]) => markup`<li><a href="#${id}"><b>${count}</b> ${name}</a></li>`);
  return leaf(
    'verdict',
    markup`
      <section id="verdict" class="verdict ${tone}" data-words="${words}" aria-labelledby="verdict-title">
        <p class="where">${where}</p>
        <h1 id="verdict-title">${mark(tone)}<span>${words}</span></h1>
        ${below}
        ${links.length > 0 && markup`<nav aria-label="On this page"><ul>${links}</ul></nav>`}
      </section>`,
  );
}
