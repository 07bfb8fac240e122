import type { Location } from './json-path.ts';

const STRING = /"[^"\\]*(?:\\.[^"\\]*)*"/y;
const SPACE = /[ \t\n\r]*/y;
const SCALAR = /[^,\]} \t\n\r]*/y;
const STRINGS_AND_MARKS = /"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{},]/g;
const STRINGS_AND_SPACE = /("[^"\\]*(?:\\.[^"\\]*)*")|[ \t\n\r]+/g;

interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * The text of a JSON document, by location. JSON.parse has no numbers but doubles, and its way to see how one was written
 * (a reviver's `context.source`) takes seconds for a document of a few megabytes. Only for a text that JSON.parse takes: strings that do
 * not end would make these patterns slow.
 */
export class JsonSource {
  readonly #text: string;
  readonly #children = new Map<number, ReadonlyMap<string | number, Span>>();

  constructor(text: string) {
    this.#text = text;
  }

  isWithin({ levels, values }: { readonly levels: number; readonly values: number }): boolean {
    let depth = 0;
    let count = 0;
    for (const [token] of this.#text.matchAll(STRINGS_AND_MARKS)) {
      if (token === '[' || token === '{') depth += 1;
      else if (token === ']' || token === '}') depth -= 1;
      else if (token === ',') count += 1;
      if (depth > levels || count > values) return false;
    }
    return true;
  }

  /** What stands there, without the white space between its parts. */
  textAt(location: Location): string {
    let span: Span = { start: this.#skip(SPACE, 0), end: this.#text.length };
    for (const step of location) {
      const child = this.#childrenOf(span.start).get(step);
      if (child === undefined) throw new TypeError('the location is of another document');
      span = child;
    }
    return this.#text.slice(span.start, span.end).replaceAll(STRINGS_AND_SPACE, '$1');
  }

  /** Of the object or array that begins at `start`. Of two members with one name the last counts, as in JSON.parse. */
  #childrenOf(start: number): ReadonlyMap<string | number, Span> {
    const known = this.#children.get(start);
    if (known !== undefined) return known;
    const children = new Map<string | number, Span>();
    const isArray = this.#text[start] === '[';
    let at = this.#skip(SPACE, start + 1);
    for (let index = 0; this.#text[at] !== ']' && this.#text[at] !== '}'; index++) {
      let key: string | number = index;
      if (!isArray) {
        const end = this.#skip(STRING, at);
        key = String(JSON.parse(this.#text.slice(at, end)));
        at = this.#skip(SPACE, this.#skip(SPACE, end) + 1);
      }
      const end = this.#endOf(at);
      children.set(key, { start: at, end });
      at = this.#skip(SPACE, end);
      if (this.#text[at] === ',') at = this.#skip(SPACE, at + 1);
    }
    this.#children.set(start, children);
    return children;
  }

  #endOf(start: number): number {
    const first = this.#text[start];
    if (first === '"') return this.#skip(STRING, start);
    if (first !== '[' && first !== '{') return this.#skip(SCALAR, start);
    let depth = 0;
    STRINGS_AND_MARKS.lastIndex = start;
    for (let match = STRINGS_AND_MARKS.exec(this.#text); match !== null; match = STRINGS_AND_MARKS.exec(this.#text)) {
      const [token] = match;
      if (token === '[' || token === '{') depth += 1;
      else if (token === ']' || token === '}') depth -= 1;
      if (depth === 0) return STRINGS_AND_MARKS.lastIndex;
    }
    throw new TypeError('the text is not JSON');
  }

  /** Where what the sticky `pattern` matches at `from` ends. */
  #skip(pattern: RegExp, from: number): number {
    pattern.lastIndex = from;
    return pattern.test(this.#text) ? pattern.lastIndex : from;
  }
}
