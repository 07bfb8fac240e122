import { mkdir, mkdtemp, rename, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { providers } from './example-providers.test.kit.ts';
import { loadConfig } from './load-config.ts';
import { formatProblems } from './problem.ts';

const PROVIDERS = 'providers: { home: { type: doppler, project: p, config: c, token: { file: token } } }\n';
const SECRETS = 'secrets: [{ name: s, namespace: n, from: home }]\n';

async function directoryOf(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'hikyaku-config-'));
  for (const [name, content] of Object.entries(files)) await writeFile(join(directory, name), content);
  return directory;
}

async function outcome(path: string): Promise<string> {
  const result = await loadConfig(path, { providers });
  return result.ok
    ? `${result.config.sources.size} sources, ${result.config.secrets.length} secrets`
    : formatProblems(result.problems);
}

describe('a file', () => {
  test('is read, and the files it names are beside it', async () => {
    const directory = await directoryOf({ 'hikyaku.yaml': PROVIDERS + SECRETS });
    const result = await loadConfig(join(directory, 'hikyaku.yaml'), { providers });
    expect(result.ok && result.config.sources.get('home')?.credentials.get('token')).toEqual({
      file: join(directory, 'token'),
    });
  });

  test('that does not exist is a problem that says what writes one', async () => {
    const path = join(await directoryOf({}), 'none.yaml');
    expect(await outcome(path)).toBe(`${path}:1:1: there is no such file; \`hikyaku init\` writes one`);
  });

  test('that is not UTF-8 is a problem', async () => {
    const path = join(await directoryOf({ 'a.yaml': Uint8Array.of(0x61, 0xff, 0xfe) }), 'a.yaml');
    expect(await outcome(path)).toBe(`${path}:1:1: the file is not UTF-8 text; save it as UTF-8`);
  });

  test('larger than 1 MiB is a problem, found within a second', async () => {
    const path = join(await directoryOf({ 'a.yaml': `${PROVIDERS}${SECRETS}#${'x'.repeat(5_000_000)}` }), 'a.yaml');
    const start = performance.now();
    expect(await outcome(path)).toBe(`${path}:1:1: the file is larger than 1 MiB; split it into a directory of files`);
    expect(performance.now() - start).toBeLessThan(1000);
  });
});

describe('a directory', () => {
  test('is joined in the order of its names; grants, hidden and other files are left aside', async () => {
    const path = await directoryOf({
      'b.yml': SECRETS,
      'a.yaml': `${PROVIDERS}secrets: [{ name: first, namespace: n, from: home }]\n`,
      'grants.yaml': 'origins: []\n',
      '.hidden.yaml': 'nothing',
      'README.md': 'nothing',
    });
    const result = await loadConfig(path, { providers });
    expect(result.ok && result.config.secrets.map(({ name }) => name)).toEqual(['first', 's']);
  });

  test('without a config file is a problem', async () => {
    const path = await directoryOf({ 'grants.yaml': 'origins: []\n' });
    expect(await outcome(path)).toBe(`${path}:1:1: the directory has no \`*.yaml\` file; \`hikyaku init\` writes one`);
  });

  test('of which one file cannot be read says so, and finds nothing else missing for it', async () => {
    const path = await directoryOf({ 'a.yaml': Uint8Array.of(0xff), 'b.yaml': SECRETS });
    expect(await outcome(path)).toBe(`${join(path, 'a.yaml')}:1:1: the file is not UTF-8 text; save it as UTF-8`);
  });

  test('with one emptied file is a problem, not fewer secrets', async () => {
    const path = await directoryOf({ 'a.yaml': PROVIDERS + SECRETS, 'b.yaml': '# secrets: []\n' });
    expect(await outcome(path)).toContain(`${join(path, 'b.yaml')}:1:1: the file is empty`);
  });

  test('that Kubernetes swaps while it is read is never half old and half new', async () => {
    const path = await directoryOf({});
    let revision = 0;
    async function swap(): Promise<void> {
      revision += 1;
      const isInFirst = revision % 2 === 0;
      await mkdir(join(path, `..${revision}`));
      await writeFile(join(path, `..${revision}`, 'a.yaml'), PROVIDERS + (isInFirst ? SECRETS : 'secrets: []\n'));
      await writeFile(join(path, `..${revision}`, 'b.yaml'), isInFirst ? 'secrets: []\n' : SECRETS);
      await symlink(`..${revision}`, join(path, '..data_tmp'));
      await rename(join(path, '..data_tmp'), join(path, '..data'));
    }
    await swap();
    for (const name of ['a.yaml', 'b.yaml']) await symlink(join('..data', name), join(path, name));

    const reading = new AbortController();
    const swapping = (async () => {
      while (!reading.signal.aborted) await swap();
    })();
    const outcomes = new Set<string>();
    for (let round = 0; round < 100; round += 1) outcomes.add(await outcome(path));
    reading.abort();
    await swapping;
    outcomes.add(await outcome(path));
    expect([...outcomes].filter((text) => !text.includes('keeps changing'))).toEqual(['1 sources, 1 secrets']);
  });
});
