import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createProvider } from './create-provider.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const run = promisify(execFile);
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hikyaku-new-provider-'));
});
afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** Node of the tests, on the sources. */
async function node(cwd: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, ['--conditions=@hikyaku/source', ...args], {
    cwd,
    env: { PATH: process.env['PATH'], NX_DAEMON: 'false', NX_WORKSPACE_DATA_DIRECTORY: join(directory, 'nx') },
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}

const tsc = join(root, 'node_modules/typescript/bin/tsc');

describe('a package for outside the repository', () => {
  test('compiles, and passes the conformance suite with the runner of Node', async () => {
    const outside = join(directory, 'outside');
    const { files } = await createProvider({ name: 'nas-box', root, outside });
    expect(files).toContain('src/nas-box-client.ts');
    await symlink(join(root, 'node_modules'), join(outside, 'node_modules'));
    await node(outside, tsc, '--noEmit', '--customConditions', '@hikyaku/source');
    const results = await node(outside, '--test', '--test-reporter=tap', 'src/conformance.test.ts');
    expect(results).toMatch(/^# pass [1-9]\d+$/m);
    expect(results).toMatch(/^# fail 0$/m);
  }, 60_000);

  test('depends on the core of the agent, and on nothing of this repository by path', async () => {
    const { directory: made } = await createProvider({ name: 'nas', root, outside: join(directory, 'peer') });
    const packageJson: unknown = JSON.parse(await readFile(join(made, 'package.json'), 'utf8'));
    expect(packageJson).toMatchObject({
      name: 'hikyaku-provider-nas',
      peerDependencies: { '@hikyaku/core': expect.stringMatching(/^\^\d/) },
    });
    for (const path of await readdir(made, { recursive: true })) {
      if (!/\.(ts|json|md)$/.test(path)) continue;
      const text = await readFile(join(made, path), 'utf8');
      expect({ path, odd: /\.\.\/\.\.|acme/i.exec(text)?.[0] }).toEqual({ path, odd: undefined });
    }
  });

  test('is not written where something is', async () => {
    const taken = join(directory, 'taken');
    await mkdir(taken);
    await writeFile(join(taken, 'mine'), '');
    await expect(createProvider({ name: 'nas', root, outside: taken })).rejects.toThrow(
      'is there already, and not empty',
    );
    await expect(createProvider({ name: 'doppler', root })).rejects.toThrow('is there already, and not empty');
    expect(await readdir(taken)).toEqual(['mine']);
  });
});

describe('a package of the repository', () => {
  let copy: string;

  /** A copy of what a provider could touch; what is installed is linked. */
  beforeAll(async () => {
    copy = join(directory, 'repository');
    const isSource = (path: string) => !/\/(node_modules|dist|e2e)$/.test(path);
    for (const name of ['packages', 'apps'])
      await cp(join(root, name), join(copy, name), { recursive: true, filter: isSource });
    for (const name of ['package.json', 'package-lock.json', 'nx.json', 'tsconfig.base.json'])
      await cp(join(root, name), join(copy, name));
    const installed = (await readdir(join(root, 'node_modules'))).filter((name) => name !== '@hikyaku');
    await mkdir(join(copy, 'node_modules/@hikyaku'), { recursive: true });
    for (const name of installed) await symlink(join(root, 'node_modules', name), join(copy, 'node_modules', name));
    for (const name of await readdir(join(copy, 'packages'))) await link(name);
  }, 60_000);

  /** As `npm install` does it. */
  async function link(name: string): Promise<void> {
    await symlink(join(copy, 'packages', name), join(copy, 'node_modules/@hikyaku', name));
  }

  test('ships with the agent by its own folder and one line of a table, and touches nothing else', async () => {
    const before = await filesOf(copy);
    const { directory: made, files } = await createProvider({ name: 'nas-box', root: copy });
    expect(made).toBe(join(copy, 'packages/provider-nas-box'));
    const after = await filesOf(copy);
    const touched = [...after].filter(([path, text]) => before.get(path) !== text).map(([path]) => path);
    expect(touched.toSorted()).toEqual(files.map((file) => `packages/provider-nas-box/${file}`).toSorted());

    await link('provider-nas-box');
    const table = join(copy, 'apps/agent/src/providers.ts');
    const line = "  'nas-box': () => import('@hikyaku/provider-nas-box'),\n};";
    await writeFile(table, (await readFile(table, 'utf8')).replace('\n};', `\n${line}`));

    await node(made, tsc, '--noEmit');
    const main = join(copy, 'apps/agent/src/main.ts');
    await writeFile(
      join(directory, 'nas.yaml'),
      'providers: { a: { type: nas-box, url: "https://nas.lan" } }\nsecrets: [{ name: s, namespace: n, from: a }]\n',
    );
    expect(await node(directory, main, 'validate', '--config', 'nas.yaml')).toContain('1 source, 1 Secret');
    expect(await node(directory, main, 'schema')).toContain('"nas-box"');
    // The agent is built after it, and again when it changes.
    const graph = join(directory, 'graph.json');
    await node(copy, join(root, 'node_modules/nx/dist/bin/nx.js'), 'graph', `--file=${graph}`);
    const { dependencies } = Object(JSON.parse(await readFile(graph, 'utf8'))).graph;
    expect(dependencies['@hikyaku/agent']).toContainEqual(
      expect.objectContaining({ target: '@hikyaku/provider-nas-box' }),
    );
  }, 60_000);
});

/** The text of each file but what is installed. */
async function filesOf(folder: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && !entry.parentPath.includes('/node_modules'));
  return new Map(
    await Promise.all(
      files.map(async ({ parentPath, name }): Promise<[string, string]> => {
        const path = join(parentPath, name);
        return [path.slice(folder.length + 1), await readFile(path, 'utf8')];
      }),
    ),
  );
}
