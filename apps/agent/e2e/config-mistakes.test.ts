import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import {
  changedObjects,
  createNamespace,
  field,
  hikyaku,
  installRights,
  objectVersions,
  readSecret,
  startCluster,
} from '@hikyaku/testbed';
import type { Cluster, Finished } from '@hikyaku/testbed';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const directory = await mkdtemp(join(tmpdir(), 'hikyaku-mistakes-'));
afterAll(() => rm(directory, { recursive: true, force: true }));

/** Looks like a token, and is none. */
const literalToken = 'dp.st.prd.q8Zr4vXk2WmT7nLp0sJdYb5HgUcE1aFo';

const providers = `providers:
  home: { type: doppler, project: homelab, config: prd }
`;

let written = 0;

/** Writes a config into a directory of its own; its path there is `hikyaku.yaml`. */
async function configDirectory(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const path = join(directory, String(++written));
  await mkdir(path);
  for (const [name, content] of Object.entries(files)) await writeFile(join(path, name), content);
  return path;
}

/** What it says about the file, which may have 127 lines or none; there is nothing on stdout and no stack. */
async function mistakesOf(text: string | Uint8Array, args: readonly string[] = ['validate']): Promise<string> {
  const cwd = await configDirectory({ 'hikyaku.yaml': text });
  return saidAsUsage(await hikyaku(args, { cwd }));
}

function saidAsUsage(finished: Finished): string {
  expect({ exitCode: finished.exitCode, stdout: finished.stdout }).toEqual({ exitCode: 2, stdout: '' });
  expectNoStack(finished);
  return finished.stderr;
}

