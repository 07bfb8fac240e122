import { dirname, relative, resolve } from 'node:path';
import { UnusableProviderError } from '@hikyaku/config';
import type { Config } from '@hikyaku/config';
import { folderOf } from '../file-access.ts';
import { readPlugInFile } from '../plugins/plug-in-file.ts';
import { digestOf, readPlugInFlags } from '../plugins/plug-in-flag.ts';
import { builtInTypes } from '../providers.ts';

/** A plug-in that a config names. Without a digest it cannot be granted: `problem` says why. */
export interface PlugInFile {
  readonly source: string;
  /** What stands behind `type:`. */
  readonly name: string;
  /** As a grant names it: relative to the folder of the config; absent where the name is the path. */
  readonly path?: string;
  readonly digest?: string;
  readonly problem?: string;
}

/** The bytes of a plug-in's file. Rejects with an UnusableProviderError. */
export type ReadPlugIn = (path: string) => Promise<Uint8Array>;

/** The plug-ins that a config names, with the digests that their files have now. Runs none of them. */
export async function plugInFiles(
  config: Config,
  path: string,
  flags: readonly string[] = [],
  read: ReadPlugIn = readPlugInFile,
): Promise<readonly PlugInFile[]> {
  const named = readPlugInFlags(flags);
  const files: PlugInFile[] = [];
  for (const { name: source, provider, position } of config.sources.values()) {
    const { type: name } = provider;
    if (builtInTypes.includes(name)) continue;
    const flag = named.get(name);
    if (flag !== undefined) {
      files.push({ source, name, path: relativePath(folderOf(path), flag.path), digest: flag.digest });
    } else if (/^\.{0,2}\//.test(name)) {
      files.push({ source, name, ...(await digestIn(resolve(dirname(position.file), name), read)) });
    } else files.push({ source, name, problem: packageText(name) });
  }
  return files;
}

async function digestIn(path: string, read: ReadPlugIn): Promise<Pick<PlugInFile, 'digest' | 'problem'>> {
  try {
    return { digest: digestOf(await read(path)) };
  } catch (error) {
    if (error instanceof UnusableProviderError) return { problem: error.message };
    throw error;
  }
}

function packageText(name: string): string {
  return `the npm package ${name} cannot be granted: in a cluster a plug-in is one file, known by its digest; make it one (docs/add-a-provider.md) and name that`;
}

function relativePath(from: string, to: string): string {
  const path = relative(from, to);
  return path.startsWith('..') ? to : path;
}
