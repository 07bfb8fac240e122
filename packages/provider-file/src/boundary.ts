import { realpath, stat } from 'node:fs/promises';
import type { BigIntStats } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import { ProviderError } from '@hikyaku/core';
import type { FileAccess } from '@hikyaku/core';
import { isMissing, readError } from './file-error.ts';
import { printable } from './printable.ts';

/** Which files a source may touch, by real paths. Links move: make a new one for each look. */
export class Boundary {
  /** The real path of the root. */
  readonly root: string;
  readonly #refused: readonly string[];
  /** Files that are refused, also under another name (a hard link, a bind mount). */
  readonly #refusedFiles: ReadonlySet<string>;

  private constructor(root: string, refused: readonly string[], refusedFiles: ReadonlySet<string>) {
    this.root = root;
    this.#refused = refused;
    this.#refusedFiles = refusedFiles;
  }

  static async of({ root, refused }: Pick<FileAccess, 'root' | 'refused'>): Promise<Boundary> {
    const places = await Promise.all(refused.map(placesOf));
    const files = await Promise.all(refused.map(fileAt));
    try {
      return new Boundary(await realPath(root), [...new Set(places.flat())], new Set(files.flat()));
    } catch (error) {
      throw readError(error, printable(root));
    }
  }

  /** Throws `FORBIDDEN` unless the real path `real`, which `shown` has led to, may be touched. */
  check(real: string, shown: string): void {
    const place = printable(real);
    const what = shown === place ? shown : `${shown} leads to ${place}, which`;
    if (!isInside(real, this.root)) {
      throw new ProviderError(
        'FORBIDDEN',
        `${what} is outside of ${printable(this.root)}: sources of files stay below that folder. Who starts the agent can name another one with --file-root`,
      );
    }
    if (this.#refused.some((refused) => isInside(real, refused))) throw ownFile(what);
  }

  /** Throws `FORBIDDEN` where an open file is a refused one, whatever its path. */
  checkFile(stats: BigIntStats, shown: string): void {
    if (this.#refusedFiles.has(identityOf(stats))) throw ownFile(shown);
  }

  contains(real: string): boolean {
    return isInside(real, this.root);
  }
}

/** The real path; of what does not exist, the real path of as much of it as does. */
export async function realPath(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    const parent = dirname(path);
    if (!isMissing(error) || parent === path) throw error;
    return join(await realPath(parent), basename(path));
  }
}

/** What cannot be followed to its end is closed to us on this way, and refused by its name. */
async function placesOf(path: string): Promise<readonly string[]> {
  try {
    return [path, await realPath(path)];
  } catch {
    return [path];
  }
}

async function fileAt(path: string): Promise<readonly string[]> {
  try {
    const stats = await stat(path, { bigint: true });
    return stats.isFile() ? [identityOf(stats)] : [];
  } catch {
    return [];
  }
}

function isInside(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith(sep) ? directory : directory + sep);
}

function identityOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

function ownFile(what: string): ProviderError {
  return new ProviderError(
    'FORBIDDEN',
    `${what} belongs to the agent itself or to the system (a token, an identity, a credential of the config): no source may read it`,
  );
}
