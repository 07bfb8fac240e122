import { parseEnv } from 'node:util';
import { lineCounter, Malformed } from './malformed.ts';
import { lineBreakOf, replaceSpan } from './text-format.ts';
import type { Entry, TextFormat } from './text-format.ts';

const BLANK = /[ \t]*(?:#[^\n]*)?\r?(?:\n|$)/y;
const NAME = /[ \t]*(?:export[ \t]+)?([^\s=#'"`]+)[ \t]*=[ \t]*/y;
const AFTER_QUOTE = /[ \t]*(?:#[^\n]*)?\r?(?:\n|$)/y;
const UNQUOTED = /[^\n]*/y;
/** Means the same to every reader of such files without quotes. */
const PLAIN = /^[\w./:@%+,-]+$/;

/**
 * Values are what Node's `util.parseEnv` makes of them. Where it would lose something without a word (a line that is no
 * assignment, text behind a closing quote, a `#` within a value), or readers of dotenv differ, the file is refused.
 */
export const dotenv: TextFormat = {
  parse(text) {
    const entries: Entry[] = [];
    const lineAt = lineCounter(text);
    let offset = 0;
    while (offset < text.length) {
      const blank = matchAt(BLANK, text, offset);
      if (blank !== undefined) {
        offset += blank[0].length;
        continue;
      }
      const line = lineAt(offset);
      const [head, name] = matchAt(NAME, text, offset) ?? [];
      if (head === undefined || name === undefined) {
        throw new Malformed(line, 'is no `NAME=value`, no comment (`#`) and not empty');
      }
      const valueStart = offset + head.length;
      const { raw, length } = readValue(text, valueStart, line);
      entries.push({
        name,
        value: valueOf(raw, line),
        line,
        at: { start: offset, end: valueStart + length },
        valueAt: { start: valueStart, end: valueStart + raw.length },
      });
      offset = valueStart + length;
    }
    if (entries.length === 0) throw new Malformed(undefined, 'has comments only');
    return entries;
  },

  put(text, entries, name, value) {
    const quoted = quote(value);
    if (quoted === undefined) {
      return { problem: 'the value has quotes of all kinds, or a carriage return, which dotenv cannot hold' };
    }
    const entry = entries.get(name);
    if (entry !== undefined) return { text: replaceSpan(text, entry.valueAt, quoted) };
    const lineBreak = lineBreakOf(text);
    return { text: `${text}${text.endsWith('\n') ? '' : lineBreak}${name}=${quoted}${lineBreak}` };
  },

  remove(text, entries, { at }) {
    if (entries.size === 1) return { problem: 'it is the last one, and a dotenv file with nothing in it is refused' };
    return { text: replaceSpan(text, at, '') };
  },
};

/** The value as it is written, and how much of the text belongs to it, up to the next line. */
function readValue(text: string, start: number, line: number): { readonly raw: string; readonly length: number } {
  const first = text[start] ?? '';
  if (/['"`]/.test(first)) {
    const close = text.indexOf(first, start + 1);
    if (close === -1) throw new Malformed(line, 'has a quote that is not closed');
    const rest = matchAt(AFTER_QUOTE, text, close + 1);
    if (rest === undefined) {
      throw new Malformed(line, 'goes on behind the closing quote: use quotes of another kind (\', " or `)');
    }
    return { raw: text.slice(start, close + 1), length: close + 1 - start + rest[0].length };
  }
  const [whole = ''] = matchAt(UNQUOTED, text, start) ?? [];
  const hash = whole.indexOf('#');
  // At its very start the blanks before it belong to the `=`.
  const comment = hash === -1 || /[ \t]/.test(text[start + hash - 1] ?? '');
  if (!comment)
    throw new Malformed(line, 'has a `#` within the value: put the value in quotes, or a space before the comment');
  const raw = (hash === -1 ? whole : whole.slice(0, hash)).trim();
  return { raw, length: whole.length + (start + whole.length < text.length ? 1 : 0) };
}

function valueOf(raw: string, line: number): string {
  // Carriage returns are dropped: at the end of a line that is what everybody means.
  if (/\r(?!\n)/.test(raw))
    throw new Malformed(line, 'has a carriage return within the value, which dotenv cannot hold');
  if (raw === '') return '';
  const { V: value } = parseEnv(`V=${raw}`);
  if (value === undefined || (!/^['"`]/.test(raw) && value !== raw)) {
    throw new Malformed(line, 'has a value that readers of dotenv do not agree about: put it in quotes');
  }
  return value;
}

function quote(value: string): string | undefined {
  if (PLAIN.test(value)) return value;
  if (value.includes('\r')) return undefined;
  // In double quotes `\n` is a line break, and there is no way to write it otherwise.
  const fits = [`'`, '"', '`'].find((mark) => !value.includes(mark) && !(mark === '"' && value.includes('\\n')));
  return fits && fits + value + fits;
}

function matchAt(pattern: RegExp, text: string, offset: number): RegExpExecArray | undefined {
  pattern.lastIndex = offset;
  return pattern.exec(text) ?? undefined;
}
