import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify, stripVTControlCharacters } from 'node:util';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import {
  createNamespace,
  createSecret,
  eventually,
  field,
  hikyaku,
  installRights,
  patchSecret,
  readSecret,
  resetInventory,
  startCluster,
  startHikyaku,
} from '@hikyaku/testbed';
import type { Cluster } from '@hikyaku/testbed';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import packageJson from '../package.json' with { type: 'json' };
import { acceptsSchema } from '../../../tools/testbed/src/accepts-schema.ts';
import { hasTerminals, hikyakuInTerminal } from '../../../tools/testbed/src/terminal.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const agentDirectory = join(root, 'apps/agent');
const work = await mkdtemp(join(tmpdir(), 'hikyaku-command-line-'));
afterAll(() => rm(work, { recursive: true, force: true }));

const commands = ['run', 'sync', 'plan', 'validate', 'schema', 'init'];
const escape = '\u001B[';

let directories = 0;

async function newDirectory(): Promise<string> {
  const path = join(work, String(++directories));
  await mkdir(path);
  return path;
}

describe('help and version', () => {
  test('--help shows every command, examples and the exit codes', async () => {
    const { exitCode, stdout, stderr } = await hikyaku(['--help']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    for (const command of commands) expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'));
    expect(stdout).toMatch(/^Examples:\n(?:  hikyaku .*\n){3,}/m);
    expect(stdout).toMatch(/^Exit codes: 0 .* 1 .* 2 .* 3 .* 130 /m);
  });

  test.each(commands)('%s --help says what it does, by example', async (command) => {
    const { exitCode, stdout, stderr } = await hikyaku([command, '--help']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^Usage: hikyaku ${command} \\[options\\]\n\n\\S.*\n`));
    expect(stdout).toMatch(new RegExp(`^Examples?:\n  hikyaku ${command}`, 'm'));
    expect(stdout).not.toContain(escape);
  });

  test('options of every command may stand before it, and after it', async () => {
    const example = join(root, 'examples/minimal.yaml');
    const before = await hikyaku(['--config', example, '--json', 'validate']);
    const after = await hikyaku(['validate', '--json', '--config', example]);
    expect(before).toMatchObject({ exitCode: 0, stderr: '' });
    expect(JSON.parse(before.stdout)).toEqual({ ok: true, problems: [] });
    expect(after.stdout).toBe(before.stdout);
  });

  test.each(['--version', '-v'])('%s prints the version and nothing else', async (flag) => {
    const { exitCode, stdout, stderr } = await hikyaku([flag]);
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: `${packageJson.version}\n`, stderr: '' });
  });
});

describe('schema', () => {
  test('prints a JSON Schema that accepts the examples and refuses mistakes', async () => {
    const { exitCode, stdout, stderr } = await hikyaku(['schema']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const schema: unknown = JSON.parse(stdout);
    expect(field(schema, '$schema')).toBe('https://json-schema.org/draft/2020-12/schema');
    const accepts = (text: string) => acceptsSchema(schema, parse(text));
    for (const file of [
      'minimal.yaml',
      'homelab.yaml',
      'many-namespaces.yaml',
      'docker-pull-secret.yaml',
      'split/web.yaml',
    ]) {
      expect({ file, ok: accepts(await readFile(join(root, 'examples', file), 'utf8')) }).toEqual({ file, ok: true });
    }
    expect(accepts('providers: { a: { type: doppler, token: dp.st.prd.x } }')).toBe(false);
    expect(accepts('secrets: [{ name: a, namespace: b, form: c }]')).toBe(false);
    expect(accepts('secrets: [{ name: a, namespace: b, from: c, data: {} }]')).toBe(false);
    expect(accepts('secrets: [{ name: a, namespace: b, namespaces: [c], from: d }]')).toBe(false);
  });

  test('a reader that has seen enough is no failure', async () => {
    const command = `'${process.execPath}' '${join(agentDirectory, 'dist/hikyaku.js')}' schema | head -n 1; echo "\${PIPESTATUS[*]}"`;
    const { stdout, stderr } = await promisify(execFile)('bash', ['-c', command]);
    expect({ stdout, stderr }).toEqual({ stdout: '{\n0 0\n', stderr: '' });
  });
});

describe('init', () => {
  const flags = [
    '--project',
    'homelab',
    '--doppler-config',
    'prd_home',
    '--secret',
    'web/app-env',
    '--token-env',
    'MY_TOKEN',
  ];

  test('by flags it writes a config that validates, and the schema beside it', async () => {
    const cwd = await newDirectory();
    const { exitCode, stdout, stderr } = await hikyaku(['init', ...flags], { cwd });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    for (const line of ['read -rs MY_TOKEN && export MY_TOKEN ', 'hikyaku plan ', 'hikyaku sync '])
      expect(stdout).toContain(line);

    const text = await readFile(join(cwd, 'hikyaku.yaml'), 'utf8');
    expect(parse(text)).toEqual({
      providers: {
        homelab: { type: 'doppler', project: 'homelab', config: 'prd_home', token: { env: 'MY_TOKEN' }, refresh: '1m' },
      },
      secrets: [{ name: 'app-env', namespace: 'web', from: 'homelab' }],
    });
    expect((await hikyaku(['validate'], { cwd })).stdout).toBe('✓ hikyaku.yaml: 1 source, 1 Secret\n');
    const [, schemaFile = ''] = /^# yaml-language-server: \$schema=(.*)$/m.exec(text) ?? [];
    expect(acceptsSchema(JSON.parse(await readFile(join(cwd, schemaFile), 'utf8')), parse(text))).toBe(true);
  });

  test('what it shows in comments works too', async () => {
    const cwd = await newDirectory();
    await hikyaku(['init', ...flags], { cwd });
    const text = await readFile(join(cwd, 'hikyaku.yaml'), 'utf8');
    await writeFile(join(cwd, 'hikyaku.yaml'), text.replaceAll(/^  # (?=(?:- | ))/gm, '  '));
    expect((await hikyaku(['validate'], { cwd })).stdout).toBe('✓ hikyaku.yaml: 1 source, 4 Secrets\n');
  });

  test('it writes over nothing without --force', async () => {
    const cwd = await newDirectory();
    await writeFile(join(cwd, 'hikyaku.yaml'), 'mine');
    const refused = await hikyaku(['init', ...flags], { cwd });
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toBe(
      'error: hikyaku.yaml is there already; --force writes over it, --config names another file\n',
    );
    expect(await readFile(join(cwd, 'hikyaku.yaml'), 'utf8')).toBe('mine');
    expect((await hikyaku(['init', '--force', ...flags], { cwd })).exitCode).toBe(0);
    expect(await readFile(join(cwd, 'hikyaku.yaml'), 'utf8')).toContain('providers:');
  });

  test('an answer that makes no config is refused, and nothing is written', async () => {
    const cwd = await newDirectory();
    const { exitCode, stderr } = await hikyaku(['init', '--secret', 'app-env'], { cwd });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: 'error: a Secret is named namespace/name, such as default/app-env; this is "app-env"\n',
    });
    expect((await hikyaku(['validate'], { cwd })).stderr).toContain('there is no such file');
  });

  test.runIf(hasTerminals)('in a terminal it asks, and takes what is typed', async () => {
    const cwd = await newDirectory();
    const clear = '\u0015';
    const { exitCode, screen } = await hikyakuInTerminal(['init'], {
      cwd,
      types: [
        { after: 'Doppler project', keys: `${clear}house\r` },
        { after: 'Doppler config', keys: '\r' },
        { after: 'Kubernetes Secret', keys: `${clear}web/house-env\r` },
      ],
    });
    expect({ exitCode, screen }).toMatchObject({ exitCode: 0 });
    expect(parse(await readFile(join(cwd, 'hikyaku.yaml'), 'utf8'))).toMatchObject({
      providers: { homelab: { project: 'house', config: 'prd' } },
      secrets: [{ namespace: 'web', name: 'house-env' }],
    });
  });

  test.runIf(hasTerminals)('Ctrl-C at a question leaves nothing behind', async () => {
    const cwd = await newDirectory();
    const { exitCode } = await hikyakuInTerminal(['init'], {
      cwd,
      types: [{ after: 'Doppler project', keys: '\u0003' }],
    });
    expect(exitCode).toBe(130);
    expect((await hikyaku(['validate'], { cwd })).stderr).toContain('there is no such file');
  });
});

describe('the launcher that npx finds', () => {
  const launcher = join(agentDirectory, packageJson.bin.hikyaku);
  const run = (path: string) =>
    promisify(execFile)(path, ['--version'], { env: { PATH: `${dirname(process.execPath)}:${process.env['PATH']}` } });

  test('runs the built agent, also through a link', async () => {
    const link = join(await newDirectory(), 'hikyaku');
    await symlink(launcher, link);
    expect(await run(link)).toMatchObject({ stdout: `${packageJson.version}\n`, stderr: '' });
  });

  test('says how to build where nothing is built', async () => {
    const directory = await newDirectory();
    await mkdir(join(directory, 'bin'));
    await copyFile(launcher, join(directory, 'bin/hikyaku.js'));
    await writeFile(join(directory, 'package.json'), '{ "type": "module" }');
    await expect(run(join(directory, 'bin/hikyaku.js'))).rejects.toMatchObject({
      code: 2,
      stdout: '',
      stderr: 'hikyaku is not built yet. Run: npm run build\n',
    });
  });
});

describe('with a cluster', () => {
  let cluster: Cluster;
  let doppler: FakeDoppler;
  let env: Readonly<Record<string, string>>;
  let path: string;

  beforeAll(async () => {
    [cluster, doppler] = await Promise.all([
      startCluster({ controllers: false }),
      startFakeDoppler({ limits: { secretReads: 10_000 } }),
    ]);
    await installRights(cluster);
    doppler.addConfig('homelab', 'prd');
    env = { KUBECONFIG: await cluster.agentKubeconfig(), DOPPLER_TOKEN: doppler.serviceToken('homelab', 'prd') };
    for (const name of ['web', 'other']) await createNamespace(cluster.admin, name);
  });
  afterAll(async () => {
    await cluster.stop();
    await doppler.close();
  });
  beforeEach(async () => {
    doppler.clearFaults();
    doppler.addConfig('homelab', 'prd', { A: 'one', B: 'two' });
    for (const name of ['web', 'other']) await cluster.admin('DELETE', `/api/v1/namespaces/${name}/secrets`);
    await resetInventory(cluster.admin);
    path = await config([{ name: 'app', namespace: 'web', from: 'home' }]);
  });

  async function config(secrets: readonly object[]): Promise<string> {
    const home = { type: 'doppler', project: 'homelab', config: 'prd', url: doppler.url };
    const file = join(await newDirectory(), 'hikyaku.yaml');
    await writeFile(file, JSON.stringify({ providers: { home }, secrets }));
    return file;
  }

  const call = (...args: readonly string[]) => hikyaku([...args, '--config', path], { env });

  describe('exit codes', () => {
    test('plan is 0 with changes, and 3 with --exit-code; both write nothing', async () => {
      expect((await call('plan')).exitCode).toBe(0);
      expect((await call('plan', '--exit-code')).exitCode).toBe(3);
      expect((await call('plan', '--exit-code', '--json')).exitCode).toBe(3);
      expect(await readSecret(cluster.admin, 'web/app')).toBeUndefined();
    });

    test('plan --exit-code is 0 where nothing would change', async () => {
      expect((await call('sync')).exitCode).toBe(0);
      const { exitCode, stdout } = await call('plan', '--exit-code');
      expect(exitCode).toBe(0);
      expect(stdout).toBe('In devcluster, as the agent hikyaku:\n\n✓ home  2 secrets\n\nNo changes. 1 unchanged.\n');
    });

    test('a source that fails is 1, also for plan --exit-code', async () => {
      doppler.fail({ kind: '403', times: Infinity });
      expect((await call('plan', '--exit-code')).exitCode).toBe(1);
      expect((await call('sync')).exitCode).toBe(1);
    });

    test('a Secret of somebody else is 1', async () => {
      await createSecret(cluster.admin, 'web/app', { A: 'mine' });
      expect((await call('plan', '--exit-code')).exitCode).toBe(1);
      expect((await call('sync')).exitCode).toBe(1);
      expect((await readSecret(cluster.admin, 'web/app'))?.data).toEqual({ A: 'mine' });
    });

    test('what is held is 1, and says how to let it through; with --approve it is 0', async () => {
      await call('sync');
      doppler.addConfig('homelab', 'prd', { B: 'two' });
      await call('sync');
      doppler.addConfig('homelab', 'prd', { C: 'three' });
      for (const { exitCode, stdout } of [await call('plan', '--exit-code'), await call('sync')]) {
        expect(exitCode).toBe(1);
        expect(stdout).toMatch(/^  ! web\/app  held\n      1 of 1 keys from home would go\n/m);
        expect(stdout).toContain('hikyaku sync --approve');
      }
      expect((await readSecret(cluster.admin, 'web/app'))?.data).toEqual({ B: 'two' });
      expect((await call('sync', '--approve')).exitCode).toBe(0);
      expect((await readSecret(cluster.admin, 'web/app'))?.data).toEqual({ C: 'three' });
    });

    test.each(['plan', 'sync'])('%s: an API server that cannot be reached is 1, in one line', async (command) => {
      const kubeconfig = join(await newDirectory(), 'config');
      const right = await readFile(cluster.kubeconfig, 'utf8');
      await writeFile(kubeconfig, right.replace(cluster.url, 'https://127.0.0.1:9'));
      const { exitCode, stdout, stderr, seconds } = await call(command, '--kubeconfig', kubeconfig);
      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
      expect(stderr).toMatch(/^error: .*127\.0\.0\.1:9 refuses connections \(ECONNREFUSED\).*\n$/);
      expect(seconds).toBeLessThan(15);
    });

    test.each(['SIGINT', 'SIGTERM'] as const)(
      'sync that gets %s while it waits is 130, and writes nothing',
      async (signal) => {
        doppler.fail({ kind: 'hang', times: Infinity });
        doppler.resetCounters();
        const running = startHikyaku(['sync', '--config', path], { env });
        await eventually(async () => doppler.requests.length > 0);
        const { exitCode, stdout, stderr, seconds } = await running.stop(signal);
        expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 130, stdout: '', stderr: 'interrupted\n' });
        expect(seconds).toBeLessThan(15);
        expect(await readSecret(cluster.admin, 'web/app')).toBeUndefined();
      },
    );

    test('a reader of a plan that has seen enough is no failure', async () => {
      const child = spawn(process.execPath, [join(agentDirectory, 'dist/hikyaku.js'), 'plan', '--config', path], {
        env: { PATH: process.env['PATH'], ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr += text;
      });
      child.stdout.destroy();
      const [exitCode] = (await once(child, 'close')) as [number | null];
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    });
  });

  describe('--json', () => {
    const parsed = async (...args: readonly string[]): Promise<unknown> => {
      const { stdout, stderr } = await call(...args, '--json');
      expect(stderr).toBe('');
      return JSON.parse(stdout);
    };
    const heading = {
      cluster: 'devcluster',
      agent: 'hikyaku',
      sources: [{ source: 'home', ok: true, secrets: 2 }],
    };

    test('of plan names every action with its keys', async () => {
      path = await config([
        { name: 'app', namespace: 'web', from: 'home' },
        { name: 'kept', namespace: 'web', from: 'home', whenRemoved: 'keep', data: { a: 'A' } },
        { name: 'gone', namespace: 'web', from: 'home', data: { a: 'A' } },
        { name: 'same', namespace: 'web', from: 'home', data: { a: 'A' } },
        { name: 'same', namespace: 'other', from: 'home', data: { a: 'A' } },
      ]);
      await call('sync');
      await createSecret(cluster.admin, 'web/foreign', { a: '' });
      doppler.set('homelab', 'prd', 'B', 'changed');
      path = await config([
        { name: 'app', namespace: 'web', from: 'home', data: { B: 'B', C: 'A' } },
        { name: 'same', namespaces: ['web', 'other'], from: 'home', data: { a: 'A' } },
        { name: 'new', namespace: 'web', from: 'home', data: { a: 'A' } },
        { name: 'wrong', namespace: 'web', from: 'home', data: { a: 'NOWHERE' } },
        { name: 'foreign', namespace: 'web', from: 'home', data: { a: 'A' } },
        { name: 'early', namespace: 'nowhere', from: 'home', data: { a: 'A' } },
      ]);
      expect(await parsed('plan')).toEqual({
        ...heading,
        secrets: [
          {
            secret: 'nowhere/early',
            action: 'refuse',
            problems: [
              { code: 'NAMESPACE_MISSING', message: expect.stringContaining('namespace nowhere does not exist') },
            ],
          },
          { secret: 'other/same', action: 'keep' },
          {
            secret: 'web/app',
            action: 'update',
            changes: { added: ['C'], changed: ['B'], removed: ['A'], shape: false },
            drifted: false,
            adopts: false,
          },
          {
            secret: 'web/foreign',
            action: 'refuse',
            problems: [{ code: 'FOREIGN', message: expect.stringContaining('kubectl label secret foreign') }],
          },
          { secret: 'web/gone', action: 'delete' },
          { secret: 'web/kept', action: 'forget' },
          { secret: 'web/new', action: 'create', changes: { added: ['a'], changed: [], removed: [], shape: false } },
          { secret: 'web/same', action: 'keep' },
          {
            secret: 'web/wrong',
            action: 'keep',
            problems: [
              { code: 'KEY_ABSENT', source: 'home', key: 'a', message: expect.stringContaining('home has no NOWHERE') },
            ],
          },
        ],
      });
    });

    test('of sync names what was done with every Secret', async () => {
      path = await config([
        { name: 'app', namespace: 'web', from: 'home' },
        { name: 'drifted', namespace: 'web', from: 'home' },
        { name: 'gone', namespace: 'web', from: 'home', data: { a: 'A' } },
        { name: 'same', namespace: 'web', from: 'home', data: { a: 'A' } },
      ]);
      await call('sync');
      await patchSecret(cluster.admin, 'web/drifted', { stringData: { A: 'somebody else was here' } });
      path = await config([
        { name: 'app', namespace: 'web', from: 'home', data: { C: 'A' } },
        { name: 'drifted', namespace: 'web', from: 'home' },
        { name: 'new', namespace: 'web', from: 'home', data: { a: 'A' } },
        { name: 'same', namespace: 'web', from: 'home', data: { a: 'A' } },
        { name: 'wrong', namespace: 'web', from: 'home', data: { a: 'NOWHERE' } },
      ]);
      expect(await parsed('sync', '--approve')).toEqual({
        ...heading,
        secrets: [
          {
            secret: 'web/app',
            state: 'synced',
            outcome: 'updated',
            changes: { added: ['C'], changed: [], removed: ['A', 'B'], shape: false },
            messages: [],
          },
          { secret: 'web/drifted', state: 'synced', outcome: 'repaired', messages: [] },
          { secret: 'web/gone', state: 'removed', outcome: 'deleted', messages: [] },
          {
            secret: 'web/new',
            state: 'synced',
            outcome: 'created',
            changes: { added: ['a'], changed: [], removed: [], shape: false },
            messages: [],
          },
          { secret: 'web/same', state: 'synced', outcome: 'unchanged', messages: [] },
          { secret: 'web/wrong', state: 'kept', messages: [expect.stringContaining('home has no NOWHERE')] },
        ],
      });
    });

    test('names a source that failed with its code', async () => {
      doppler.fail({ kind: '404', times: Infinity });
      for (const command of ['plan', 'sync']) {
        expect(field(await parsed(command), 'sources')).toEqual([
          {
            source: 'home',
            ok: false,
            error: { code: 'NOT_FOUND', message: expect.stringContaining('Doppler does not find') },
          },
        ]);
      }
    });

    test('of validate is ok and has no problems', async () => {
      expect(await parsed('validate')).toEqual({ ok: true, problems: [] });
    });
  });

  describe('colours and progress', () => {
    test.each(['plan', 'sync', 'validate'])('%s: a pipe gets neither', async (command) => {
      const { stdout, stderr } = await call(command);
      expect(stdout).not.toContain(escape);
      expect(stderr).toBe('');
    });

    test('a pipe with FORCE_COLOR gets colours', async () => {
      const { stdout } = await hikyaku(['plan', '--config', path], { env: { ...env, FORCE_COLOR: '1' } });
      expect(stdout).toContain('\u001B[32m✓\u001B[39m home');
    });

    test.runIf(hasTerminals)('a terminal gets both, and the progress is gone at the end', async () => {
      const { exitCode, screen } = await hikyakuInTerminal(['sync', '--config', path], { env });
      expect(exitCode).toBe(0);
      expect(screen).toContain('reading 1 source\r\u001B[2K');
      expect(screen).toContain('\u001B[32m✓\u001B[39m home');
      const lines = stripVTControlCharacters(screen.slice(screen.lastIndexOf('\r\u001B[2K') + 5)).replaceAll('\r', '');
      expect(lines).toMatch(
        /^In devcluster, as the agent hikyaku:\n\n✓ home {2}2 secrets\n\n {2}\+ web\/app {2}created\n1 Secret: 1 created \(\d+\.\d s\)\n$/,
      );
    });

    test.runIf(hasTerminals)('a terminal with NO_COLOR gets no colours', async () => {
      const { screen } = await hikyakuInTerminal(['plan', '--config', path], { env: { ...env, NO_COLOR: '1' } });
      expect(screen).toContain('✓ home');
      expect(screen.replaceAll('\u001B[2K', '')).not.toContain(escape);
    });

    test.runIf(hasTerminals)('a dumb terminal gets neither', async () => {
      const { screen } = await hikyakuInTerminal(['plan', '--config', path], { env: { ...env, TERM: 'dumb' } });
      expect(screen).toContain('✓ home');
      expect(screen).not.toContain(escape);
    });

    test.runIf(hasTerminals)('an error stands on a line of its own, not behind the progress', async () => {
      doppler.fail({ kind: 'hang', times: Infinity });
      const { exitCode, screen } = await hikyakuInTerminal(['sync', '--config', path], {
        env,
        types: [{ after: 'reading 1 source', keys: '\u0003' }],
      });
      expect(exitCode).toBe(130);
      expect(screen.endsWith('\r\u001B[2Kinterrupted\r\n')).toBe(true);
    });

    test.runIf(hasTerminals)(
      'in a terminal it offers to make the missing namespace, and takes no for an answer',
      async () => {
        const args = ['sync', '--config', path, '--namespace', 'laptop'];
        const person = { ...env, KUBECONFIG: cluster.kubeconfig };
        const refused = await hikyakuInTerminal(args, { env: person, types: [{ after: 'Make it?', keys: 'n' }] });
        expect(refused.exitCode).toBe(2);
        expect((await cluster.admin('GET', '/api/v1/namespaces/laptop')).status).toBe(404);
        const made = await hikyakuInTerminal(args, { env: person, types: [{ after: 'Make it?', keys: 'y' }] });
        expect(made).toMatchObject({ exitCode: 0 });
        expect((await readSecret(cluster.admin, 'web/app'))?.data).toEqual({ A: 'one', B: 'two' });
      },
    );
  });
});
