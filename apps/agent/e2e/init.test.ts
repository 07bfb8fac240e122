import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import { generateIdentity, open, parseIdentities } from '@hikyaku/sealing';
import {
  createNamespace,
  createSecret,
  deleteSecret,
  eventually,
  expectExit,
  field,
  hikyaku,
  readInstallFile,
  readSecret,
  startCluster,
} from '@hikyaku/testbed';
import type { Cluster, Finished } from '@hikyaku/testbed';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { generateWithKeygen, recipientsOfKeygen } from '../../../tools/reference-tools/src/age-command.ts';
import { LeakSearch } from '../../../tools/testbed/src/leak-search.ts';
import { hasTerminals, hikyakuInTerminal } from '../../../tools/testbed/src/terminal.ts';
import { IDENTITY, publicKeyOf, readIdentity, readShown } from './identity.test.kit.ts';
import { InstalledCluster, writeKubeconfig } from './install.test.kit.ts';

const FILES = [
  'grants.yaml',
  'hikyaku.schema.json',
  'hikyaku.yaml',
  'install/deployment.yaml',
  'install/grants.yaml',
  'install/image.yaml',
  'install/rights-own.yaml',
  'kustomization.yaml',
];

const POST_QUANTUM = (await recipientsOfKeygen(await generateWithKeygen('-pq')))[0] ?? '';

let doppler: FakeDoppler;
let home: InstalledCluster;
let cabin: InstalledCluster;
let work: string;
let kubeconfig: string;
let token: string;
let me: Awaited<ReturnType<typeof generateIdentity>>;
let folders = 0;

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'hikyaku-init-'));
  doppler = await startFakeDoppler();
  doppler.addConfig('homelab', 'prd', { GREETING: 'hello from home' });
  token = doppler.serviceToken('homelab', 'prd');
  me = await generateIdentity();
  const [one, two] = await Promise.all([1, 2].map(() => startCluster({ controllers: false })));
  if (one === undefined || two === undefined) throw new Error('two clusters are needed');
  [home, cabin] = [new InstalledCluster(one), new InstalledCluster(two)];
  kubeconfig = join(work, 'kubeconfig');
  await writeKubeconfig(kubeconfig, { home: one, cabin: two });
});
afterAll(async () => {
  await home?.[Symbol.asyncDispose]();
  await cabin?.[Symbol.asyncDispose]();
  await doppler?.close();
  await rm(work, { recursive: true, force: true });
});

