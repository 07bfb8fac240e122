import { dirname, sep } from 'node:path';
import { isInside } from '../file-access.ts';
import type { FileNeed, Needs } from './needs.ts';

/** Where a file of a config may be: secrets in the one root, everything else also beside the config. */
export function readableFolders(as: FileNeed['as'], folder: string, root: string | undefined): readonly string[] {
  if (root === undefined) return [folder];
  return as === 'source' ? [root] : [folder, root];
}

export function mayRead({ what, as }: FileNeed, folder: string, root: string | undefined): boolean {
  return readableFolders(as, folder, root).some((directory) => isInside(what, directory));
}

/**
 * The narrowest directory that `files` has to name, for these needs besides what it names now; `undefined` where the folder of
 * the config is enough, and where only the whole file system would be.
 */
export function filesRoot({ files, folder }: Pick<Needs, 'files' | 'folder'>, now?: string): string | undefined {
  const outside = files.filter(({ what }) => !isInside(what, folder)).map(({ what }) => what);
  if (outside.length === 0 && now === undefined) return undefined;
  // The root is the only place of sources of files, so those beside the config have to be below it too.
  const sources = files.filter(({ as }) => as === 'source').map(({ what }) => what);
  const root = [...(now === undefined ? [] : [now]), ...outside, ...sources].reduce(commonDirectory);
  return root === sep ? undefined : root;
}

function commonDirectory(a: string, b: string): string {
  return isInside(b, a) ? a : commonDirectory(dirname(a), b);
}
