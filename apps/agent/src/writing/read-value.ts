import { readFile } from 'node:fs/promises';
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
  const { stdin: input, stderr: output, signal } = edge;
  const answer = await prompts.password({ message: `Value of ${name} (not shown)`, mask: '•', input, output, signal });
  if (prompts.isCancel(answer)) throw new UserError('interrupted: nothing was written', EXIT.interrupted);
  if (await hasMoreInput(edge)) {
    throw new UserError(
      `more than one line was pasted, and only the first was taken: nothing was written. Use --from-file, a pipe, or hikyaku edit`,
    );
  }
  return answer ?? '';
}

/** What follows a pasted line would end up in the shell and its history. */
async function hasMoreInput({ stdin, signal }: Edge): Promise<boolean> {
  let more = false;
  const note = () => {
    more = true;
  };
  stdin.setRawMode?.(true);
  stdin.on('data', note);
  stdin.resume();
  try {
    await sleep(50, undefined, { signal });
  } finally {
    stdin.off('data', note);
    stdin.setRawMode?.(false);
    stdin.pause();
  }
  return more;
}