interface Desk {
  /** The repository. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  run(args: readonly string[], input?: string): Promise<Finished>;
}

async function openDesk(env: Readonly<Record<string, string>> = {}): Promise<Desk> {
  const homeFolder = join(work, `person-${++folders}`);
  const folder = join(homeFolder, 'repository');
  await mkdir(folder, { recursive: true });
  const all = { HOME: homeFolder, KUBECONFIG: kubeconfig, ...env };
  return {
    folder,
    env: all,
    run: (args, input = '') => hikyaku(args, { cwd: folder, env: all, input }),
  };
}

function flags(): readonly string[] {
  return ['--project', 'homelab', '--doppler-config', 'prd', '--secret', 'web/web-env', '--url', doppler.url];
}

async function filesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((path) => !path.startsWith('.git/'))
    .toSorted();
}

async function git(folder: string, ...args: readonly string[]): Promise<string> {
  const who = ['-c', 'user.name=operator', '-c', 'user.email=operator@example.com', '-c', 'commit.gpgsign=false'];
  return (await promisify(execFile)('git', [...who, ...args], { cwd: folder })).stdout;
}

/** As before anybody came. */
async function forget({ admin }: Cluster): Promise<void> {
  if ((await readSecret(admin, IDENTITY)) !== undefined) await deleteSecret(admin, IDENTITY);
}

describe('init --context, by flags', () => {
  test('its files are one commit, the agent that they install does its work, and a second cluster is one commit more', async () => {
    const desk = await openDesk({ SOPS_AGE_KEY: me.file });
    const { folder } = desk;
    await git(folder, 'init', '--quiet');
    const made = await desk.run(['init', '--context', 'home', '--yes', ...flags()], `${token}\n`);
    expectExit(made, 0);
    expect(await filesIn(folder)).toEqual(FILES);
    expectExit(await desk.run(['validate']), 0);
    expectExit(await desk.run(['lint']), 0);
    for (const line of ['has an identity now', 'the token is sealed to home and me (backup)', 'kubectl --context home'])
      expect(made.stdout).toContain(line);
    expect(made.stderr).toContain(`sent only to  ${doppler.url}`);

    // The Secret is what the agent makes itself.
    const identity = await readIdentity(home.cluster.admin);
    expect(Object.keys(identity.data).toSorted()).toEqual(['age.agekey', 'service-principal.pem']);
    expect(identity.labels).toEqual({ 'hikyaku.dev/agent': 'hikyaku', 'app.kubernetes.io/managed-by': 'hikyaku' });

    // From the laptop, before anything is installed.
    await createNamespace(home.cluster.admin, 'web');
    const plan = await desk.run(['plan', '--context', 'home']);
    expectExit(plan, 0);
    expect(plan.stdout).toContain('web/web-env');

    await git(folder, 'add', '.');
    await git(folder, 'commit', '--quiet', '--message', 'hikyaku for home');
    await home.apply(folder);
    expect(await home.agent?.logged({ msg: 'started', recipient: 'home' })).toMatchObject({ proof: 'policy' });
    await eventually(async () => (await valueIn(home)) === 'hello from home');
    expect(home.agent?.log.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
    expect((await readIdentity(home.cluster.admin)).data).toEqual(identity.data);
    expect(await publicKeyOf(identity)).toBe(String((await readShown(home.cluster.admin))('recipient')).trim());

    const added = await desk.run(['init', '--context', 'cabin', '--yes']);
    expectExit(added, 0);
    expect(added.stdout).toContain('1 of 1 value sealed anew in hikyaku.yaml');
    await git(folder, 'commit', '--quiet', '--all', '--message', 'the cabin');
    expect((await git(folder, 'show', '--name-only', '--format=')).trim()).toBe('hikyaku.yaml');
    const plus = (await git(folder, 'show', '--format=', '--unified=0'))
      .split('\n')
      .filter((line) => /^\+ +\w/.test(line) && !/^\+ {8}/.test(line));
    expect(plus).toEqual([`+  cabin: ${await publicKeyOf(await readIdentity(cabin.cluster.admin))}`]);
    await createNamespace(cabin.cluster.admin, 'web');
    await Promise.all([home, cabin].map((site) => site.apply(folder)));
    await cabin.agent?.logged({ msg: 'started', recipient: 'cabin' });
    await eventually(async () => (await valueIn(cabin)) === 'hello from home');
    await home.agent?.logged({ msg: 'config changed' });

    // Again, it is there already.
    const again = await desk.run(['init', '--context', 'cabin', '--yes']);
    expectExit(again, 0);
    expect(again.stdout).toContain('is there already');
    expect(await git(folder, 'status', '--porcelain')).toBe('');

    const search = new LeakSearch();
    search.add('the token', token.split('.').at(-1) ?? '');
    for (const [name, { cluster }] of Object.entries({ home, cabin })) {
      const { data } = await readIdentity(cluster.admin);
      search.add(`the key of ${name}`, (parseIdentities(data['age.agekey'] ?? '')[0] ?? '').replace(/^.*KEY-/, ''));
      search.add(`the signing key of ${name}`, (data['service-principal.pem'] ?? '').split('\n')[5] ?? '');
    }
    expect(search.find(token, 'the token itself')).toHaveLength(1);
    for (const text of [await git(folder, 'log', '--patch'), made.stdout + made.stderr, added.stdout + added.stderr])
      expect(search.find(text, 'what was committed or said')).toEqual([]);
  }, 240_000);

  test('an identity that is there is used as it is', async () => {
    const before = await readIdentity(home.cluster.admin);
    const desk = await openDesk({ SOPS_AGE_KEY: me.file });
    const { exitCode, stdout } = await desk.run(['init', '--context', 'home', '--yes', ...flags()], token);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: expect.stringContaining('has its identity already') });
    expect(await readIdentity(home.cluster.admin)).toEqual(before);
    const { sealed, recipients } = await written(desk);
    expect(recipients).toEqual({ home: await publicKeyOf(before), me: { key: me.recipient, backup: true } });
    for (const file of [before.data['age.agekey'] ?? '', me.file])
      expect((await open(sealed, parseIdentities(file))).value.text() === token).toBe(true);
  });

  test('the install files are those of the repository and of the documentation', async () => {
    const desk = await openDesk({ SOPS_AGE_KEY: me.file });
    const args = ['init', '--context', 'home', '--yes', '--provider', 'later', '--image', 'registry.lan/hikyaku:1'];
    expectExit(await desk.run(args), 0);
    const read = (path: string) => readFile(join(desk.folder, path), 'utf8');
    expect(await read('install/rights-own.yaml')).toBe(await readInstallFile('rights-own.yaml'));
    const page = await readFile(fileURLToPath(new URL('../../../docs/run-in-a-cluster.md', import.meta.url)), 'utf8');
    const plain = (await desk.run(['manifests', '--image', 'registry.example/hikyaku:0.1.0'])).stdout;
    expect(page).toContain(plain.slice(plain.lastIndexOf('---\n')));
    expectExit(await desk.run(['manifests', '--check']), 0);
    expect(await read('grants.yaml')).toMatch(
      /^# Secrets of the ordinary types under any name, and what else hikyaku.yaml /,
    );
    expect(parse(await read('hikyaku.yaml'))).toMatchObject({ providers: {}, secrets: [] });
  });

  test('a key of a person is made outside of the repository, for that person alone', async () => {
    const desk = await openDesk();
    const inside = ['init', '--context', 'home', '--yes', ...flags(), '--backup', 'key.txt'];
    const refused = await desk.run(inside, token);
    expect([refused.exitCode, refused.stderr]).toEqual([2, expect.stringContaining('is in the repository: a private')]);
    expect(await filesIn(desk.folder)).toEqual([]);

    await symlink(desk.folder, join(desk.env['HOME'] ?? '', 'link'));
    for (const hidden of ['..key.txt', '../link/key.txt', '../link/more/key.txt'])
      expect((await desk.run([...inside.slice(0, -1), hidden], token)).stderr).toContain('is in the repository');
    expect(await filesIn(desk.folder)).toEqual([]);

    const path = join(desk.env['HOME'] ?? '', 'keys/mine.txt');
    expectExit(await desk.run(['init', '--context', 'home', '--yes', ...flags(), '--backup', path], token), 0);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const { sealed } = await written(desk);
    expect((await open(sealed, parseIdentities(await readFile(path, 'utf8')))).value.text() === token).toBe(true);

    // The next time it is the one that is there.
    const key = await readFile(path, 'utf8');
    const again = await desk.run(
      ['init', '--context', 'home', '--yes', '--force', ...flags(), '--backup', path],
      token,
    );
    expectExit(again, 0);
    expect(await readFile(path, 'utf8')).toBe(key);
  });

  test('SAKURA: the public key is given out first, and then nothing is sealed', async () => {
    const desk = await openDesk({ SOPS_AGE_KEY: me.file });
    const args = ['init', '--context', 'home', '--yes', '--vault', '110000000000', '--secret', 'shop/env'];
    const first = await desk.run(args);
    expect([first.exitCode, first.stdout]).toEqual([1, expect.stringMatching(/^-----BEGIN PUBLIC KEY-----\n/)]);
    expect(await filesIn(desk.folder)).toEqual([]);
    expectExit(await desk.run([...args, '--service-principal', '112800000001', '--kid', '9f1c']), 0);
    expect(parse(await readFile(join(desk.folder, 'hikyaku.yaml'), 'utf8'))).toMatchObject({
      providers: { homelab: { servicePrincipal: { id: '112800000001', kid: { home: '9f1c' } } } },
    });
    expectExit(await desk.run(['validate']), 0);

    const added = await desk.run(['init', '--context', 'cabin', '--yes']);
    expectExit(added, 0);
    expect(added.stderr).toContain('providers.homelab.servicePrincipal has no key of cluster "cabin"');
    expect(added.stderr).toContain('-----BEGIN PUBLIC KEY-----\n');
  });
});

