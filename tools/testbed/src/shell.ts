import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

export interface ShellOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A line that fails is no error. */
  readonly mayFail?: boolean;
}

/** Runs a line as a person types it; answers with all that it wrote. */
export async function shell(line: string, { cwd, env, mayFail = false }: ShellOptions): Promise<string> {
  const child = spawn('sh', ['-c', `{ ${line}\n} 2>&1`], { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const output = await text(child.stdout);
  const code = await ended;
  if (code !== 0 && !mayFail) throw new Error(`${line}: exit code ${code}; it wrote:\n${output}`);
  return output;
}
