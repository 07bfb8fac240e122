import { readFile } from 'node:fs/promises';
import { isProtected, openWithPassphrase, SealedError } from '@hikyaku/sealing';
import { isInteractive } from '../edge.ts';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import { TerminalInput } from '../terminal-input.ts';
import { UserError } from '../user-error.ts';
import type { IdentityFile } from './identity-files.ts';

/** Its text, after the passphrase where it has one; `undefined` where a file that nobody has named is missing. */
export async function readIdentityFile({ path, byDefault }: IdentityFile, edge: Edge): Promise<string | undefined> {
  const { signal } = edge;
  const bytes = await readFile(path, { signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    if (byDefault && (code === 'ENOENT' || code === 'ENOTDIR')) return undefined;
    throw new UserError(`the identity file ${path} cannot be read (${code})`);
  });
  if (bytes === undefined) return undefined;
  return isProtected(bytes) ? await openIdentityFile(path, bytes, edge) : bytes.toString('utf8');
}

async function openIdentityFile(path: string, bytes: Uint8Array, edge: Edge): Promise<string> {
  if (!isInteractive(edge))
    throw new UserError(`the identity file ${path} has a passphrase, and there is no terminal to ask for it`);
  const passphrase = await askPassphrase(path, edge);
  try {
    return (await openWithPassphrase(bytes, passphrase)).text() ?? '';
  } catch (error) {
    if (!(error instanceof SealedError)) throw error;
    throw new UserError(`the identity file ${path} does not open: ${error.message}`);
  }
}

async function askPassphrase(path: string, { stdin, stderr: output, signal }: Edge): Promise<string> {
  const prompts = await import('@clack/prompts');
  using input = new TerminalInput(stdin);
  const message = `Passphrase of ${path} (not shown)`;
  const answer = await prompts.password({ message, mask: '•', input, output, signal });
  if (prompts.isCancel(answer)) throw new UserError('interrupted', EXIT.interrupted);
  return answer ?? '';
}
