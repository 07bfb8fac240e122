import { chmod, mkdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EXIT } from '../exit-code.ts';
import { UserError } from '../user-error.ts';

export interface NewFile {
  readonly path: string;
  readonly text: string;
  /** Who may read it; as usual by default. */
  readonly mode?: number;
}

/** Writes all of them or none. Throws a UserError. */
export async function writeNewFiles(files: readonly NewFile[], { force }: { readonly force: boolean }): Promise<void> {
  const undo: (() => Promise<unknown>)[] = [];
  for (const file of files) {
    try {
      await write(file, force, undo);
    } catch (error) {
      for (const step of undo.toReversed()) await step().catch(() => {});
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
      throw new UserError(`${file.path} cannot be written (${code}): nothing was written`, EXIT.failed);
    }
  }
}

async function write({ path, text, mode }: NewFile, force: boolean, undo: (() => Promise<unknown>)[]): Promise<void> {
  const first = await mkdir(dirname(path), { recursive: true, ...(mode !== undefined && { mode: 0o700 }) });
  if (first !== undefined) undo.push(() => removeFolders(dirname(path), first));
  // A private key never takes the place of anything.
  const isNew = !force || mode !== undefined;
  const before = isNew ? undefined : await readFile(path).catch(() => undefined);
  if (before === undefined) undo.push(() => rm(path));
  else undo.push(() => writeFile(path, before));
  try {
    await writeFile(path, text, { ...(mode !== undefined && { mode }), flag: isNew ? 'wx' : 'w' });
    if (mode !== undefined) await chmod(path, mode);
  } catch (error) {
    // Somebody else's.
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') undo.pop();
    throw error;
  }
}

async function removeFolders(last: string, first: string): Promise<void> {
  for (let folder = last; folder.length >= first.length; folder = dirname(folder)) await rmdir(folder);
}
