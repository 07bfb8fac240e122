import { PassThrough } from 'node:stream';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCommandLine } from '../cli.ts';
import type { Edge } from '../edge.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hikyaku-rights-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** What it writes to a terminal of so many columns, or to a pipe. */
async function say(args: readonly string[], columns?: number): Promise<string> {
  const stdout = Object.assign(new PassThrough(), columns === undefined ? {} : { isTTY: true, columns });
  const edge: Edge = {
    env: { TERM: 'xterm' },
    stdin: new PassThrough(),
    stdout,
    stderr: new PassThrough(),
    signal: new AbortController().signal,
  };
  expect(await runCommandLine(['rights', ...args], edge)).toBe(0);
  return String(stdout.read());
}

test('lines fit the terminal, which alone has colours', async () => {
  const nothing = ['--config', join(folder, 'none.yaml')];
  const narrow = await say(nothing, 60);
  const lines = stripVTControlCharacters(narrow).split('\n');
  expect(lines.filter((line) => line.length > 60)).toEqual([]);
  expect(narrow).not.toBe(stripVTControlCharacters(narrow));
  const piped = await say(nothing);
  expect(piped).toBe(stripVTControlCharacters(piped));
  expect(lines.join(' ').replaceAll(/\s+/g, ' ')).toBe(piped.replaceAll(/\s+/g, ' '));
});

test('without grants the least that the config needs is explained; without a config the rights alone', async () => {
  const config = join(folder, 'hikyaku.yaml');
  await writeFile(
    config,
    'providers: { homelab: { type: doppler, project: homelab, config: prd } }\nsecrets: [{ name: app-env, namespace: web, from: homelab }]\n',
  );
  const document = JSON.parse(await say(['--json', '--config', config]));
  expect(document).toMatchObject({ agent: 'hikyaku', rights: 'named' });
  expect(document.grants).toContain('the least that');
  // They would be approved for what is installed.
  expect(document.grants).toContain('hikyaku manifests grants more, unless it is told --rights named');
  expect(document.statements).toContainEqual({
    id: 'grant-names',
    section: 'granted',
    text: 'exactly these Secrets',
    rules: [],
    entries: ['web/app-env'],
  });
  const alone = JSON.parse(await say(['--json', '--config', join(folder, 'none.yaml')]));
  expect(alone).toMatchObject({ rights: 'own', grants: null });
  expect(JSON.stringify(alone)).not.toContain('"granted"');
});

test('a grants.yaml with a mistake is said, and not explained', async () => {
  const other = await mkdtemp(join(folder, 'broken-'));
  await writeFile(join(other, 'grants.yaml'), 'version: 1\nnmaes: [web/app-env]\n');
  await expect(say(['--config', join(other, 'hikyaku.yaml')])).rejects.toThrow(/nmaes/);
});

test('another namespace of the agent is in every word', async () => {
  const document = await say(['--json', '--namespace', 'courier', '--config', join(folder, 'none.yaml')]);
  expect(document).toContain('hikyaku.dev/agent=courier');
  expect(document).not.toContain('agent=hikyaku');
});
