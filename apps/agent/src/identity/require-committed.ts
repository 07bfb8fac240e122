import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import type { CallOptions } from '@hikyaku/core';
import { EXIT } from '../exit-code.ts';
import { folderOf } from '../file-access.ts';
import { UserError } from '../user-error.ts';

const run = promisify(execFile);

/** Throws a UserError where the config is in a git repository and is not as it was committed: then no cluster can have it. */
export async function requireCommitted(config: string, { signal }: CallOptions): Promise<void> {
  const args = ['-C', folderOf(config), 'status', '--porcelain', '--', resolve(config)];
  const changed = await run('git', args, { signal }).then(
    ({ stdout }) => stdout.trim() !== '',
    () => false, // no git, or no repository
  );
  signal.throwIfAborted();
  if (changed)
    throw new UserError(
      `${config} is not committed as it is, so no cluster can have it yet: commit, push, and try again when the cluster has it`,
      EXIT.failed,
    );
}
