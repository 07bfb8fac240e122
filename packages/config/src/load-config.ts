import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { joinFiles } from './parse-config.ts';
import type { LoadResult, ParseOptions } from './parse-config.ts';
import type { Problem } from './problem.ts';
import { LARGEST_BYTES, tooLarge } from './read-yaml.ts';
import type { ConfigFile } from './read-yaml.ts';

const GRANTS = 'grants.yaml';
const ATTEMPTS = 10;

/**
 * Loads a config file, or the `*.yaml` and `*.yml` of a directory (`grants.yaml` and hidden files aside) sorted by name. What
 * cannot be read is a problem, never a rejection.
 */
export async function loadConfig(path: string, options: ParseOptions): Promise<LoadResult> {
  return await parseConfigFiles(await readConfigFiles(path), options);
}

/** What {@link loadConfig} makes of files that were read before. */
export async function parseConfigFiles({ files, problems }: ConfigFiles, options: ParseOptions): Promise<LoadResult> {
  return await joinFiles(files, options, problems);
}

/** Where the `..data` link of a mounted ConfigMap points to. */
async function revisionOf(path: string): Promise<string | undefined> {
  try {
    return await realpath(join(path, '..data'));
  } catch {
    return undefined; // an ordinary file or directory
  }
}

/** What stands in the files of a configuration, and which of them cannot be read. */
export interface ConfigFiles {
  readonly files: readonly ConfigFile[];
  readonly problems: readonly Problem[];
}

/** The files that {@link loadConfig} reads, all of one moment. */
export async function readConfigFiles(path: string): Promise<ConfigFiles> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const before = await revisionOf(path);
    const read = await readOnce(path);
    // Kubernetes swaps the files of a mounted ConfigMap all at once. Half of the old ones and half of the new ones could lack
    // an entry that moved from one to the other, and its Secret would be deleted.
    if (before === (await revisionOf(path))) return read;
  }
  return { files: [], problems: [fileProblem(path, 'the directory keeps changing while it is read', 'try again')] };
}

async function readOnce(path: string): Promise<ConfigFiles> {
  let paths: readonly string[];
  try {
    const isDirectory = (await stat(path)).isDirectory();
    paths = isDirectory
      ? (await readdir(path))
          .filter(isConfigName)
          .toSorted()
          .map((name) => join(path, name))
      : [path];
  } catch (error) {
    return { files: [], problems: [unreadable(path, error)] };
  }
  if (paths.length === 0) {
    return {
      files: [],
      problems: [fileProblem(path, 'the directory has no `*.yaml` file', '`hikyaku init` writes one')],
    };
  }

  const files: ConfigFile[] = [];
  const problems: Problem[] = [];
  for (const file of paths) {
    const read = await readText(file);
    if ('problem' in read) problems.push(read.problem);
    else files.push({ path: file, text: read.text });
  }
  return { files, problems };
}

/** Whether a file of that name in a directory of config files is one of them. */
export function isConfigName(name: string): boolean {
  return /\.ya?ml$/.test(name) && !name.startsWith('.') && name !== GRANTS;
}

async function readText(path: string): Promise<{ readonly text: string } | { readonly problem: Problem }> {
  let bytes: Uint8Array;
  try {
    if ((await stat(path)).size > LARGEST_BYTES) return { problem: tooLarge(path) };
    bytes = await readFile(path);
  } catch (error) {
    return { problem: unreadable(path, error) };
  }
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    return { problem: fileProblem(path, 'the file is not UTF-8 text', 'save it as UTF-8') };
  }
}

function unreadable(path: string, error: unknown): Problem {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  if (code === 'ENOENT') return fileProblem(path, 'there is no such file', '`hikyaku init` writes one');
  return fileProblem(
    path,
    `the file cannot be read (${code})`,
    'check its permissions; `hikyaku init` writes a new one',
  );
}

function fileProblem(file: string, message: string, suggestion: string): Problem {
  return { file, line: 1, column: 1, path: '', message, suggestion };
}
