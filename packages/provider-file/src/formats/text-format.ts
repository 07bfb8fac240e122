import { lineCounter, Malformed } from './malformed.ts';

/** A text that holds secrets by name. */
export interface TextFormat {
  /** All of it, in order. Throws {@link Malformed}. */
  parse(text: string): readonly Entry[];
  /** The text with a value put in the place of an entry's, or added at its end; nothing else is touched. */
  put(text: string, entries: Entries, name: string, value: string): Edited;
  /** The text without an entry. */
  remove(text: string, entries: Entries, entry: Entry): Edited;
}

export interface Entry {
  readonly name: string;
  /** Absent: this one secret cannot be used, for the reason that `problem` says. */
  readonly value?: string;
  readonly problem?: string;
  readonly line: number;
  /** Offsets of name and value in the text. */
  readonly at: Span;
  readonly valueAt: Span;
}

export interface Span {
  readonly start: number;
  readonly end: number;
}

export type Entries = ReadonlyMap<string, Entry>;

/** The new text, or why this format cannot hold it. */
export type Edited = { readonly text: string; readonly problem?: undefined } | { readonly problem: string };

/** The entries by name. Throws {@link Malformed}, also where a name stands twice: nobody can say which one is meant. */
export function parseEntries(format: TextFormat, text: string): Entries {
  if (text.trim() === '') throw new Malformed(undefined, 'is empty');
  const entries = new Map<string, Entry>();
  for (const entry of format.parse(text)) {
    const { name, line } = entry;
    const first = entries.get(name);
    if (first !== undefined) throw new Malformed(line, `the name of line ${first.line} stands here again: remove one`);
    if (name.includes('\0') || !name.isWellFormed()) {
      throw new Malformed(line, 'a name has U+0000 or half of a surrogate pair in it');
    }
    entries.set(name, checkValue(entry));
  }
  return entries;
}

/** UTF-8, without a byte order mark. */
export function decodeText(bytes: Uint8Array): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Malformed(undefined, 'is not UTF-8 text');
  }
  // What a crash leaves of a file that was not on the disk yet.
  const zero = text.indexOf('\0');
  if (zero !== -1) throw new Malformed(lineCounter(text)(zero), 'holds U+0000, which is no text');
  return text;
}

export function replaceSpan(text: string, { start, end }: Span, by: string): string {
  return text.slice(0, start) + by + text.slice(end);
}

/** How lines end in this text. */
export function lineBreakOf(text: string): string {
  return text.includes('\r\n') ? '\r\n' : '\n';
}

function checkValue(entry: Entry): Entry {
  if (entry.value?.isWellFormed() !== false) return entry;
  const { value: _, ...rest } = entry;
  return { ...rest, problem: 'has half of a surrogate pair in it, which is no text' };
}
