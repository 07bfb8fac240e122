import type { SourceRecord } from '@hikyaku/engine';
import type { Edge } from '../edge.ts';
import { count } from './count.ts';

/** Of a terminal that does not say (0) how wide it is. */
const DEFAULT_COLUMNS = 80;

/** One line of a terminal that is written over and over; nothing at all in a pipe. */
export class Progress implements Disposable {
  readonly #edge: Edge;
  readonly #enabled: boolean;
  #shown = false;
  #last = 0;

  constructor(edge: Edge, enabled = true) {
    this.#edge = edge;
    this.#enabled = enabled && edge.stderr.isTTY === true && edge.env['TERM'] !== 'dumb';
  }

  show(text: string): void {
    const now = performance.now();
    if (!this.#enabled || (this.#shown && now - this.#last < 50)) return;
    this.#last = now;
    this.#shown = true;
    this.#edge.stderr.write(`\r\u001B[2K${text.slice(0, (this.#edge.stderr.columns || DEFAULT_COLUMNS) - 1)}`);
  }

  clear(): void {
    if (this.#shown) this.#edge.stderr.write('\r\u001B[2K');
    this.#shown = false;
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}

/** What of the sources is still to be read: `reading vault: 60 of 100 secrets`; `undefined` when nothing is. */
export function readingText(sources: Iterable<SourceRecord>): string | undefined {
  const texts = [...sources].flatMap(({ source, secrets = 0, pending }) =>
    pending === undefined ? [] : [`${source}: ${secrets} of ${count(secrets + pending, 'secret')}`],
  );
  return texts.length === 0 ? undefined : `reading ${texts.join(', ')}`;
}
