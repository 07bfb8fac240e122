import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type FakeDoppler, startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import { ConfigFiles, type Running, startHikyaku } from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { hasTerminals, hikyakuInTerminal } from '../../../tools/testbed/src/terminal.ts';

// Where a value could be left by set and edit: the process list, the environment of a process, a file. Looked for on the whole
// machine, while a secret is being changed and after it, also where that ends badly.

const WRITES = '/v3/configs/config/secrets';

const configs = new ConfigFiles();
const running = new Set<Running>();
let doppler: FakeDoppler;
let directory: string;
let configPath: string;
let project: string;
let env: Readonly<Record<string, string>>;
let before: string;
let after: string;
let count = 0;

beforeAll(async () => {
  doppler = await startFakeDoppler({ limits: { secretReads: 1_000_000 } });
  configPath = await configs.write({ providers: { traced: { type: 'doppler', url: doppler.url } }, secrets: [] });
});

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'e2e-traces-'));
  await writeFile(join(directory, 'started'), '');
  [before, after] = [randomBytes(16).toString('hex'), randomBytes(16).toString('hex')];
  project = `traces-${++count}`;
  doppler.addConfig(project, 'prd', { DB_PASSWORD: before });
  // Only where a person edits may the new value be in a file: what the editor puts in the place of the old.
  await writeFile(join(directory, 'edited.yaml'), `DB_PASSWORD: ${after}\n`);
  const editor = join(directory, 'editor.sh');
  await writeFile(
    editor,
    `#!/bin/sh
cp "$1" "$1~"; cp ${directory}/edited.yaml "$1"; echo $$ > ${directory}/pid; mv ${directory}/pid ${directory}/open
while [ ! -e ${directory}/done ]; do sleep 0.05; done
`,
  );
  await chmod(editor, 0o700);
  env = { DOPPLER_TOKEN: doppler.serviceToken(project, 'prd', { access: 'read/write' }), EDITOR: editor };
});

afterEach(async () => {
  for (const one of running) one.process.kill('SIGKILL');
  running.clear();
  doppler.clearFaults();
  doppler.resetCounters();
  await rm(directory, { recursive: true });
});

afterAll(async () => {
  await doppler?.close();
  await configs[Symbol.asyncDispose]();
});

/** Commands whose command line or environment has one of the two values. */
async function processesWithValue(): Promise<readonly string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const [command, environment] = await Promise.all(
      ['cmdline', 'environ'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')),
    );
    if (hasValue(`${command}${environment}`)) found.push((command ?? '').split('\0').slice(0, 2).join(' '));
  }
  return found;
}

/** Files written since the test began, where programs put what they need for a while, and at home. */
async function filesWithValue(): Promise<readonly string[]> {
  const [marker, patterns] = [join(directory, 'started'), join(directory, 'patterns')];
  await writeFile(patterns, `${before}\n${after}\n`);
  const search = `find "$@" -path ${directory} -prune -o -type f -newer ${marker} -exec grep -lsF -f ${patterns} {} + ; true`;
  const places = [
    ...new Set(['/dev/shm', '/run', '/var/tmp', tmpdir(), process.env['HOME'] ?? tmpdir(), process.cwd()]),
  ];
  const { stdout } = await promisify(execFile)('sh', ['-c', search, 'sh', ...places]);
  return stdout.split('\n').filter((path) => path !== '');
}

function hasValue(text: string): boolean {
  return text.includes(before) || text.includes(after);
}

async function openEditor(flags: readonly string[] = []): Promise<Running> {
  const agent = startHikyaku(['edit', 'traced', '--config', configPath, ...flags], { env });
  running.add(agent);
  await vi.waitFor(async () => expect(await readdir(directory)).toContain('open'), { timeout: 20_000 });
  return agent;
}

async function held(): Promise<string | undefined> {
  const answer = await fetch(`${doppler.url}${WRITES}/download?format=json`, {
    headers: { authorization: `Bearer ${env['DOPPLER_TOKEN'] ?? ''}` },
  });
  return ((await answer.json()) as Readonly<Record<string, string>>)['DB_PASSWORD'];
}

