import { resolve } from 'node:path';
import type { CallOptions } from '@hikyaku/core';
import { EXIT } from '../exit-code.ts';
import { folderOf } from '../file-access.ts';
import { git } from '../git.ts';
import { UserError } from '../user-error.ts';

/** Throws a UserError where the config is in a git repository and is not as it was committed: then no cluster can have it. */
export async function requireCommitted(config: string, { signal }: CallOptions): Promise<void> {
  const args = ['status', '--porcelain', '--', resolve(config)];
  const changed = await git(folderOf(config), args, { signal }).then(
    (output) => output.toString().trim() !== '',
    () => false, // no git, or no repository
  );
  signal.throwIfAborted();
  if (changed)
    throw new UserError(
      `${config} is not committed as it is, so no cluster can have it yet: commit, push, and try again when the cluster has it`,
      EXIT.failed,
    );
}
