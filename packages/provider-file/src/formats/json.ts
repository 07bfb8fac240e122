import { lineCounter, Malformed } from './malformed.ts';
import { lineBreakOf, replaceSpan } from './text-format.ts';
import type { Entry, Span, TextFormat } from './text-format.ts';

const DEEPEST = 100;
const SPACE = /[ \t\r\n]*/y;
const WORD = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-])|(?:true|false|null)(?!\w)/y;

/**
 * An object with the names as its keys. Texts come as they are, numbers and booleans as they are written, objects and arrays as
 * JSON text without spaces; null is a problem of that one secret. Read by hand, because `JSON.parse` takes the last one of two
 * equal keys, rounds numbers, and its errors quote the text.
 */
export const json: TextFormat = {
  parse(text) {
    return new Reader(text).entries();
  },

  put(text, entries, name, value) {
    const entry = entries.get(name);
    const written = JSON.stringify(value);
    if (entry !== undefined) return { text: replaceSpan(text, entry.valueAt, written) };
    const member = `${JSON.stringify(name)}: ${written}`;
    const all = [...entries.values()];
    const [first, last] = [all.at(0), all.at(-1)];
    if (first === undefined || last === undefined) {
      const lineBreak = lineBreakOf(text);
      const inside = { start: text.indexOf('{') + 1, end: text.lastIndexOf('}') };
      return { text: replaceSpan(text, inside, `${lineBreak}  ${member}${lineBreak}`) };
    }
    // As the first one stands behind its bracket: on the same line, or on the next with the same indentation.
    const separator = text.slice(text.indexOf('{') + 1, first.at.start) || ' ';
    return { text: replaceSpan(text, { start: last.at.end, end: last.at.end }, `,${separator}${member}`) };
  },

  remove(text, entries, { name, at }) {
    const all = [...entries.values()];
    const index = all.findIndex((entry) => entry.name === name);
    const [previous, next] = [all[index - 1], all[index + 1]];
    if (previous !== undefined) return { text: replaceSpan(text, { start: previous.at.end, end: at.end }, '') };
    if (next !== undefined) return { text: replaceSpan(text, { start: at.start, end: next.at.start }, '') };
    return { text: replaceSpan(text, { start: text.indexOf('{') + 1, end: text.lastIndexOf('}') }, '') };
  },
};

class Reader {
  readonly #text: string;
  readonly #lineAt: (offset: number) => number;
  #offset = 0;

  constructor(text: string) {
    this.#text = text;
    this.#lineAt = lineCounter(text);
  }

  entries(): readonly Entry[] {
    const entries: Entry[] = [];
    this.#space();
    if (this.#text[this.#offset] !== '{') this.#fail('must be an object, with the names of the secrets as its keys');
    this.#members(0, (key, valueAt, compact) => {
      const name: unknown = JSON.parse(this.#slice(key));
      entries.push({
        name: String(name),
        ...asValue(compact),
        line: this.#lineAt(key.start),
        at: { start: key.start, end: valueAt.end },
        valueAt,
      });
    });
    this.#space();
    if (this.#offset < this.#text.length) this.#fail('goes on behind the end of the object');
    return entries;
  }

  /** Reads an object, from its `{`. */
  #members(depth: number, take: (key: Span, value: Span, compact: string) => void): void {
    this.#sequence('}', () => {
      const key = this.#string();
      this.#space();
      if (!this.#take(':')) this.#fail('lacks a `:` behind a key');
      this.#space();
      const start = this.#offset;
      const compact = this.#value(depth + 1);
      take(key, { start, end: this.#offset }, compact);
    });
  }

  /** What stands between the bracket here and `close`, separated by commas. */
  #sequence(close: string, item: () => void): void {
    this.#offset += 1;
    this.#space();
    if (this.#take(close)) return;
    do {
      this.#space();
      item();
      this.#space();
    } while (this.#take(','));
    if (!this.#take(close)) this.#fail(`lacks a \`,\` or a \`${close}\``);
  }

  /** Reads a value; gives its text without the spaces between its parts. */
  #value(depth: number): string {
    if (depth > DEEPEST) this.#fail('is nested too deeply');
    const parts: string[] = [];
    switch (this.#text[this.#offset]) {
      case '{':
        this.#members(depth, (key, _, compact) => parts.push(`${this.#slice(key)}:${compact}`));
        return `{${parts.join(',')}}`;
      case '[':
        this.#sequence(']', () => parts.push(this.#value(depth + 1)));
        return `[${parts.join(',')}]`;
      case '"':
        return this.#slice(this.#string());
      default:
        return this.#word();
    }
  }

  #word(): string {
    WORD.lastIndex = this.#offset;
    const [word] = WORD.exec(this.#text) ?? [];
    if (word === undefined) return this.#fail('has something that is no JSON');
    this.#offset += word.length;
    return word;
  }

  #string(): Span {
    const start = this.#offset;
    if (this.#text[start] !== '"') this.#fail('lacks a text in double quotes');
    let end = start + 1;
    while (end < this.#text.length && this.#text[end] !== '"') end += this.#text[end] === '\\' ? 2 : 1;
    const span = { start, end: end + 1 };
    try {
      JSON.parse(this.#slice(span));
    } catch {
      this.#fail('has a text that is not closed, or has a wrong escape or a line break in it');
    }
    this.#offset = span.end;
    return span;
  }

  #space(): void {
    SPACE.lastIndex = this.#offset;
    this.#offset += SPACE.exec(this.#text)?.[0].length ?? 0;
  }

  #take(character: string): boolean {
    if (this.#text[this.#offset] !== character) return false;
    this.#offset += 1;
    return true;
  }

  #slice({ start, end }: Span): string {
    return this.#text.slice(start, end);
  }

  #fail(reason: string): never {
    throw new Malformed(this.#lineAt(this.#offset), reason);
  }
}

function asValue(compact: string): Pick<Entry, 'value' | 'problem'> {
  if (compact === 'null') return { problem: 'is null' };
  if (!compact.startsWith('"')) return { value: compact };
  const text: unknown = JSON.parse(compact);
  return { value: String(text) };
}
