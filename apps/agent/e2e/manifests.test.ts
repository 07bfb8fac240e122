import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { generateIdentity } from '@hikyaku/sealing';
import { expectExit, field, hikyaku, parseManifests, readInstallFile } from '@hikyaku/testbed';
import type { Finished, Manifest } from '@hikyaku/testbed';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { findConfigs } from './examples/find-configs.ts';
import { buildFolder } from './install.test.kit.ts';
import { objectOf, textsIn } from './manifests.test.kit.ts';

// The files of `hikyaku manifests`, without any cluster.

const bundle = fileURLToPath(new URL('../dist/hikyaku.js', import.meta.url));
const examples = fileURLToPath(new URL('../../../examples', import.meta.url));
const configs = await findConfigs(examples);

const CONFIG = `# a comment that stays
providers:
  app: { type: doppler, project: app, config: prd, token: { env: DOPPLER_TOKEN } }
secrets:
  - { name: app-env, namespace: web, from: app }
`;
const IMAGE = ['--image', 'registry.lan/hikyaku:1'];

let work: string;
let folder: string;
let count = 0;

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'hikyaku-manifests-'));
});
afterAll(() => rm(work, { recursive: true, force: true }));
beforeEach(async () => {
  folder = join(work, String(++count));
  await mkdir(folder);
  await write('hikyaku.yaml', CONFIG);
});

async function write(name: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder, name)), { recursive: true });
  await writeFile(join(folder, name), text);
}

function read(name: string): Promise<string> {
  return readFile(join(folder, name), 'utf8');
}

async function run(...flags: readonly string[]): Promise<Finished> {
  return await hikyaku(['manifests', ...flags], { cwd: folder });
}

async function printed(...flags: readonly string[]): Promise<readonly Manifest[]> {
  const finished = await run(...flags);
  expectExit(finished, 0);
  return parseManifests(finished.stdout);
}

async function written(...flags: readonly string[]): Promise<readonly string[]> {
  const finished = await run('--kustomize', '.', '--json', ...flags);
  expectExit(finished, 0);
  return textsIn(field(JSON.parse(finished.stdout), 'written')).toSorted();
}

