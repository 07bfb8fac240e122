import { stripVTControlCharacters } from 'node:util';
import { systemClock } from '@hikyaku/core';
import type { CallOptions } from '@hikyaku/core';
import type { Edge } from '../edge.ts';
import type { ClusterReport } from '../status/look-at-status.ts';
import { changeLines, wordsOf } from './status-changes.ts';

export interface StatusScreenOptions {
  readonly isJson: boolean;
  readonly json: () => object;
  /** Without what is well, where it does not fit. */
  readonly text: (onlyUnwell: boolean) => string;
  readonly reports: () => readonly ClusterReport[];
}

/** Ages grow though nothing has changed. */
const REDRAW_MS = 1_000;
const HOME = '\u001B[H';
const CLEAR_SCREEN = '\u001B[2J';
const CLEAR_LINE = '\u001B[K';
const CLEAR_BELOW = '\u001B[J';
const DEFAULT_ROWS = 24;
const DEFAULT_COLUMNS = 80;

/** A picture that is drawn over and over in a terminal; in a pipe the picture once, and then a line per change, or a document per change. */
export class StatusScreen {
  readonly #edge: Edge;
  readonly #options: StatusScreenOptions;
  readonly #isTerminal: boolean;
  #words: ReadonlyMap<string, string> | undefined;
  #drawn = '';
  #isFirst = true;

  constructor(edge: Edge, options: StatusScreenOptions) {
    this.#edge = edge;
    this.#options = options;
    this.#isTerminal = edge.stdout.isTTY === true && edge.env['TERM'] !== 'dumb' && !options.isJson;
  }

  changed(): void {
    if (this.#isTerminal) {
      this.#draw();
      return;
    }
    const { stdout } = this.#edge;
    const words = wordsOf(this.#options.reports());
    const lines = changeLines(this.#words ?? new Map(), words, Date.now());
    const isFirst = this.#words === undefined;
    this.#words = words;
    if (!isFirst && lines.length === 0) return;
    if (this.#options.isJson) stdout.write(`${JSON.stringify(this.#options.json())}\n`);
    else stdout.write(isFirst ? this.#options.text(false) : `${lines.join('\n')}\n`);
  }

  /** Until the signal aborts. */
  async run({ signal }: CallOptions): Promise<void> {
    while (!signal.aborted) {
      await systemClock.sleep(REDRAW_MS, { signal }).catch(() => {});
      if (this.#isTerminal && !this.#isFirst && !signal.aborted) this.#draw();
    }
  }

  #draw(): void {
    const { stdout } = this.#edge;
    const columns = stdout.columns || DEFAULT_COLUMNS;
    const most = (stdout.rows || DEFAULT_ROWS) - 1;
    const whole = linesOf(this.#options.text(false));
    const some = rowsOf(whole, columns) > most ? linesOf(this.#options.text(true)) : whole;
    const shown = fitting(some, columns, most);
    const picture = shown.map((line) => `${line}${CLEAR_LINE}\n`).join('');
    if (picture === this.#drawn) return;
    stdout.write(`${this.#isFirst ? CLEAR_SCREEN : ''}${HOME}${picture}${CLEAR_BELOW}`);
    this.#isFirst = false;
    this.#drawn = picture;
  }
}

/** As many lines as there is room for; the last one says how many there are besides. */
function fitting(lines: readonly string[], columns: number, most: number): readonly string[] {
  if (rowsOf(lines, columns) <= most) return lines;
  let end = 0;
  while (rowsOf(lines.slice(0, end + 1), columns) < most) end++;
  return [...lines.slice(0, end), `    and ${lines.length - end} more lines`];
}

/** A longer line goes on in the next row. */
function rowsOf(lines: readonly string[], columns: number): number {
  return lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(stripVTControlCharacters(line).length / columns)), 0);
}

function linesOf(text: string): readonly string[] {
  return text.split('\n').slice(0, -1);
}
