import { markup } from './markup.ts';
import type { Markup } from './markup.ts';

/** What is wrong, and below it what to do: the part of a message behind its first `; `. Command lines stand out. */
export function advice(message: string): Markup {
  const at = message.indexOf('; ');
  if (at === -1) return markup`<p class="wrong">${words(message)}</p>`;
  return markup`
    <p class="wrong">${words(message.slice(0, at))}</p>
    <p class="remedy">${words(message.slice(at + 2))}</p>`;
}

/** A command line to copy. */
export function command(line: string): Markup {
  return markup`
    <div class="command">
      <code>${line}</code>
      <button type="button" class="copy" data-copy="${line}" aria-label="Copy: ${line}" hidden>Copy</button>
    </div>`;
}

/** From a program's name and a command of it up to the next punctuation. */
const COMMAND =
  /\b((?:hikyaku (?:approve|grants|identity|plan|recipients|refresh|release|rewrap|rights|seal|set|sync|unset)|kubectl [a-z]+)\b(?:(?!, |; |: |\. | \().)*)/;

function words(text: string): Markup {
  return markup`${text.split(COMMAND).map((part, index) => (index % 2 === 1 ? markup`<code>${part}</code>` : markup`${part}`))}`;
}
