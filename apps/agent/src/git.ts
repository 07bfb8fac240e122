import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { CallOptions } from '@hikyaku/core';

const run = promisify(execFile);

/**
 * What git is told before anything else. Files that were committed can look like a repository of their own, with programs to run in its
 * config and a history that somebody made up (`safe.bareRepository`, git 2.38).
 */
const CAREFUL = ['-c', 'safe.bareRepository=explicit', '-c', 'core.fsmonitor=false'];

/** Bytes. */
const LONGEST_OUTPUT = 8 * 1024 * 1024;

/** What git prints, run in this folder. Rejects as `execFile` does. */
export async function git(folder: string, args: readonly string[], { signal }: CallOptions): Promise<Buffer> {
  const all = [...CAREFUL, '-C', folder, ...args];
  const { stdout } = await run('git', all, { signal, encoding: 'buffer', maxBuffer: LONGEST_OUTPUT });
  return stdout;
}
