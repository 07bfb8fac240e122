import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureChromium } from '../../../tools/testbed/src/ensure-chromium.ts';

// How tests come to a browser on a machine that has none: what would be called there. Nothing is installed here.

let folder: string;
let chromium: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hikyaku-browser-'));
  chromium = join(folder, 'chromium');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function machine(env: Readonly<Record<string, string>>, mayInstall: boolean) {
  const calls: string[] = [];
  const run = async (program: string, args: readonly string[]) => {
    calls.push([program, ...args].join(' '));
    if (args.includes('install')) {
      await writeFile(chromium, '');
      await chmod(chromium, 0o755);
    }
  };
  return { calls, surroundings: { env, mayInstall: () => Promise.resolve(mayInstall), run } };
}

test('one that is named, or on the PATH, is taken; root of Debian installs one; anybody else is told what to do', async () => {
  const named = machine({ CHROMIUM: '/opt/chrome', PATH: folder }, true);
  expect(await ensureChromium(named.surroundings)).toBe('/opt/chrome');
  await expect(ensureChromium(machine({ PATH: folder }, false).surroundings)).rejects.toThrow(
    /install chromium .*CHROMIUM/,
  );
  const bare = machine({ PATH: `/nowhere:${folder}` }, true);
  expect(await ensureChromium(bare.surroundings)).toBe(chromium);
  expect(bare.calls).toEqual(['apt-get update', 'apt-get install --yes --no-install-recommends chromium']);
  const there = machine({ PATH: folder }, true);
  expect(await ensureChromium(there.surroundings)).toBe(chromium);
  expect([...named.calls, ...there.calls]).toEqual([]);
});
