import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import type { Edge } from '../edge.ts';
import { UserError } from '../user-error.ts';

/** What the command of a variable writes, such as that of a password manager, which may ask its own questions on the terminal. */
export async function outputOf(command: string, variable: string, { env, signal }: Edge): Promise<string> {
  const child = spawn(command, { shell: true, env, signal, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject).on('close', resolve);
  });
  const [code, output] = await Promise.all([ended, text(child.stdout)]).catch(() => {
    signal.throwIfAborted();
    throw new UserError(`the command in ${variable} cannot be started`);
  });
  if (code !== 0) throw new UserError(`the command in ${variable} failed (exit code ${code ?? 'none'})`);
  return output;
}
