import { readFile, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UnusableProviderError } from '@hikyaku/config';

const EXTENSIONS: readonly string[] = ['.ts', '.mts', '.js', '.mjs'];
const LARGEST_BYTES = 4 * 1024 * 1024;

/**
 * The bytes of a plug-in's file. Only of a file that looks like a module: who writes a config must not learn the digest of any
 * other. Rejects with an UnusableProviderError.
 */
export async function readPlugInFile(path: string): Promise<Uint8Array> {
  if (!EXTENSIONS.includes(extname(path))) {
    throw new UnusableProviderError(`${path} is no plug-in: its name must end in one of ${EXTENSIONS.join(', ')}`);
  }
  try {
    const found = await stat(path);
    if (!found.isFile()) throw new UnusableProviderError(`${path} is not a file`);
    if (found.size > LARGEST_BYTES) throw new UnusableProviderError(`${path} is larger than 4 MiB`);
    return await readFile(path);
  } catch (error) {
    if (error instanceof UnusableProviderError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new UnusableProviderError(
      code === 'ENOENT' ? `there is no file ${path}` : `${path} cannot be read (${code})`,
    );
  }
}

export type PlugInFormat = 'module' | 'module-typescript';

/** As what Node reads it, whatever a package.json above says. */
export function formatOf(path: string): PlugInFormat {
  return extname(path).endsWith('ts') ? 'module-typescript' : 'module';
}

/** Of a file's own path: links are not followed, so that its imports are found beside the link too. */
export function urlOf(path: string): string {
  return pathToFileURL(path).href;
}
