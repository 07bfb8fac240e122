import type { SourceRecord } from '@hikyaku/engine';
import type { Edge } from '../edge.ts';
import { count } from './count.ts';

/** Of a terminal that does not say (0) how wide it is. */
const DEFAULT_COLUMNS = 80;
/** Between two texts: what changes faster nobody can read. */
const PAUSE_MS = 50;

/** One line of a terminal that is written over and over; nothing at all in a pipe. */
export class Progress implements Disposable {
  readonly #edge: Edge;
  readonly #enabled: boolean;
  #shown = false;
  #last = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(edge: Edge, enabled = true) {
    this.#edge = edge;
    this.#enabled = enabled && edge.stderr.isTTY === true && edge.env['TERM'] !== 'dumb';
  }

  /** The last of several texts always comes to be seen: what it tells may stay as it is for a minute. */
  show(text: string): void {
    if (!this.#enabled) return;
    clearTimeout(this.#timer);
    const pauseMs = this.#shown ? this.#last + PAUSE_MS - performance.now() : 0;
    if (pauseMs <= 0) this.#write(text);
    else this.#timer = setTimeout(() => this.#write(text), pauseMs).unref();
  }

  clear(): void {
    clearTimeout(this.#timer);
    if (this.#shown) this.#edge.stderr.write('\r\u001B[2K');
    this.#shown = false;
  }

  #write(text: string): void {
    this.#last = performance.now();
    this.#shown = true;
    this.#edge.stderr.write(`\r\u001B[2K${text.slice(0, (this.#edge.stderr.columns || DEFAULT_COLUMNS) - 1)}`);
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}

/** More names than this are a number. */
const MOST_NAMES = 3;

/**
 * What is still to be read of the sources that are wanted: `reading nas, vault: 60 of 100 secrets`; `undefined` when nothing is.
 */
export function readingText(records: ReadonlyMap<string, SourceRecord>, wanted: Iterable<string>): string | undefined {
  const unread = [...wanted].filter((source) => !records.has(source));
  const names = unread.length > MOST_NAMES ? [count(unread.length, 'source')] : unread;
  const partly = [...records.values()].flatMap(({ source, secrets = 0, pending }) =>
    pending === undefined ? [] : [`${source}: ${secrets} of ${count(secrets + pending, 'secret')}`],
  );
  const texts = [...names, ...partly];
  return texts.length === 0 ? undefined : `reading ${texts.join(', ')}`;
}