function sorted(objects: readonly Manifest[]): readonly Manifest[] {
  const key = ({ kind, metadata }: Manifest) => `${kind} ${metadata.name}`;
  return objects.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

function container(objects: readonly Manifest[], kind = 'Deployment'): unknown {
  return field(objectOf(objects, kind, 'hikyaku'), 'spec', 'template', 'spec', 'containers', 0);
}

describe('kustomize builds the base, and each object is that of the plain output', () => {
  test.each<[string, readonly string[]]>([
    ['as it is', []],
    ['named, with replicas', ['--rights', 'named', '--replicas', '3']],
    ['a DaemonSet with everything', ['--daemonset', '--network-policy', '--receiver', '8082', '--page', '8083']],
  ])('%s', async (_, flags) => {
    await written(...IMAGE, ...flags);
    const built = await buildFolder(folder);
    expect(sorted(built)).toEqual(sorted(await printed(...IMAGE, ...flags)));
    expectExit(await run('--check'), 0);
  });

  test.each(configs)('the example %s', async (name) => {
    await rm(join(folder, 'hikyaku.yaml'));
    await cp(examples, folder, { recursive: true });
    await written('--config', name, '--rights', 'named');
    const built = await buildFolder(folder);
    expect(sorted(built)).toEqual(sorted(await printed('--config', name, '--rights', 'named')));
    expectExit(await run('--check', '--config', name, '--kustomize', '.'), 0);
  });

  test('a config from elsewhere is copied, and the copy is compared too', async () => {
    await mkdir(join(folder, 'base'));
    expectExit(await run('--kustomize', 'base', ...IMAGE), 0);
    expect(sorted(await buildFolder(join(folder, 'base')))).toEqual(sorted(await printed(...IMAGE)));
    await write('hikyaku.yaml', `${CONFIG}# another\n`);
    const { exitCode, stdout } = await run('--kustomize', 'base', '--check');
    expect([exitCode, stdout]).toEqual([1, expect.stringContaining('1 file of base')]);
    expect(stdout).toContain('  ~ install/config.yaml\n');
  });
});

describe('the files', () => {
  test('the rights are those of the repository, byte for byte, whatever the flags', async () => {
    for (const flags of [[], ['--rights', 'named', '--daemonset', '--network-policy']]) {
      await written(...flags);
      expect(await read('install/rights-own.yaml')).toBe(await readInstallFile('rights-own.yaml'));
      const { stdout } = await run(...flags);
      expect(stdout.startsWith(await readInstallFile('rights-own.yaml'))).toBe(true);
    }
  });

  test('with restarts come their rights, byte for byte, and go again', async () => {
    await write('hikyaku.yaml', CONFIG.replace('from: app }', 'from: app, restart: true }'));
    expect(await written()).toContain('install/rights-restarts.yaml');
    expect(await read('install/rights-restarts.yaml')).toBe(await readInstallFile('rights-restarts.yaml'));
    expect(sorted(await buildFolder(folder))).toEqual(sorted(await printed()));
    await write('hikyaku.yaml', CONFIG);
    expect((await run('--check')).stdout).toContain('  ~ install/rights-restarts.yaml\n');
    expect(await written()).toEqual(['install/grants.yaml', 'install/rights-restarts.yaml', 'kustomization.yaml']);
    expect(await readdir(join(folder, 'install'))).not.toContain('rights-restarts.yaml');
  });

  test('an upgrade changes the file of the image and no other', async () => {
    await written(...IMAGE, '--network-policy');
    const before = await contents();
    const upgraded = `registry.lan/hikyaku:2@sha256:${'01'.repeat(32)}`;
    expect(await written('--image', upgraded)).toEqual(['install/image.yaml']);
    const after = await contents();
    const changed = Object.keys(after).filter((path) => after[path] !== before[path]);
    expect([Object.keys(after), changed]).toEqual([Object.keys(before), ['install/image.yaml']]);
    expect(field(container(await buildFolder(folder)), 'image')).toBe(upgraded);
    // By hand, or by a program that looks for new versions.
    await write('install/image.yaml', (await read('install/image.yaml')).replace(/hikyaku:.*/, 'hikyaku:3'));
    expectExit(await run('--check'), 0);
  });

  test('flags are remembered until another is said', async () => {
    await written(...IMAGE, '--rights', 'named', '--replicas', '2', '--network-policy', '--receiver', '8082');
    expect(await written()).toEqual([]);
    expect(await written('--replicas', '1')).toEqual(['install/deployment.yaml', 'kustomization.yaml']);
    expect(await read('kustomization.yaml')).toContain(' --rights named --network-policy --receiver 8082\n');
    expect(await written('--no-network-policy', '--no-receiver', '--rights', 'own')).toEqual([
      'install/deployment.yaml',
      'install/grants.yaml',
      'install/network-policy.yaml',
      'install/notices.yaml',
      'kustomization.yaml',
    ]);
    expect(await read('kustomization.yaml')).toContain('with these flags: none\n');
    expect(await written('--daemonset')).toEqual([
      'install/daemonset.yaml',
      'install/deployment.yaml',
      'install/image.yaml',
      'kustomization.yaml',
    ]);
  });

  test('the same config gives the same bytes, in another folder too', async () => {
    await written(...IMAGE);
    const before = await contents();
    await cp(folder, `${folder}-moved`, { recursive: true });
    folder = `${folder}-moved`;
    expect(await written('--config', join(folder, 'hikyaku.yaml'))).toEqual([]);
    expect(await contents()).toEqual(before);
    expect((await run(...IMAGE)).stdout).toBe((await run(...IMAGE)).stdout);
  });

  test('the config survives byte for byte, whatever it holds', async () => {
    const odd = `${CONFIG}#  trailing spaces  \n#\ttab, 飛脚, 𝒳, \u00A0, \u2028 and \u0085 — "quotes" 'and' \\n: #\n\n\n`;
    for (const text of [odd, ` \n${odd}`, odd.replaceAll('\n', '\r\n'), odd.trimEnd()]) {
      await write('hikyaku.yaml', text);
      const plain = field(objectOf(await printed(), 'ConfigMap', 'hikyaku-config'), 'data', 'hikyaku.yaml');
      expect(plain).toBe(text);
      // Copied, it is read by kustomize, which reads YAML as Kubernetes does, and loses one character when it writes.
      await write('hikyaku.yaml', text.replaceAll('\u0085', ''));
      await rm(`${folder}-base`, { recursive: true, force: true });
      expectExit(await run('--kustomize', `${folder}-base`), 0);
      const built = objectOf(await buildFolder(`${folder}-base`), 'ConfigMap', 'hikyaku-config');
      expect(field(built, 'data', 'hikyaku.yaml')).toBe(text.replaceAll('\u0085', ''));
    }
  });

  test('Flux substitutes nothing in the config', async () => {
    await written();
    for (const objects of [await printed(), await buildFolder(folder)])
      expect(field(objectOf(objects, 'ConfigMap', 'hikyaku-config'), 'metadata', 'annotations')).toEqual({
        'kustomize.toolkit.fluxcd.io/substitute': 'disabled',
      });
  });

  test('a new Secret changes no install file under «own», and the grants alone under «named»', async () => {
    const more = `${CONFIG}  - { name: more, namespace: elsewhere, from: app, type: kubernetes.io/basic-auth, data: { username: A, password: B } }\n`;
    await written();
    await write('hikyaku.yaml', more);
    expectExit(await run('--check'), 0);
    expect(await written('--rights', 'named')).toEqual(['install/grants.yaml', 'kustomization.yaml']);
    await write('hikyaku.yaml', CONFIG);
    expect(await written()).toEqual(['install/grants.yaml']);
  });
});

describe('the Pod', () => {
  test('variables come from a Secret, one by one, and a person is told', async () => {
    const finished = await run();
    expect(finished.stderr).toMatch(
      /DOPPLER_TOKEN is taken from .* create secret generic hikyaku-env --from-env-file=\/dev\/stdin\n/,
    );
    expect(field(container(parseManifests(finished.stdout)), 'env')).toContainEqual({
      name: 'DOPPLER_TOKEN',
      valueFrom: { secretKeyRef: { name: 'hikyaku-env', key: 'DOPPLER_TOKEN', optional: true } },
    });
  });

  test('files of credentials are in no manifest, and that is said', async () => {
    await write('hikyaku.yaml', CONFIG.replace('{ env: DOPPLER_TOKEN }', '{ file: token.txt }'));
    await write('token.txt', 'dp.st.prd.not-in-any-manifest');
    const { stdout, stderr } = await run();
    expect(stdout).not.toContain('not-in-any-manifest');
    expect(stderr).toMatch(/source app reads \S+token.txt, which is not in these manifests/);
  });

  test('plug-ins and certificates beside the config come along, also from a folder', async () => {
    await write('code/vault.ts', 'export default {};\n');
    await write('hikyaku.yaml', 'providers: { v: { type: ./code/vault.ts } }\nsecrets: []\n');
    await cp(join(examples, 'plugin/openbao.ts'), join(folder, 'code/vault.ts'));
    await symlink(join(dirname(bundle), '../../../node_modules'), join(folder, 'node_modules'));
    const config =
      'providers: { v: { type: ./code/vault.ts, url: "https://bao.lan:8200", path: a, token: { env: T } } }\n';
    await write('hikyaku.yaml', `${config}secrets: [{ name: a, namespace: b, from: v }]\n`);
    const objects = await printed('--network-policy');
    const code = field(objectOf(objects, 'ConfigMap', 'hikyaku-config'), 'data', 'code.vault.ts');
    expect(code).toBe(await read('code/vault.ts'));
    const volumes = field(objectOf(objects, 'Deployment', 'hikyaku'), 'spec', 'template', 'spec', 'volumes');
    expect(field(volumes, 0, 'configMap', 'items')).toContainEqual({ key: 'code.vault.ts', path: 'code/vault.ts' });
    expect(JSON.stringify(objectOf(objects, 'NetworkPolicy', 'hikyaku'))).toContain('"port":8200');
    await written();
    expect(sorted(await buildFolder(folder))).toEqual(sorted(await printed()));
  });

  test.each(['null', 'true', 'no', 'y', '1', '1.10', '1e3', '0x1f', '12:30', '2026-11-26'])(
    'an image, a cluster and a variable called %s are text, however YAML is read',
    async (odd) => {
      const variable = odd.replace(/^\d.*/, 'NO').toUpperCase();
      const cluster = odd.replaceAll(/[.:]/g, '-');
      const { recipient } = await generateIdentity();
      await write(
        'hikyaku.yaml',
        `recipients: { ${JSON.stringify(cluster)}: ${recipient} }\n${CONFIG.replace('DOPPLER_TOKEN', `'${variable}'`)}`,
      );
      const flags = ['--image', odd, '--cluster', cluster];
      const plain = await printed(...flags);
      await written(...flags);
      // kustomize reads YAML as Kubernetes does.
      for (const objects of [plain, await buildFolder(folder)]) {
        expect(field(container(objects), 'image')).toBe(odd);
        expect(field(container(objects), 'args')).toEqual(expect.arrayContaining(['--cluster', cluster]));
        expect(field(container(objects), 'env')).toContainEqual({
          name: variable,
          valueFrom: { secretKeyRef: { name: 'hikyaku-env', key: variable, optional: true } },
        });
      }
      // It is remembered as it was said.
      expect(await written()).toEqual([]);
    },
  );

  test('its arguments are flags of run', async () => {
    const flags = ['--replicas', '2', '--receiver', '8082', '--page', '8083'];
    const [command, ...args] = textsIn(field(container(await printed(...flags)), 'args'));
    expect(command).toBe('run');
    const { stdout: help } = await hikyaku(['run', '--help']);
    const named = args.filter((arg) => arg.startsWith('--'));
    expect(named).toEqual(['--config', '--health', '--receiver', '--page', '--leader-election']);
    expect(named.filter((flag) => !new RegExp(`^  (?:-., )?${flag}\\b`, 'm').test(help))).toEqual([]);
  });

  test('more than one waits for the leader, and one alone does not', async () => {
    const argumentsOf = async (...flags: readonly string[]) => field(container(await printed(...flags)), 'args');
    expect(await argumentsOf('--replicas', '2')).toContain('--leader-election');
    expect(await argumentsOf()).not.toContain('--leader-election');
    expect(field(container(await printed('--daemonset'), 'DaemonSet'), 'args')).toContain('--leader-election');
    const { exitCode, stderr } = await run('--daemonset', '--replicas', '2');
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('leave out --replicas')]);
  });
});

