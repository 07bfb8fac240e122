import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readGrantsFile } from '@hikyaku/config';
import { folderOf } from '../file-access.ts';
import { UserError } from '../user-error.ts';
import type { HeldGrants } from './held-grants.ts';

/** The `grants.yaml` beside the config file, or in the directory of them; `undefined` where there is none. */
export async function grantsBeside(config: string): Promise<HeldGrants | undefined> {
  const path = join(folderOf(config), 'grants.yaml');
  try {
    return { ...readGrantsFile({ path, text: await readFile(path, 'utf8') }), where: path };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') return undefined;
    if (typeof code === 'string') throw new UserError(`${path} cannot be read (${code})`);
    throw error;
  }
}