describe('a step that fails leaves no file', () => {
  test.each<[string, readonly string[], number, string]>([
    ['no cluster', ['--context', 'nowhere'], 2, 'nowhere'],
    ['no token', ['--context', 'home'], 2, 'the token is empty: nothing was written'],
    ['a Secret without a namespace', ['--context', 'home', '--secret', 'env'], 2, 'a Secret is named namespace/name'],
    ['a name that is none', ['--context', 'home', '--secret', 'web/No_Name'], 2, 'these answers make no config'],
    ['a cluster of no name', ['--context', 'home', '--cluster', 'Home_1'], 2, 'what shall the cluster be called?'],
    ['a backup key that is none', ['--context', 'home', '--backup', 'age1x'], 2, 'your own key is mistyped'],
    [
      'a backup key of another kind',
      ['--context', 'home', '--backup', POST_QUANTUM],
      2,
      'your own key and that of home are of two kinds',
    ],
    ['another namespace', ['--context', 'home', '--namespace', 'other'], 2, 'leave out --namespace'],
  ])('%s', async (_, args, exitCode, message) => {
    const desk = await openDesk({ SOPS_AGE_KEY: me.file });
    const { exitCode: code, stderr } = await desk.run(['init', '--yes', ...args], '');
    expect([code, stderr]).toEqual([exitCode, expect.stringContaining(message)]);
    expect(await filesIn(desk.folder)).toEqual([]);
  });

  test('nobody is made to go without a key of their own', async () => {
    const desk = await openDesk();
    const { exitCode, stderr } = await desk.run(['init', '--context', 'home', '--yes', ...flags()], token);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('--no-backup goes without')]);
    const without = await desk.run(['init', '--context', 'home', '--yes', ...flags(), '--no-backup'], token);
    expect([without.exitCode, without.stdout]).toEqual([0, expect.stringContaining('! only clusters can open')]);
  });

  test('what is there is not written over without --force', async () => {
    const desk = await openDesk({ SOPS_AGE_KEY: me.file });
    await writeFile(join(desk.folder, 'grants.yaml'), 'mine');
    const args = ['init', '--context', 'home', '--yes', ...flags()];
    const refused = await desk.run(args, token);
    expect([refused.exitCode, refused.stderr]).toEqual([
      2,
      expect.stringContaining('grants.yaml is there already; --force'),
    ]);
    expect(await filesIn(desk.folder)).toEqual(['grants.yaml']);
    expectExit(await desk.run([...args, '--force'], token), 0);
    const other = await desk.run(args, token);
    expect([other.exitCode, other.stderr]).toEqual([2, expect.stringContaining('hikyaku.yaml is there already')]);
    const mine = await desk.run(['init', '--context', 'cabin', '--cluster', 'me', '--replace', '--yes']);
    expect([mine.exitCode, mine.stderr]).toEqual([2, expect.stringContaining('me is a backup key, and no cluster')]);
  });

  test('a file that cannot be written takes the others with it, the private key too', async () => {
    const desk = await openDesk();
    await writeFile(join(desk.folder, 'install'), 'no folder');
    const args = ['init', '--context', 'home', '--yes', ...flags(), '--backup', '../key.txt'];
    const { exitCode, stderr } = await desk.run(args, token);
    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/install.* cannot be written \(\w+\): nothing was/)]);
    expect(await filesIn(desk.folder)).toEqual(['install']);
    expect(await readdir(join(desk.folder, '..'))).toEqual(['repository']);
  });

  test('an identity that cannot be read stays as it is', async () => {
    await cabin.agent?.stop();
    const kept = await readIdentity(cabin.cluster.admin).catch(() => undefined);
    await forget(cabin.cluster);
    if ((await cabin.cluster.admin('GET', '/api/v1/namespaces/hikyaku')).status === 404)
      await createNamespace(cabin.cluster.admin, 'hikyaku');
    await createSecret(cabin.cluster.admin, IDENTITY, { 'age.agekey': 'garbage' });
    const desk = await openDesk({ SOPS_AGE_KEY: me.file });
    const { exitCode, stderr } = await desk.run(['init', '--context', 'cabin', '--yes', ...flags()], token);
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('holds no age identity under age.agekey')]);
    expect((await readIdentity(cabin.cluster.admin)).data).toEqual({ 'age.agekey': 'garbage' });
    expect(await filesIn(desk.folder)).toEqual([]);
    await forget(cabin.cluster);
    if (kept !== undefined) await createSecret(cabin.cluster.admin, IDENTITY, kept.data);
  });

  test('without --yes nobody makes a namespace', async () => {
    await using bare = await startCluster({ controllers: false });
    const path = join(work, 'bare');
    await writeKubeconfig(path, { bare });
    const desk = await openDesk({ SOPS_AGE_KEY: me.file, KUBECONFIG: path });
    const { exitCode, stderr } = await desk.run(['init', '--context', 'bare', ...flags()], token);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('or give --yes')]);
    expect((await bare.admin('GET', '/api/v1/namespaces/hikyaku')).status).toBe(404);
    expect(await filesIn(desk.folder)).toEqual([]);
  });

  test('with an answer for a cluster and no cluster, it asks for that', async () => {
    const desk = await openDesk();
    const { exitCode, stderr } = await desk.run(['init', '--no-backup']);
    expect([exitCode, stderr]).toEqual([2, 'error: which cluster is it? --context CONTEXT, of your kubeconfig\n']);
  });
});

