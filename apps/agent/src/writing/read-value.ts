import { createReadStream } from 'node:fs';
import { addAbortSignal } from 'node:stream';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { SecretValue } from '@hikyaku/core';
import type { Edge } from '../edge.ts';
import { isInteractive } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import { TerminalInput } from '../terminal-input.ts';
import { UserError } from '../user-error.ts';

export interface ValueOptions {
  /** A path, or `-` for standard input byte for byte. */
  readonly fromFile?: string;
  readonly allowEmpty?: boolean;
  /** How else it can be given than by typing. */
  readonly otherWays?: string;
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

async function readBytes(name: string, { fromFile, otherWays }: ValueOptions, edge: Edge): Promise<SecretValue> {
  if (fromFile === '-') return SecretValue.of(await readStdin(edge));
  if (fromFile !== undefined) return SecretValue.of(await readValueFile(fromFile, edge));
  if (isInteractive(edge)) return SecretValue.of(await ask(name, otherWays, edge));
  const bytes = await readStdin(edge);
  const end = bytes.at(-1) === 10 ? (bytes.at(-2) === 13 ? -2 : -1) : undefined;
  return SecretValue.of(bytes.subarray(0, end));
}

async function readValueFile(path: string, { signal }: Edge): Promise<Uint8Array> {
  try {
    return await readAll(createReadStream(path), path, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof UserError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new UserError(`${path} cannot be read (${code})`);
  }
}

async function readStdin({ stdin, signal }: Edge): Promise<Uint8Array> {
  if (stdin.isTTY === true)
    throw new UserError(
      'what you type would be shown: leave out --from-file - and do not redirect standard error, and you are asked for the value',
    );
  return await readAll(stdin, 'standard input', signal);
}

async function readAll(stream: Readable, what: string, signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of addAbortSignal(signal, stream)) {
      const bytes = Buffer.from(chunk);
      size += bytes.byteLength;
      if (size > MOST_BYTES) throw new UserError(`${what} has more than ${MOST_BYTES} bytes: that is no secret`);
      chunks.push(bytes);
    }
  } finally {
    // Who is interrupted in the middle has half a value.
    signal.throwIfAborted();
  }
  return Buffer.concat(chunks);
}

async function ask(name: string, otherWays = '--from-file, a pipe, or hikyaku edit', edge: Edge): Promise<string> {
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
      `more than one line was pasted, and only the first was taken: nothing was written. Use ${otherWays}`,
    );
  }
  if (input.hasTab) throw new UserError(`a tab cannot be typed here: nothing was written. Use ${otherWays}`);
  return answer ?? '';
}

/** Up to the first line break. The rest of a pasted text would end up in the next question, or in the shell and its history. */
class FirstLine extends TerminalInput {
  #ended = false;
  hasMore = false;
  /** The question would leave it out. */
  hasTab = false;

  override setRawMode(raw: boolean): this {
    // Kept raw until the end, so that the terminal shows nothing of what is still to come.
    return raw ? super.setRawMode(true) : this;
  }

  protected override typed(bytes: Uint8Array): void {
    if (this.#ended) {
      this.hasMore = true;
      return;
    }
    const end = bytes.findIndex((byte) => byte === 10 || byte === 13);
    const line = end === -1 ? bytes : bytes.subarray(0, end + 1);
    if (line.includes(9)) this.hasTab = true;
    super.typed(line);
    this.#ended = end !== -1;
    this.hasMore = end !== -1 && end + 1 < bytes.length;
  }
}