test('the search finds what is in a command line, in an environment and in a file', async () => {
  const inArgument = spawn('sh', ['-c', 'sleep 20', before]);
  const inEnvironment = spawn('sleep', ['20'], { env: { ...process.env, SECRET: after } });
  const file = join('/dev/shm', `e2e-traces-${process.pid}`);
  await writeFile(file, before);
  try {
    await expect.poll(processesWithValue).toEqual(expect.arrayContaining([expect.any(String), 'sleep 20']));
    expect((await processesWithValue()).length).toBeGreaterThan(1);
    expect(await filesWithValue()).toEqual([file]);
  } finally {
    inArgument.kill();
    inEnvironment.kill();
    await rm(file);
  }
});

describe('edit', () => {
  test('while the editor is open only its file has a value, and no process; after it, nothing', async () => {
    const agent = await openEditor(['--yes']);
    expect(await processesWithValue()).toEqual([]);
    const files = await filesWithValue();
    expect(files).toHaveLength(2);
    for (const file of files) expect(file).toMatch(/^\/dev\/shm\/hikyaku-\w+\/traced\.yaml~?$/);
    await writeFile(join(directory, 'done'), '');
    const { exitCode, stdout, stderr } = await agent.finished;
    expect([exitCode, hasValue(stdout + stderr)]).toEqual([0, false]);
    expect(await held()).toBe(after);
    expect(await filesWithValue()).toEqual([]);
  });

  test('an editor that is killed leaves no file, and nothing is written', async () => {
    const agent = await openEditor(['--yes']);
    process.kill(Number(await readFile(join(directory, 'open'), 'utf8')), 'SIGKILL');
    const { exitCode, stdout, stderr } = await agent.finished;
    expect([exitCode, hasValue(stdout + stderr)]).toEqual([1, false]);
    expect(await filesWithValue()).toEqual([]);
    expect(await held()).toBe(before);
  });

  test.each(['SIGTERM', 'SIGHUP'] as const)('ended by %s it leaves no file, and nothing is written', async (signal) => {
    const agent = await openEditor(['--yes']);
    const { exitCode, stdout, stderr } = await agent.stop(signal);
    expect([exitCode, hasValue(stdout + stderr)]).toEqual([130, false]);
    expect(await filesWithValue()).toEqual([]);
    expect(await held()).toBe(before);
  });
});

describe.runIf(hasTerminals)('set, in a terminal', () => {
  const args = () => ['set', 'traced', 'DB_PASSWORD', '--config', configPath];

  test('what is typed is in no process and no file, before it is written and after', async () => {
    async function look(): Promise<void> {
      expect(await processesWithValue()).toEqual([]);
      expect(await filesWithValue()).toEqual([]);
    }
    const { exitCode, screen } = await hikyakuInTerminal(args(), {
      env,
      types: [
        { after: 'not shown', keys: `${after}\r` },
        { after: 'Write this to traced?', keys: 'y', look },
      ],
    });
    expect([exitCode, hasValue(screen)]).toEqual([0, false]);
    expect(await held()).toBe(after);
    await look();
  });

  test('Ctrl-C in the middle of the write: it is said that nobody knows what came of it', async () => {
    doppler.fail({ kind: 'hang', path: WRITES });
    const { exitCode, screen } = await hikyakuInTerminal(args(), {
      env,
      types: [
        { after: 'not shown', keys: `${after}\r` },
        { after: 'Write this to traced?', keys: 'y' },
        { after: () => doppler.requests.some(({ method }) => method === 'POST'), keys: '\u0003' },
      ],
    });
    expect([exitCode, hasValue(screen)]).toEqual([130, false]);
    expect(screen).toContain('it is not known whether this was written: DB_PASSWORD; hikyaku list traced --reveal');
    expect(screen).not.toContain('✓');
    expect(await filesWithValue()).toEqual([]);
  });
});