describe.runIf(hasTerminals)('init --context, on a terminal', () => {
  let bare: Cluster;
  let desk: Desk;

  beforeAll(async () => {
    bare = await startCluster({ controllers: false });
  });
  afterAll(() => bare?.stop());
  beforeEach(async () => {
    const path = join(work, `bare-${++folders}`);
    await writeKubeconfig(path, { bare });
    desk = await openDesk({ KUBECONFIG: path });
  });

  test('a no to the namespace ends it', async () => {
    const { exitCode } = await hikyakuInTerminal(['init', '--context', 'bare', ...flags(), '--no-backup'], {
      cwd: desk.folder,
      env: desk.env,
      types: [
        { after: 'Name of this cluster', keys: '\r' },
        { after: 'not shown', keys: `${token}\r` },
        { after: 'Make it?', keys: 'n' },
      ],
    });
    expect(exitCode).toBe(2);
    expect((await bare.admin('GET', '/api/v1/namespaces/hikyaku')).status).toBe(404);
    expect(await filesIn(desk.folder)).toEqual([]);
  });

  test('Ctrl-C at any question leaves nothing behind', async () => {
    const steps = [
      { after: 'Where are your secrets kept?', keys: '\r' },
      { after: 'Doppler project', keys: '\r' },
      { after: 'Doppler config', keys: '\r' },
      { after: 'Kubernetes Secret', keys: '\r' },
      { after: 'Name of this cluster', keys: '\r' },
      { after: 'Your own key', keys: '\r' },
      { after: 'File for your private key', keys: '\r' },
      { after: 'not shown', keys: `${token}\r` },
      { after: 'Make it?', keys: 'y' },
    ];
    for (const [index, step] of steps.entries()) {
      const types = [...steps.slice(0, index), { ...step, keys: '\u0003' }];
      const { exitCode } = await hikyakuInTerminal(['init', '--context', 'bare'], {
        cwd: desk.folder,
        env: desk.env,
        types,
      });
      expect([step.after, exitCode]).toEqual([step.after, 130]);
    }
    expect(await filesIn(join(desk.folder, '..'))).toEqual([]);
    expect((await bare.admin('GET', '/api/v1/namespaces/hikyaku')).status).toBe(404);
  });

  test('it asks for all of it, and shows no token', async () => {
    const clear = '\u0015';
    const { exitCode, screen } = await hikyakuInTerminal(['init', '--context', 'bare', '--url', doppler.url], {
      cwd: desk.folder,
      env: desk.env,
      types: [
        { after: 'Where are your secrets kept?', keys: '\r' },
        { after: 'Doppler project', keys: '\r' },
        { after: 'Doppler config', keys: '\r' },
        { after: 'Kubernetes Secret', keys: `${clear}web/web-env\r` },
        { after: 'Name of this cluster', keys: `${clear}lab\r` },
        { after: 'Your own key', keys: '\r' },
        { after: 'File for your private key', keys: '\r' },
        { after: 'not shown', keys: `${token}\r` },
        { after: 'Make it?', keys: 'y' },
      ],
    });
    expect({ exitCode, screen }).toMatchObject({ exitCode: 0 });
    expect(screen.includes(token)).toBe(false);
    expect(await filesIn(desk.folder)).toEqual(FILES);
    const keyFile = join(desk.folder, '../.config/sops/age/keys.txt');
    expect((await stat(keyFile)).mode & 0o777).toBe(0o600);
    const { sealed, recipients } = await written(desk);
    expect(Object.keys(recipients)).toEqual(['lab', 'me']);
    const identity = await readIdentity(bare.admin);
    for (const file of [identity.data['age.agekey'] ?? '', await readFile(keyFile, 'utf8')])
      expect((await open(sealed, parseIdentities(file))).value.text() === token).toBe(true);
  });

  test('the key that is there is offered first, and of SAKURA the key is shown before it is asked for', async () => {
    await mkdir(join(desk.folder, '../.config/sops/age'), { recursive: true });
    await writeFile(join(desk.folder, '../.config/sops/age/keys.txt'), me.file);
    const { exitCode, screen } = await hikyakuInTerminal(['init', '--context', 'bare', '--secret', 'web/env'], {
      cwd: desk.folder,
      env: desk.env,
      types: [
        { after: 'Where are your secrets kept?', keys: '\u001B[B\r' },
        { after: 'Id of the vault', keys: '110000000000\r' },
        { after: 'Name of this cluster', keys: '\r' },
        { after: 'keys.txt', keys: '\r' },
        { after: '-----END PUBLIC KEY-----', keys: '' },
        { after: 'Id of the service principal', keys: '112800000001\r' },
        { after: '(kid)', keys: '9f1c\r' },
      ],
    });
    expect({ exitCode, screen }).toMatchObject({ exitCode: 0 });
    const { recipients } = await written(desk);
    expect(recipients['me']).toEqual({ key: me.recipient, backup: true });
  });
});

async function written({
  folder,
}: Desk): Promise<{ readonly sealed: string; readonly recipients: Record<string, unknown> }> {
  const config: unknown = parse(await readFile(join(folder, 'hikyaku.yaml'), 'utf8'));
  return {
    sealed: String(field(config, 'providers', 'homelab', 'token', 'sealed')),
    recipients: Object(field(config, 'recipients')),
  };
}

async function valueIn({ cluster }: InstalledCluster): Promise<string | undefined> {
  return (await readSecret(cluster.admin, 'web/web-env'))?.data['GREETING'];
}
