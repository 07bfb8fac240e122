import { dirname, sep } from 'node:path';
import { isInside } from '../file-access.ts';
import type { FileNeed, Needs } from './needs.ts';

/** Where the files of a config may be: beside it, and in the granted directory. */
export function readableFolders(folder: string, root: string | undefined): readonly string[] {
  return root === undefined ? [folder] : [folder, root];
}

export function mayRead({ what }: FileNeed, folder: string, root: string | undefined): boolean {
  return readableFolders(folder, root).some((directory) => isInside(what, directory));
}

/**
 * The narrowest directory, or file, that `files` has to name, for these needs besides what it names now; `undefined` where the
 * folder of the config is enough, and where only the whole file system would be.
 */
export function filesRoot({ files, folder }: Pick<Needs, 'files' | 'folder'>, now?: string): string | undefined {
  const outside = files.filter(({ what }) => !isInside(what, folder)).map(({ what }) => what);
  const all = [...(now === undefined ? [] : [now]), ...outside];
  if (all.length === 0) return undefined;
  const root = all.reduce(commonDirectory);
  return root === sep ? undefined : root;
}

function commonDirectory(a: string, b: string): string {
  return isInside(b, a) ? a : commonDirectory(dirname(a), b);
}
