import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { insidePackageJson, OUTSIDE_TSCONFIG, outsidePackageJson } from './package-json.ts';
import type { Versions } from './package-json.ts';
import { parseProviderName, renamed } from './provider-name.ts';
import type { ProviderName } from './provider-name.ts';

export interface CreateProviderOptions {
  /** As typed. */
  readonly name: string;
  /** Of the repository. */
  readonly root: string;
  /** The folder of a package outside the repository; without it the package is one of the repository. */
  readonly outside?: string;
}

export interface CreatedProvider {
  readonly name: ProviderName;
  /** Absolute. */
  readonly directory: string;
  /** Relative to it. */
  readonly files: readonly string[];
}

const template = fileURLToPath(new URL('./template/', import.meta.url));

/** Writes the package of a new provider into a folder that must not be there yet. Rejects with an Error for who typed it. */
export async function createProvider({ name: typed, root, outside }: CreateProviderOptions): Promise<CreatedProvider> {
  const name = parseProviderName(typed);
  const directory = outside ?? join(root, 'packages', `provider-${name.kebab}`);
  await expectFree(directory);
  const sources = await sourceFiles(name, outside === undefined ? 'vitest' : 'node:test');
  const others = outside === undefined ? await insideFiles(name, root) : await outsideFiles(name, root);
  const files = new Map([...sources, ...others]);
  for (const [path, content] of files) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content, { flag: 'wx' });
  }
  return { name, directory, files: [...files.keys()].toSorted() };
}

async function expectFree(directory: string): Promise<void> {
  const found = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  if (found.length > 0) throw new Error(`${directory} is there already, and not empty: nothing was written`);
}

async function sourceFiles(name: ProviderName, runner: 'vitest' | 'node:test'): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  for (const path of await readdir(template, { recursive: true })) {
    if (!path.endsWith('.ts')) continue;
    const text = renamed(await readFile(join(template, path), 'utf8'), name);
    files.set(join('src', renamed(path, name)), text.replace("from 'vitest'", `from '${runner}'`));
  }
  return files;
}

async function insideFiles(name: ProviderName, root: string): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ['README.md', await readme('inside', name)],
    ['package.json', json(insidePackageJson(name, await readVersions(root)))],
    ['tsconfig.json', '{ "extends": "../../tsconfig.base.json" }\n'],
  ]);
}

async function outsideFiles(name: ProviderName, root: string): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ['.gitignore', 'node_modules\ndist\n'],
    ['README.md', await readme('outside', name)],
    ['package.json', json(outsidePackageJson(name, await readVersions(root)))],
    ['tsconfig.json', json(OUTSIDE_TSCONFIG)],
  ]);
}

async function readme(kind: 'inside' | 'outside', name: ProviderName): Promise<string> {
  return renamed(await readFile(join(template, `README.${kind}.md`), 'utf8'), name);
}

async function readVersions(root: string): Promise<Versions> {
  const read = async (path: string) => Object(JSON.parse(await readFile(join(root, path), 'utf8')));
  const core = await read('packages/core/package.json');
  const agent = await read('apps/agent/package.json');
  return { own: String(core.version), zod: String(agent.dependencies.zod) };
}

function json(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
