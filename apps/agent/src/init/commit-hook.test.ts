import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Edge } from '../edge.ts';
import { installHook } from './commit-hook.ts';
import type { Hooked } from './commit-hook.ts';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hikyaku-hook-'));
  path = join(folder, '.git/hooks/pre-commit');
  await promisify(execFile)('git', ['init', '--quiet', '--template=', folder]);
});
afterEach(() => rm(folder, { recursive: true }));

async function install(name: string): Promise<Hooked> {
  const edge: Edge = {
    env: { PATH: process.env['PATH'] },
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    signal: new AbortController().signal,
  };
  return await installHook(join(folder, name), edge);
}

async function lines(): Promise<readonly string[]> {
  return (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

test('a second config of the clone is checked beside the first, and each once', async () => {
  for (const name of ['home.yaml', 'cabin.yaml', 'cabin.yaml', 'home.yaml'])
    expect(await install(name)).toMatchObject({ isInstalled: true });
  expect((await lines()).toSorted()).toEqual([
    "hikyaku manifests --check --config 'cabin.yaml' || exit 1",
    "hikyaku manifests --check --config 'home.yaml' || exit 1",
  ]);
});

test('either of them stops the commit, and both in order let it pass', async () => {
  for (const name of ['home.yaml', 'cabin.yaml']) await install(name);
  const bin = join(folder, 'bin');
  const exitWith = async (stale: string) => {
    const program = `#!/bin/sh\n[ "$4" != ${stale} ]\n`;
    await promisify(execFile)('mkdir', ['-p', bin]);
    await writeFile(join(bin, 'hikyaku'), program, { mode: 0o755 });
    return await promisify(execFile)(path, [], { env: { PATH: `${bin}:${process.env['PATH']}` } }).then(
      () => 0,
      (error: { readonly code: number }) => error.code,
    );
  };
  expect([await exitWith('home.yaml'), await exitWith('cabin.yaml'), await exitWith('none')]).toEqual([1, 1, 0]);
});

test('a hook of somebody else that looks at another config stays, and does not pass for one that looks at this', async () => {
  await install('home.yaml');
  const theirs = "#!/bin/sh\nnpx hikyaku manifests --check --config 'home.yaml'\n";
  await writeFile(path, theirs);
  expect(await install('home.yaml')).toMatchObject({ isInstalled: true });
  expect(await install('cabin.yaml')).toEqual({
    isInstalled: false,
    text: `${path} is somebody else's and stays as it is; add this line to it: hikyaku manifests --check --config 'cabin.yaml' || exit 1`,
  });
  expect(await readFile(path, 'utf8')).toBe(theirs);
});

test('a line without a config looks at hikyaku.yaml at the top', async () => {
  await install('home.yaml');
  await writeFile(path, '#!/bin/sh\nhikyaku manifests --check\n');
  expect(await install('hikyaku.yaml')).toMatchObject({ isInstalled: true });
  expect(await install('home.yaml')).toMatchObject({ isInstalled: false });
});
