import { readFile } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { SecretValue } from '@hikyaku/core';
import type { Edge } from '../edge.ts';
import { isInteractive } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import { UserError } from '../user-error.ts';

export interface ValueOptions {
  /** A path, or `-` for standard input byte for byte. */
  readonly fromFile?: string;
  readonly allowEmpty?: boolean;
}

/** No secret of any provider is that large. */
const MOST_BYTES = 4 * 1024 * 1024;

/** A value from a file, from a pipe (its last line break is not part of it), or from a person, who does not see it. */
export async function readValue(name: string, options: ValueOptions, edge: Edge): Promise<SecretValue> {
  const value = await readBytes(name, options, edge);
  if (value.byteLength === 0 && options.allowEmpty !== true)
    throw new UserError(`the value of ${name} is empty: give --allow-empty if it is meant to be`);
  return value;
}

async function readBytes(name: string, { fromFile }: ValueOptions, edge: Edge): Promise<SecretValue> {
  if (fromFile === '-') return SecretValue.of(await readStdin(edge));
  if (fromFile !== undefined) return SecretValue.of(await readValueFile(fromFile, edge));
  if (isInteractive(edge)) return SecretValue.of(await ask(name, edge));
  const bytes = await readStdin(edge);
  const end = bytes.at(-1) === 10 ? (bytes.at(-2) === 13 ? -2 : -1) : undefined;
  return SecretValue.of(bytes.subarray(0, end));
}

async function readValueFile(path: string, { signal }: Edge): Promise<Uint8Array> {
  try {
    return await readFile(path, { signal });
  } catch (error) {
    signal.throwIfAborted();
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new UserError(`${path} cannot be read (${code})`);
  }
}

async function readStdin({ stdin, signal }: Edge): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    signal.throwIfAborted();
    const bytes = Buffer.from(chunk);
    size += bytes.byteLength;
    if (size > MOST_BYTES) throw new UserError(`standard input has more than ${MOST_BYTES} bytes: that is no secret`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

async function ask(name: string, edge: Edge): Promise<string> {
  const prompts = await import('@clack/prompts');
  const { stderr: output, signal } = edge;
  using input = new FirstLine(edge.stdin);
  const message = `Value of ${name} (not shown)`;
  const answer = await prompts.password({ message, mask: '•', input, output, signal });
  if (prompts.isCancel(answer)) throw new UserError('interrupted: nothing was written', EXIT.interrupted);
  // What follows a pasted line is still on its way.
  await sleep(50, undefined, { signal });
  if (input.hasMore) {
    throw new UserError(
      'more than one line was pasted, and only the first was taken: nothing was written. Use --from-file, a pipe, or hikyaku edit',
    );
  }
  return answer ?? '';
}

/** A terminal up to the first line break. The rest of a pasted text would end up in the next question, or in the shell and its history. */
class FirstLine extends PassThrough implements Disposable {
  readonly isTTY = true;
  readonly #terminal: Edge['stdin'];
  readonly #onData: (chunk: Buffer | string) => void;
  #ended = false;
  hasMore = false;

  constructor(terminal: Edge['stdin']) {
    super();
    this.#terminal = terminal;
    this.#onData = (chunk) => this.#take(Buffer.from(chunk));
    terminal.on('data', this.#onData);
  }

  setRawMode(raw: boolean): this {
    // Kept raw until the end, so that the terminal shows nothing of what is still to come.
    if (raw) this.#terminal.setRawMode?.(true);
    return this;
  }

  [Symbol.dispose](): void {
    this.#terminal.off('data', this.#onData);
    this.#terminal.setRawMode?.(false);
    this.#terminal.pause();
    this.destroy();
  }

  #take(bytes: Buffer): void {
    if (this.#ended) {
      this.hasMore = true;
      return;
    }
    const end = bytes.findIndex((byte) => byte === 10 || byte === 13);
    this.write(end === -1 ? bytes : bytes.subarray(0, end + 1));
    this.#ended = end !== -1;
    this.hasMore = end !== -1 && end + 1 < bytes.length;
  }
}