describe('the grants', () => {
  async function data(...flags: readonly string[]): Promise<unknown> {
    return field(objectOf(await printed(...flags), 'ConfigMap', 'hikyaku-grants'), 'data');
  }

  test('are those of grants.yaml beside the config, and what that leaves out is said', async () => {
    await write('grants.yaml', 'types: [kubernetes.io/tls]\nnames: [web/app-env, web/other]\n');
    const { exitCode, stdout, stderr } = await run();
    expect([exitCode, stderr]).toEqual([0, expect.stringContaining('the type Opaque may not be written')]);
    const grants = field(objectOf(parseManifests(stdout), 'ConfigMap', 'hikyaku-grants'), 'data');
    expect(grants).toMatchObject({ types: 'kubernetes.io/tls', names: 'web/app-env, web/other' });
  });

  test('«named» names the Secrets of the config, and none that grants.yaml leaves out', async () => {
    expect(await data('--rights', 'named')).toMatchObject({ names: 'web/app-env' });
    expect(await data()).not.toHaveProperty('names');
    await write('grants.yaml', 'types: [Opaque]\n');
    expect(await data('--rights', 'named')).toMatchObject({ types: 'Opaque', names: 'web/app-env' });
    await write('grants.yaml', 'names: [web/other]\n');
    expect(await data('--rights', 'named')).toMatchObject({ names: '' });
  });

  test('«named» for one cluster names its Secrets alone', async () => {
    const config = join(examples, 'clusters.yaml');
    const named = async (cluster: string) =>
      field(await data('--config', config, '--rights', 'named', '--cluster', cluster), 'names');
    expect(await named('home')).toBe('backup/nas, media/media-env, web/web-env');
    const { exitCode, stderr } = await run('--config', config, '--cluster', 'me');
    expect([exitCode, stderr]).toEqual([2, 'error: me is no cluster under `recipients:` of the config\n']);
  });

  test('the manifest of the ConfigMap itself is taken as it is', async () => {
    const { stdout } = await hikyaku(['grants', '--config-map'], { cwd: folder });
    await write('grants.yaml', `${stdout}# mine\n`);
    await written();
    expect(await read('install/grants.yaml')).toBe(`${stdout}# mine\n`);
    // What a person's editor has not ended does not swallow the next document.
    await write('grants.yaml', `${stdout}# mine`);
    expect(sorted(await printed())).toEqual(sorted(await buildFolder(folder)));
    const { exitCode, stderr } = await run('--rights', 'named');
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('is the ConfigMap itself')]);
  });
});