function expectNoStack({ stdout, stderr }: Pick<Finished, 'stdout' | 'stderr'>): void {
  expect(stdout + stderr).not.toMatch(/^\s*at .*:\d+:\d+|node:internal|hikyaku\.js:\d|\bbug\b|\[object |undefined/m);
}

interface Mistake {
  readonly title: string;
  readonly text: string | Uint8Array;
  /** Each of them is a line, or the start of one. */
  readonly says: readonly string[];
}

const mistakes: readonly Mistake[] = [
  {
    title: 'an unknown key is named with its place and the nearest right one',
    text: `${providers}secrets:\n  - name: app\n    namespce: web\n    from: home\n`,
    says: ['hikyaku.yaml:5:5 secrets[0].namespce: unknown key `namespce`\n    did you mean `namespace`?\n'],
  },
  {
    title: 'an unknown key at the top is named with the nearest right one',
    text: `${providers}secret: []\n`,
    says: ['hikyaku.yaml:3:1 secret: unknown key `secret`\n    did you mean `secrets`?\n'],
  },
  {
    title: 'an unknown setting of a provider is named with the nearest right one',
    text: 'providers:\n  home:\n    type: doppler\n    projct: homelab\nsecrets: []\n',
    says: ['hikyaku.yaml:4:5 providers.home.projct: unknown key `projct`\n    did you mean `project`?\n'],
  },
  {
    title: 'a value of the wrong type is named with what it should be',
    text: `${providers}secrets:\n  - { name: app, namespace: web, from: home, immutable: "yes", type: 5 }\n`,
    says: [
      'hikyaku.yaml:4:57 secrets[0].immutable: `immutable` must be true or false, got text\n',
      'hikyaku.yaml:4:70 secrets[0].type: `type` must be text, got a number\n    put it in quotes\n',
    ],
  },
  {
    title: 'a key that stands twice is named with the place of the first',
    text: `${providers}secrets:\n  - name: app\n    namespace: web\n    from: home\n    name: other\n`,
    says: ['hikyaku.yaml:7:5 secrets[0].name: `name` stands here twice: first in line 4\n    remove one\n'],
  },
  {
    title: 'two entries for one Secret are named with the place of the first',
    text: `${providers}secrets:\n  - { name: app, namespace: web, from: home }\n  - { name: app, namespaces: [worker, web], from: home }\n`,
    says: ['hikyaku.yaml:5:13 secrets[1].name: the Secret `web/app` stands here twice: first in hikyaku.yaml:4\n'],
  },
  {
    title: 'an unknown provider type is named with the nearest right one',
    text: 'providers:\n  home: { type: dopler }\nsecrets: []\n',
    says: ['hikyaku.yaml:2:17 providers.home.type: unknown provider type `dopler`\n    did you mean `doppler`?\n'],
  },
  {
    title: 'a source that nobody named is named',
    text: `${providers}secrets:\n  - { name: app, namespace: web, from: hom }\n`,
    says: ['hikyaku.yaml:4:40 secrets[0].from: there is no source `hom`\n    did you mean `home`?\n'],
  },
  {
    title: 'names that Kubernetes refuses are mistakes of the file',
    text: `${providers}secrets:\n  - { name: App_1, namespace: web, from: home }\n  - { name: app, namespace: my.web, from: home }\n  - { name: app, namespace: web, from: home, data: { "a b": A } }\n`,
    says: [
      'hikyaku.yaml:4:13 secrets[0].name: `name` must be lower-case letters',
      'hikyaku.yaml:5:29 secrets[1].namespace: `namespace` must be lower-case letters',
      'hikyaku.yaml:6:54 secrets[2].data["a b"]: a key of a Secret must be letters',
    ],
  },
  {
    title: "the agent's own namespace is refused",
    text: `${providers}secrets:\n  - { name: app, namespace: hikyaku, from: home }\n`,
    says: ['hikyaku.yaml:4:29 secrets[0].namespace: `hikyaku` is the namespace of the agent itself'],
  },
  { title: 'an empty file is a mistake', text: '', says: ['hikyaku.yaml:1:1 the file is empty\n'] },
  {
    title: 'a file of comments is a mistake',
    text: '# nothing yet\n\n# secrets:\n',
    says: ['hikyaku.yaml:1:1 the file is empty\n'],
  },
  {
    title: 'tabs are named with their line',
    text: `${providers}secrets:\n  - name: app\n\tnamespace: web\n`,
    says: ['hikyaku.yaml:5:1 YAML does not allow tabs as indentation\n    use spaces\n'],
  },
  {
    title: 'a `data:` whose lines are all commented out never means everything',
    text: `${providers}secrets:\n  - name: app\n    namespace: web\n    from: home\n    data:\n      # password: DB_PASSWORD\n`,
    says: ['hikyaku.yaml:7:5 secrets[0].data: `data` is empty, which never means everything\n    remove `data:` for'],
  },
  {
    title: 'a word that comes later is not taken for a mistake in spelling',
    text: `${providers}secrets:\n  - { name: app, namespace: web, from: home, data: { url: { template: x } } }\n`,
    says: ['hikyaku.yaml:4:61 secrets[0].data.url.template: `template` is not yet available\n'],
  },
  {
    title: 'a file that is not text is a mistake',
    text: Buffer.from([0x80, 0xff, 0x00]),
    says: ['hikyaku.yaml:1:1 the file is not UTF-8 text\n'],
  },
];

describe('validate', () => {
  test.each(mistakes)('$title', async ({ text, says }) => {
    const said = await mistakesOf(text);
    for (const line of says) expect(`\n${said}`).toContain(`\n${line}`);
  });

  test('reports the mistakes of all parts of the file at once, in order, with their number', async () => {
    const said = await mistakesOf(`resync: 10
providers:
  home: { type: doppler, project: homelab }
  other: { type: dopler }
secrets:
  - { name: App, namespace: web, from: home }
  - { name: app, form: home }
recipients: { home: age1x }
`);
    const lines = said.split('\n').filter((line) => line.startsWith('hikyaku.yaml:'));
    expect(lines.map((line) => Number(line.split(':')[1]))).toEqual([1, 3, 4, 6, 7, 7, 7, 8].slice(0, lines.length));
    expect(new Set(lines.map((line) => line.split(':')[1]))).toEqual(new Set(['1', '3', '4', '6', '7', '8']));
    expect(said.trimEnd().split('\n').at(-1)).toBe(`${lines.length} problems`);
  });

  test('--json gives every problem with its place, and nothing besides', async () => {
    const cwd = await configDirectory({
      'hikyaku.yaml': `${providers}secrets:\n  - { name: app, namespace: web, form: home }\n  - { name: App, namespace: web, from: home }\n`,
    });
    const finished = await hikyaku(['validate', '--json'], { cwd });
    expect({ exitCode: finished.exitCode, stderr: finished.stderr }).toEqual({ exitCode: 2, stderr: '' });
    expect(JSON.parse(finished.stdout)).toEqual({
      ok: false,
      problems: [
        {
          file: 'hikyaku.yaml',
          line: 4,
          column: 5,
          path: 'secrets[0]',
          message: 'this entry says neither `from` nor `data` nor `dataFrom`',
          suggestion: 'with `from` alone it is everything of that source',
        },
        {
          file: 'hikyaku.yaml',
          line: 4,
          column: 34,
          path: 'secrets[0].form',
          message: 'unknown key `form`',
          suggestion: 'did you mean `from`?',
        },
        {
          file: 'hikyaku.yaml',
          line: 5,
          column: 13,
          path: 'secrets[1].name',
          message: expect.stringMatching(/^`name` must be lower-case letters/),
        },
      ],
    });
  });

  test('refuses a file of 5 MB without reading it', async () => {
    const said = await mistakesOf(`${providers}secrets: []\n${'# filler\n'.repeat(600_000)}`);
    expect(said).toBe(
      'hikyaku.yaml:1:1 the file is larger than 1 MiB\n    split it into a directory of files\n1 problem\n',
    );
  });

  test('refuses an alias bomb in little time and memory', async () => {
    const levels = Array.from({ length: 30 }, (_, n) => `a${n + 1}: &a${n + 1} [${`*a${n}, `.repeat(9)}*a${n}]\n`);
    const cwd = await configDirectory({
      'hikyaku.yaml': `a0: &a0 [bomb]\n${levels.join('')}${providers}secrets: []\n`,
    });
    const finished = await hikyaku(['validate'], { cwd, nodeFlags: ['--max-old-space-size=48'] });
    expect(saidAsUsage(finished)).toContain('YAML aliases (`*`) are not supported');
    expect(finished.seconds).toBeLessThan(10);
  });

  test('refuses nesting that would exhaust the stack', async () => {
    const said = await mistakesOf(`secrets: ${'['.repeat(100_000)}`);
    expect(said).toContain('nested too deeply');
  });

  test.each([
    ['text', ['validate']],
    ['JSON', ['validate', '--json']],
    ['the log of sync', ['sync', '--log-level', 'trace']],
    ['the log of run', ['run', '--log-level', 'trace']],
  ])('never echoes a literal token: %s', async (_, args) => {
    const cwd = await configDirectory({
      'hikyaku.yaml': `providers:
  one: { type: doppler, token: ${literalToken} }
  two: { type: doppler, token: { env: "${literalToken}" } }
  three: { type: doppler, token: ["${literalToken}"] }
  four: { type: doppler, token: { valeu: ${literalToken} } }
  five: { type: doppler, url: "https://${literalToken}@api.doppler.com" }
  six: { type: doppler, token: "${literalToken} }
secrets: []
`,
    });
    const finished = await hikyaku(args, { cwd });
    expect(finished.exitCode).toBe(2);
    expectNoStack(finished);
    expect(finished.stdout + finished.stderr).not.toContain(literalToken.slice(10, 30));
  });

  test('says where a literal token belongs', async () => {
    const said = await mistakesOf(`providers:\n  one: { type: doppler, token: ${literalToken} }\nsecrets: []\n`);
    expect(said).toBe(
      'hikyaku.yaml:2:32 providers.one.token: `token`: a credential does not belong in the file\n' +
        '    `hikyaku seal providers.one.token` seals it; or use `{ env: NAME }`, `{ file: PATH }` or `{ secretRef: { name: NAME, key: KEY } }`\n1 problem\n',
    );
  });

  test('a file that is missing is named, with the command that writes one', async () => {
    const finished = await hikyaku(['validate', '--config', 'nowhere.yaml'], { cwd: directory });
    expect(saidAsUsage(finished)).toBe(
      'nowhere.yaml:1:1 there is no such file\n    `hikyaku init` writes one\n1 problem\n',
    );
  });

  test('a file that may not be read is named', async () => {
    const cwd = await configDirectory({ 'hikyaku.yaml': `${providers}secrets: []\n` });
    // Root may read everything, but nobody reads a directory as a file.
    await mkdir(join(cwd, 'folder.yaml'));
    const finished = await hikyaku(['validate', '--config', '.'], { cwd });
    expect(saidAsUsage(finished)).toMatch(/^folder\.yaml:1:1 the file cannot be read \(EISDIR\)$/m);
  });

  test('a directory without a config is named', async () => {
    const cwd = await configDirectory({ 'notes.txt': 'no config' });
    const finished = await hikyaku(['validate', '--config', '.'], { cwd });
    expect(saidAsUsage(finished)).toBe(
      '.:1:1 the directory has no `*.yaml` file\n    `hikyaku init` writes one\n1 problem\n',
    );
  });

  test('of a directory, grants.yaml is not read, and the mistakes of all the others are', async () => {
    const cwd = await configDirectory({
      'grants.yaml': 'no: [config',
      'providers.yaml': providers,
      'web.yaml': 'secrets:\n  - { name: app, namespace: web, from: home }\n',
      'worker.yaml': 'secrets:\n  - { name: app, namespace: worker, from: home, typ: Opaque }\n',
      'twice.yaml': 'secrets:\n  - { name: app, namespace: web, from: home }\n',
    });
    const finished = await hikyaku(['validate', '--config', '.'], { cwd });
    const said = saidAsUsage(finished);
    expect(said).not.toContain('grants.yaml');
    expect(said).toContain('worker.yaml:2:49 secrets[0].typ: unknown key `typ`\n    did you mean `type`?\n');
    expect(said).toContain(
      'web.yaml:2:13 secrets[0].name: the Secret `web/app` stands here twice: first in twice.yaml:2\n',
    );
    expect(said).toMatch(/\n2 problems\n$/);
  });

  test('of a directory with only grants.yaml there is no config', async () => {
    const cwd = await configDirectory({ 'grants.yaml': 'version: 1\n' });
    const finished = await hikyaku(['validate', '--config', '.'], { cwd });
    expect(saidAsUsage(finished)).toContain('the directory has no `*.yaml` file');
  });
});

describe('the command line', () => {
  test.each([
    { args: ['valdate'], says: "error: unknown command 'valdate'\n(Did you mean validate?)\n" },
    { args: ['plan', '--exitcode'], says: "error: unknown option '--exitcode'\n(Did you mean --exit-code?)\n" },
    { args: ['plan', '--config'], says: "error: option '-c, --config <path>' argument missing\n" },
    {
      args: ['plan', '--log-level', 'loud'],
      says: "error: option '--log-level <level>' argument 'loud' is invalid. Allowed choices are",
    },
    { args: ['sync', 'web'], says: "error: too many arguments for 'sync'. Expected 0 arguments but got 1" },
  ])('$args.0 $args.1: the mistake is named, and the way to help', async ({ args, says }) => {
    const said = saidAsUsage(await hikyaku(args, { cwd: directory }));
    expect(said.startsWith(says)).toBe(true);
    expect(said).toMatch(/\(hikyaku --help shows how\)\n$/);
  });

  test('without a command it shows the help and fails', async () => {
    const said = saidAsUsage(await hikyaku([], { cwd: directory }));
    expect(said).toContain('Usage: hikyaku [options] [command]');
  });
});

describe('with a cluster and a Doppler within reach', () => {
  let cluster: Cluster;
  let doppler: FakeDoppler;
  let agent: string;
  let token: string;
  const good = { name: 'app', namespace: 'web', from: 'home' };

  beforeAll(async () => {
    // Without controllers nothing changes by itself.
    [cluster, doppler] = await Promise.all([startCluster({ controllers: false }), startFakeDoppler()]);
    await installRights(cluster);
    agent = await cluster.agentKubeconfig();
    await createNamespace(cluster.admin, 'web');
    doppler.addConfig('homelab', 'prd', { PASSWORD: 'a value' });
    token = doppler.serviceToken('homelab', 'prd');
  });
  afterAll(async () => {
    await cluster.stop();
    await doppler.close();
  });

  /** Nothing was asked of Doppler and nothing in the cluster is another than before. */
  async function untouched(work: () => Promise<Finished>): Promise<Finished> {
    doppler.resetCounters();
    const before = await objectVersions(cluster.admin);
    const finished = await work();
    expect(changedObjects(before, await objectVersions(cluster.admin))).toEqual([]);
    expect(doppler.requests).toEqual([]);
    return finished;
  }

  async function config(source: object, more: object = {}): Promise<string> {
    const home = { type: 'doppler', project: 'homelab', config: 'prd', url: doppler.url, ...source };
    const text = JSON.stringify({ providers: { home, ...more }, secrets: [good] });
    return join(await configDirectory({ 'hikyaku.yaml': text }), 'hikyaku.yaml');
  }

  describe.each([
    { as: 'a ServiceAccount', own: 'hikyaku', kubeconfig: () => agent },
    { as: 'a person whose agent has no namespace yet', own: 'mine', kubeconfig: () => cluster.kubeconfig },
  ])('as $as', ({ own, kubeconfig }) => {
    const commands = [['plan'], ['sync'], ['sync', '--yes'], ['sync', '--approve', '--json'], ['plan', '--json']];
    const run = (args: readonly string[], path: string, env: Readonly<Record<string, string>> = {}) =>
      untouched(() =>
        hikyaku([...args, '--config', path, '--namespace', own], { env: { KUBECONFIG: kubeconfig(), ...env } }),
      );

    test.each(commands)('%s %s: a variable that is not set is named before anything is touched', async (...args) => {
      const path = await config({ token: { env: 'NOWHERE' } });
      expect(saidAsUsage(await run(args, path))).toBe(
        'error: token of source home wants the environment variable NOWHERE, which is not set: set it where the agent runs\n',
      );
    });

    test.each(['plan', 'sync'])('%s: a variable that is empty is no token', async (command) => {
      const path = await config({});
      expect(saidAsUsage(await run([command], path, { DOPPLER_TOKEN: ' \n' }))).toBe(
        'error: token of source home is empty (environment variable DOPPLER_TOKEN)\n',
      );
    });

    test.each(['plan', 'sync'])('%s: a file that is not there is named', async (command) => {
      const path = await config({ token: { file: 'nowhere/token' } });
      expect(saidAsUsage(await run([command], path))).toMatch(
        /^error: token of source home cannot be read from \/.*\/nowhere\/token \(ENOENT\): put it there, or correct `file`\n$/,
      );
    });

    test.each(['plan', 'sync'])('%s: a Secret that is not there is named', async (command) => {
      const path = await config({ token: { secretRef: { name: 'doppler', key: 'token' } } });
      expect(saidAsUsage(await run([command], path))).toBe(
        `error: token of source home wants Secret ${own}/doppler, which does not exist: make it, or correct \`secretRef\`\n`,
      );
    });

    test.each(['plan', 'sync', 'run'])('%s: a mistake in the file comes before anything else', async (command) => {
      const path = join(
        await configDirectory({ 'hikyaku.yaml': `${providers}secrets: [{ nam: app }]\n` }),
        'hikyaku.yaml',
      );
      const said = saidAsUsage(await run([command], path, { DOPPLER_TOKEN: token }));
      expect(said).toContain('unknown key `nam`');
    });
  });

  test('all sources that lack a credential are named at once', async () => {
    const cwd = await configDirectory({
      'hikyaku.yaml': JSON.stringify({
        providers: {
          one: { type: 'doppler', token: { env: 'ONE' } },
          two: { type: 'doppler', token: { file: 'two' } },
        },
        secrets: [
          { ...good, from: 'one' },
          { ...good, name: 'other', from: 'two' },
        ],
      }),
    });
    const finished = await untouched(() => hikyaku(['sync'], { cwd, env: { KUBECONFIG: agent } }));
    expect(saidAsUsage(finished)).toMatch(/^error: token of source one .*\nerror: token of source two .*\n$/);
  });

  test('a kubeconfig that is not there is named', async () => {
    const path = await config({});
    const finished = await untouched(() => hikyaku(['plan', '--config', path, '--kubeconfig', '/nowhere/config']));
    expect(saidAsUsage(finished)).toBe('error: there is no kubeconfig /nowhere/config\n');
  });

  test('a context that is not there is named, with those that are', async () => {
    const path = await config({});
    const finished = await untouched(() =>
      hikyaku(['sync', '--config', path, '--context', 'cabin'], { env: { KUBECONFIG: agent } }),
    );
    expect(saidAsUsage(finished)).toMatch(/^error: there is no context "cabin" in .*; there are: devcluster\n$/);
  });

  test('without any kubeconfig it says what to set', async () => {
    const path = await config({});
    const finished = await untouched(() => hikyaku(['sync', '--config', path], { env: { HOME: directory } }));
    expect(saidAsUsage(finished)).toMatch(/^error: there is no kubeconfig .*: set KUBECONFIG, or name the file\n$/);
  });

  test('a kubeconfig that is no YAML is named, and not quoted', async () => {
    const cwd = await configDirectory({ kubeconfig: `users: [{ user: { token: ${literalToken} }` });
    const path = await config({});
    const finished = await untouched(() =>
      hikyaku(['sync', '--config', path, '--kubeconfig', join(cwd, 'kubeconfig')]),
    );
    expect(saidAsUsage(finished)).toMatch(/^error: the kubeconfig .*kubeconfig, line \d+ is not YAML\n$/);
  });

  test('a person whose agent has no namespace is told how to make it, and nothing is made', async () => {
    const path = await config({});
    const finished = await untouched(() =>
      hikyaku(['sync', '--config', path, '--namespace', 'mine'], {
        env: { KUBECONFIG: cluster.kubeconfig, DOPPLER_TOKEN: token },
      }),
    );
    expect(saidAsUsage(finished)).toBe(
      'error: the namespace mine, where hikyaku remembers what it made, does not exist in devcluster: ' +
        'run kubectl create namespace mine, or give --yes\n',
    );
  });

  test('the credential of a source that no Secret uses is not asked for', async () => {
    const path = await config({}, { unused: { type: 'doppler', token: { env: 'NOWHERE' } } });
    const finished = await hikyaku(['sync', '--json', '--config', path], {
      env: { KUBECONFIG: agent, DOPPLER_TOKEN: token },
    });
    expect({ exitCode: finished.exitCode, stderr: finished.stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(field(JSON.parse(finished.stdout), 'sources')).toEqual([{ source: 'home', ok: true, secrets: 1 }]);
    expect((await readSecret(cluster.admin, 'web/app'))?.data).toEqual({ PASSWORD: 'a value' });
  });
});
