import { isScalar, LineCounter, parseDocument } from 'yaml';
import type { Document } from 'yaml';
import { ConfigEditError } from './edit-error.ts';

interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The text of one file with what the YAML reader makes of it. Splices are collected, and none touches a byte outside of its range. */
export class EditableText {
  readonly source: string;
  readonly document: Document.Parsed;
  readonly #mark: string;
  readonly #splices: Splice[] = [];

  /** Throws a ConfigEditError where it is not one YAML document. */
  constructor(text: string) {
    this.#mark = text.startsWith('\uFEFF') ? '\uFEFF' : '';
    this.source = text.slice(this.#mark.length);
    const lineCounter = new LineCounter();
    this.document = parseDocument(this.source, {
      version: '1.2',
      schema: 'core',
      strict: true,
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: 'error',
      keepSourceTokens: true,
      lineCounter,
    });
    const [error] = this.document.errors;
    if (error !== undefined) {
      const { line } = lineCounter.linePos(error.pos[0]);
      throw new ConfigEditError(
        `the file cannot be read as one YAML document (line ${line}): \`hikyaku validate\` says why`,
      );
    }
    const { contents } = this.document;
    if (contents === null || (isScalar(contents) && contents.value === null))
      throw new ConfigEditError('the file is empty');
  }

  replace(start: number, end: number, text: string): void {
    this.#splices.push({ start, end, text });
  }

  /** New lines after the one that `offset` is in. */
  insertLinesAfter(offset: number, lines: readonly string[]): void {
    if (lines.length === 0) return;
    const eol = this.eolNear(offset);
    const end = this.source.indexOf('\n', offset);
    if (end === -1) this.replace(this.source.length, this.source.length, eol + lines.join(eol));
    else this.replace(end + 1, end + 1, lines.map((line) => line + eol).join(''));
  }

  /** How the line ends that `offset` is in; the last line, as the one before it. */
  eolNear(offset: number): string {
    const after = this.source.indexOf('\n', offset);
    const end = after === -1 ? this.source.lastIndexOf('\n') : after;
    return this.source[end - 1] === '\r' ? '\r\n' : '\n';
  }

  lineStart(offset: number): number {
    return this.source.lastIndexOf('\n', offset - 1) + 1;
  }

  /** Where the line ends, before its line break. */
  lineEnd(offset: number): number {
    const end = this.source.indexOf('\n', offset);
    if (end === -1) return this.source.length;
    return this.source[end - 1] === '\r' && end > offset ? end - 1 : end;
  }

  columnOf(offset: number): number {
    return offset - this.lineStart(offset);
  }

  /** The least column at which lines of a text may be put after the one that `offset` is in, so that no comment below becomes one of them. */
  columnBeyondComments(offset: number): number {
    let column = 0;
    for (let line = this.source.indexOf('\n', offset) + 1; line > 0; line = this.source.indexOf('\n', line) + 1) {
      const [, spaces = '', first] = /^([ \t]*)(\S?)/.exec(this.source.slice(line, this.lineEnd(line))) ?? [];
      if (first === '#') column = Math.max(column, spaces.length + 1);
      else if (first !== '') break;
    }
    return column;
  }

  toString(): string {
    let text = '';
    let at = 0;
    for (const splice of this.#splices.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
      text += this.source.slice(at, splice.start) + splice.text;
      at = splice.end;
    }
    return this.#mark + text + this.source.slice(at);
  }
}