describe('what is refused, with nothing written', () => {
  test.each<[string, string, readonly string[], string]>([
    ['a mistake in the config', 'secretz: []\n', [], 'unknown key `secretz`'],
    ['no config at all', '', ['--config', 'nowhere.yaml'], 'there is no such file'],
    ['another namespace', CONFIG, ['--namespace', 'other'], 'leave out --namespace'],
    ['JSON of the plain output', CONFIG, ['--json'], '--json goes with --kustomize or --check'],
    ['a port that needs root', CONFIG, ['--receiver', '80'], 'a port from 1024'],
    ['no replicas', CONFIG, ['--replicas', '0'], 'a number from 1'],
    ...['', '~', '-x', 'A/b', '../b', 'a b', 'a:', 'a: b', 'a #b', 'a\nb: c', "a'", 'a/', 'a:b:c', 'a@sha256:01'].map(
      (image): [string, string, readonly string[], string] => [
        `the image ${JSON.stringify(image)}`,
        CONFIG,
        [`--image=${image}`],
        'It has to be such as registry.example/hikyaku:0.1.0',
      ],
    ),
    [
      'an own folder of configs',
      CONFIG,
      ['--config', '.', '--kustomize', '.'],
      'put the config into a folder of its own',
    ],
  ])('%s', async (_, config, flags, message) => {
    await write('hikyaku.yaml', config);
    const before = await contents();
    const { exitCode, stdout, stderr } = await run(...(flags.includes('--json') ? [] : ['--kustomize', '.']), ...flags);
    expect([exitCode, stdout + stderr]).toEqual([2, expect.stringContaining(message)]);
    expect(await contents()).toEqual(before);
  });

  test('a mistake in grants.yaml', async () => {
    await write('grants.yaml', 'name: [web/app]\n');
    const { exitCode, stderr } = await run();
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('unknown key `name`')]);
  });

  test('a config that no ConfigMap can hold', async () => {
    await mkdir(join(folder, 'config'));
    for (const part of [1, 2])
      await write(`config/${part}.yaml`, `${part === 1 ? CONFIG : 'resync: 10m\n'}# ${'x'.repeat(600_000)}\n`);
    const { exitCode, stderr } = await run('--config', 'config');
    expect([exitCode, stderr]).toEqual([
      2,
      expect.stringMatching(/hikyaku-config would hold 1200\d+ bytes, and Kubernetes takes 1048576/),
    ]);
  });

  test('a kustomization of somebody else, without --force', async () => {
    await write('kustomization.yaml', 'resources: []\n');
    const { exitCode, stderr } = await run('--kustomize', '.');
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('kustomization.yaml was not written by hikyaku')]);
    expect(await read('kustomization.yaml')).toBe('resources: []\n');
    expect((await run('--check')).stdout).toContain('hikyaku manifests --kustomize . --force');
    expectExit(await run('--kustomize', '.', '--force'), 0);
    expectExit(await run('--check'), 0);
  });
});

