import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const run = promisify(execFile);

/**
 * Builds the agent as it was at a revision, in a new directory, with the packages that are installed now. Resolves to the path of its
 * hikyaku.js; to `undefined` where this clone does not reach back that far.
 */
export async function buildOf(revision: string, directory: string): Promise<string | undefined> {
  const git = (...args: readonly string[]) => run('git', ['-C', root, ...args], { maxBuffer: 64 * 1024 * 1024 });
  try {
    await git('cat-file', '-e', `${revision}^{commit}`);
  } catch {
    return undefined;
  }
  await mkdir(directory);
  const archive = join(directory, 'source.tar');
  await git('archive', '--output', archive, revision);
  await run('tar', ['-xf', archive, '-C', directory]);
  await linkAll(join(root, 'node_modules'), join(directory, 'node_modules'), ['@hikyaku']);
  for (const folder of ['packages', 'apps']) {
    for (const name of await readdir(join(directory, folder)))
      await symlink(join(directory, folder, name), join(directory, 'node_modules/@hikyaku', name));
  }
  await linkAll(join(root, 'apps/agent/node_modules'), join(directory, 'apps/agent/node_modules'));
  const cwd = join(directory, 'apps/agent');
  await run(process.execPath, ['build.ts'], { cwd });
  return join(cwd, 'dist/hikyaku.js');
}

/** The agent as it is built now, but it says that it is another version. Resolves as {@link buildOf} does. */
export async function buildSaying(version: string, directory: string): Promise<string> {
  const dist = join(directory, 'dist');
  await cp(join(root, 'apps/agent/dist'), dist, { recursive: true });
  const manifest: unknown = JSON.parse(await readFile(join(root, 'apps/agent/package.json'), 'utf8'));
  const now = typeof manifest === 'object' && manifest !== null ? Reflect.get(manifest, 'version') : undefined;
  for (const name of await readdir(join(dist, 'parts'))) {
    const path = join(dist, 'parts', name);
    await writeFile(path, (await readFile(path, 'utf8')).replaceAll(`"${String(now)}"`, `"${version}"`));
  }
  return join(dist, 'hikyaku.js');
}

/** Each entry of a folder, in a new one, but for these, which become empty folders. */
async function linkAll(from: string, to: string, own: readonly string[] = []): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const name of own) await mkdir(join(to, name));
  for (const name of await readdir(from).catch(() => []))
    if (!own.includes(name)) await symlink(join(from, name), join(to, name));
}
