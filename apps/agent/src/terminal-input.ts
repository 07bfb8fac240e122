import { PassThrough } from 'node:stream';
import type { Edge } from './edge.ts';

const CTRL_C = 3;
const CTRL_D = 4;

/** A terminal as questions read it. Ctrl-D counts as Ctrl-C: it would leave a question that nothing can end any more. */
export class TerminalInput extends PassThrough implements Disposable {
  readonly isTTY = true;
  protected readonly terminal: Edge['stdin'];
  readonly #onData = (chunk: Buffer | string): void =>
    this.typed(Buffer.from(chunk).map((byte) => (byte === CTRL_D ? CTRL_C : byte)));

  constructor(terminal: Edge['stdin']) {
    super();
    this.terminal = terminal;
    terminal.on('data', this.#onData);
    // The question before has paused it.
    terminal.resume();
  }

  setRawMode(raw: boolean): this {
    this.terminal.setRawMode?.(raw);
    return this;
  }

  [Symbol.dispose](): void {
    this.terminal.off('data', this.#onData);
    this.terminal.setRawMode?.(false);
    this.terminal.pause();
    this.destroy();
  }

  protected typed(bytes: Uint8Array): void {
    this.write(bytes);
  }
}