describe('--check', () => {
  test('lists what differs, and writes nothing', async () => {
    await written();
    await write('install/deployment.yaml', `${await read('install/deployment.yaml')}# mine\n`);
    await rm(join(folder, 'install/grants.yaml'));
    const before = await contents();
    const { exitCode, stdout } = await run('--check');
    expect([exitCode, stdout]).toEqual([
      1,
      '2 files of . would be written otherwise:\n  ~ install/grants.yaml\n  ~ install/deployment.yaml\nso write them: hikyaku manifests --kustomize .\n',
    ]);
    const json = await run('--check', '--json');
    expect(JSON.parse(json.stdout)).toEqual({
      folder: '.',
      differing: ['install/grants.yaml', 'install/deployment.yaml'],
    });
    expect(await contents()).toEqual(before);
  });

  test('the line that writes them is one for a shell, whatever the folder is called', async () => {
    await write('my home/$(touch x)/hikyaku.yaml', CONFIG);
    const { stdout } = await run('--check', '--config', 'my home/$(touch x)/hikyaku.yaml');
    expect(stdout).toContain(
      "so write them: hikyaku manifests --config 'my home/$(touch x)/hikyaku.yaml' --kustomize 'my home/$(touch x)'\n",
    );
  });

  test('as a hook of the clone, stops a commit whose files are stale, and only that', async () => {
    const bin = `${folder}-bin`;
    await mkdir(bin);
    await writeFile(join(bin, 'hikyaku'), `#!/bin/sh\nexec '${process.execPath}' '${bundle}' "$@"\n`, { mode: 0o755 });
    const git = async (...args: readonly string[]) =>
      await promisify(execFile)('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.com', ...args], {
        cwd: folder,
        env: { ...process.env, PATH: `${bin}:${process.env['PATH']}` },
      });
    const init = () => hikyaku(['init', '--hook', '--config', 'clusters/hikyaku.yaml'], { cwd: folder });
    const outside = await init();
    expect([outside.exitCode, outside.stderr]).toEqual([1, expect.stringContaining('is in no clone of Git')]);

    await write('clusters/hikyaku.yaml', CONFIG);
    await git('init', '--quiet');
    expectExit(await init(), 0);
    const flags = ['--config', 'clusters/hikyaku.yaml', '--kustomize', 'clusters', '--rights', 'named'];
    expectExit(await run(...flags), 0);
    await git('add', '.');
    await git('commit', '--quiet', '--message', 'all in order');

    await write('clusters/hikyaku.yaml', CONFIG.replace('name: app-env', 'name: other'));
    const refused = await git('commit', '--quiet', '--all', '--message', 'stale').catch((error: unknown) => error);
    expect(String(field(refused, 'stdout')) + String(field(refused, 'stderr'))).toContain('~ install/grants.yaml');
    expectExit(await run(...flags), 0);
    await git('commit', '--quiet', '--all', '--message', 'in order again');
    expectExit(await init(), 0);

    await write('.git/hooks/pre-commit', '#!/bin/sh\ntrue\n');
    const kept = await init();
    const line = "add this line to it: hikyaku manifests --check --config 'clusters/hikyaku.yaml'";
    expect([kept.exitCode, kept.stderr]).toEqual([1, expect.stringContaining(line)]);
    expect(await read('.git/hooks/pre-commit')).toBe('#!/bin/sh\ntrue\n');

    const shared = `${folder}-shared-hooks`;
    await git('config', 'core.hooksPath', shared);
    const not = await init();
    expect([not.exitCode, not.stderr]).toEqual([1, expect.stringContaining('would run in other clones too')]);
    await expect(readFile(join(shared, 'pre-commit'))).rejects.toThrow('ENOENT');

    // The same by a symbolic link.
    await git('config', '--unset', 'core.hooksPath');
    await mkdir(shared);
    await rm(join(folder, '.git/hooks'), { recursive: true });
    await symlink(shared, join(folder, '.git/hooks'));
    const linked = await init();
    expect([linked.exitCode, linked.stderr]).toEqual([1, expect.stringContaining('would run in other clones too')]);
    expect(await readdir(shared)).toEqual([]);

    // One that stays within the clone is no other than a folder.
    await rm(join(folder, '.git/hooks'));
    await mkdir(join(folder, 'hooks'));
    await symlink('../hooks', join(folder, '.git/hooks'));
    expectExit(await init(), 0);
    expect(await read('hooks/pre-commit')).toContain('hikyaku manifests --check');
  });
});

async function contents(): Promise<Readonly<Record<string, string>>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const names = paths.map((path) => path.slice(folder.length + 1)).toSorted();
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await read(name)] as const)));
}
