import { html } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';

/** What may stand in a page as it is. */
export type Markup = HtmlEscapedString;

type Content = string | number | false | undefined | Markup | readonly Markup[];

/**
 * Whatever is put into it that is no {@link Markup} is escaped; `false` and `undefined` are nothing. Ends of lines and what they are indented by
 * are left out.
 */
export function markup(strings: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  const made = html(joined(strings), ...contents);
  if (made instanceof Promise) throw new TypeError('a page is made of what is known');
  return made;
}

const known = new WeakMap<TemplateStringsArray, TemplateStringsArray>();

function joined(strings: TemplateStringsArray): TemplateStringsArray {
  const before = known.get(strings);
  if (before !== undefined) return before;
  const plain = strings.map((text) => text.replaceAll(/\n\s*/g, ''));
  const now = Object.assign(plain, { raw: strings.raw });
  known.set(strings, now);
  return now;
}
