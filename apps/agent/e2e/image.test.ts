import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, glob, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ensureReferenceTool } from '@hikyaku/reference-tools';
import {
  createNamespace,
  field,
  hikyaku,
  installRights,
  parseManifests,
  readSecret,
  startCluster,
} from '@hikyaku/testbed';
import type { Cluster } from '@hikyaku/testbed';
import { afterAll, beforeAll, expect, test } from 'vitest';

// The Dockerfile, as far as that goes without a container engine: read by BuildKit's own parser and linter, and its steps done by hand.

interface Instruction {
  readonly name: string;
  readonly text: string;
  readonly from?: string;
  readonly sources?: readonly string[];
  readonly target?: string;
  readonly words?: readonly string[];
  readonly shell?: boolean;
  readonly pairs?: Readonly<Record<string, string>>;
}

interface Stage {
  readonly name: string;
  readonly base: string;
  readonly platform?: string;
  readonly instructions: readonly Instruction[];
}

interface Dockerfile {
  readonly warnings: readonly string[];
  readonly arguments: Readonly<Record<string, string>>;
  readonly stages: readonly Stage[];
  readonly ignored: readonly string[];
}

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../..', import.meta.url));
/** Another user needs root to be started, and root is not kept from writing. */
const isRoot = process.getuid?.() === 0;

let work: string;
let context: readonly string[];
let dockerfile: Dockerfile;
let build: Stage;
let final: Stage;

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'hikyaku-image-'));
  await chmod(work, 0o755);
  const { stdout } = await run('git', ['-C', root, 'ls-files'], { maxBuffer: 8_000_000 });
  const paths = stdout.split('\n').filter((path) => path !== '');
  dockerfile = await readDockerfile(join(root, 'Dockerfile'), [
    ...paths,
    'apps/agent/dist/hikyaku.js',
    'node_modules/a/b',
  ]);
  context = paths.filter((path) => !dockerfile.ignored.includes(path));
  const [first, last, ...more] = dockerfile.stages;
  if (first === undefined || last === undefined || more.length > 0) throw new Error('two stages are known here');
  [build, final] = [first, last];
});
afterAll(async () => {
  await run('chmod', ['-R', 'u+w', work]);
  await rm(work, { recursive: true, force: true });
});

test('the linter of BuildKit has nothing to say, and would', async () => {
  expect(dockerfile.warnings).toEqual([]);
  const worse = join(work, 'Dockerfile');
  await writeFile(worse, (await readFile(join(root, 'Dockerfile'), 'utf8')).replace('AS build', 'as build'));
  expect((await readDockerfile(worse, [])).warnings.join()).toContain('FromAsCasing');
});

test('it is built once for all architectures, of images whose version is said, and runs without a shell and without root', () => {
  expect(build.platform).toBe('$BUILDPLATFORM');
  expect(final.platform ?? '').toBe('');
  expect([build.base, final.base]).toEqual(['${BUILD_IMAGE}', '${RUN_IMAGE}']);
  expect(dockerfile.arguments['BUILD_IMAGE']).toMatch(/\/node:24\.\d+\.\d+-\w+-slim$/);
  expect(dockerfile.arguments['RUN_IMAGE']).toMatch(/\/distroless\/nodejs24-debian\d+:nonroot$/);
  expect(final.instructions.map(({ name }) => name)).not.toContain('RUN');
  expect(only(final, 'USER').words).toEqual(['65532:65532']);
  expect(only(final, 'ENTRYPOINT').shell ?? false).toBe(false);
});

test('the command, the variable and the user are those of the install files', async () => {
  const config = join(work, 'hikyaku.yaml');
  await writeFile(config, CONFIG);
  const { stdout } = await hikyaku(['manifests', '--config', config]);
  const deployment = parseManifests(stdout).find(({ kind }) => kind === 'Deployment');
  const pod = field(deployment, 'spec', 'template', 'spec');
  expect(only(final, 'ENTRYPOINT').words).toEqual(field(pod, 'containers', 0, 'command'));
  expect(only(final, 'ENV').pairs).toMatchObject({ MALLOC_ARENA_MAX: field(pod, 'containers', 0, 'env', 0, 'value') });
  const { runAsUser, runAsGroup } = Object(field(pod, 'securityContext'));
  expect(only(final, 'USER').words).toEqual([`${runAsUser}:${runAsGroup}`]);
  // The install files say «node», and distroless images have it where no PATH leads.
  expect(only(final, 'ENV').pairs?.['PATH']).toMatch(/^\/nodejs\/bin:/);
});

test('its labels say the version of the agent and its licence', async () => {
  const { version, license } = JSON.parse(await readFile(join(root, 'apps/agent/package.json'), 'utf8'));
  const declared = final.instructions.flatMap(({ name, pairs }) => (name === 'ARG' ? [pairs] : []));
  expect(declared).toContainEqual({ VERSION: version });
  expect(only(final, 'LABEL').pairs).toMatchObject({
    'org.opencontainers.image.title': 'hikyaku',
    'org.opencontainers.image.licenses': license,
    'org.opencontainers.image.version': '${VERSION}',
    'org.opencontainers.image.revision': '${REVISION}',
  });
});

test('the context holds what the build reads and little more: no built file, no tests, nothing that Git does not know', () => {
  expect(dockerfile.ignored).toContain('apps/agent/dist/hikyaku.js');
  expect(dockerfile.ignored).toContain('node_modules/a/b');
  for (const path of ['package-lock.json', 'apps/agent/build.ts', 'deploy/rights-own.yaml', 'tools/bench/package.json'])
    expect(context).toContain(path);
  expect(context.filter((path) => /\.test\.|\.md$|^docs|^examples|\/e2e\/|\.env|\.pem$|\.key$/.test(path))).toEqual([]);
});

test('done by hand, the agent of the image works for a user who may write nothing', async () => {
  const source = join(work, 'src');
  for (const path of context) await copy(join(root, path), join(source, path));
  // Whether the lock fits the packages; what it would install is linked instead.
  await run('npm', ['ci', '--ignore-scripts', '--dry-run', '--offline'], { cwd: source });
  await linkPackages(source);
  const folders = build.instructions.flatMap(({ name, words }) => (name === 'WORKDIR' ? (words ?? []) : []));
  const [program = '', ...script] = build.instructions.findLast(({ name }) => name === 'RUN')?.words ?? [];
  expect([folders.at(-1), program]).toEqual(['/src/apps/agent', 'node']);
  await run(process.execPath, script, { cwd: join(work, folders.at(-1) ?? '') });

  const image = join(work, 'image');
  for (const { from, sources = [], target = '' } of final.instructions.filter(({ name }) => name === 'COPY')) {
    expect(from).toBe('build');
    for (const pattern of sources) {
      const found: string[] = [];
      for await (const path of glob(join(work, pattern))) found.push(path);
      expect(found.length, pattern).toBeGreaterThan(0);
      for (const path of found) await copy(path, join(image, target, basename(path)));
    }
  }
  expect((await readdir(join(image, 'app'))).toSorted()).toEqual(
    [
      'LICENSE',
      'THIRD-PARTY-LICENSES.txt',
      'hikyaku.js',
      'opener.js',
      'package.json',
      'parts',
      'sbom.cdx.json',
    ].toSorted(),
  );
  const parts = (folder: string) =>
    readdir(join(folder, 'parts')).then((names) => names.filter((name) => name.endsWith('.js')));
  expect(await parts(join(image, 'app'))).toEqual(await parts(join(source, 'apps/agent/dist')));
  // The source is away, as it is in the image.
  await rm(source, { recursive: true, force: true });
  await run('chmod', ['-R', 'a-w,a+rX', image]);
  await run('chmod', ['-R', 'a+rX', work]);

  const { version } = JSON.parse(await readFile(join(root, 'apps/agent/package.json'), 'utf8'));
  expect(await inImage(image, ['--version'])).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(version) });
  const folder = join(work, 'config');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'hikyaku.yaml'), CONFIG);
  await writeFile(join(folder, 'data.env'), 'GREETING=hello');
  await chmod(folder, 0o755);
  expect(await inImage(image, ['validate', '--config', join(folder, 'hikyaku.yaml')])).toMatchObject({ exitCode: 0 });

  await using cluster = await startCluster({ controllers: false });
  await installRights(cluster);
  await createNamespace(cluster.admin, 'web');
  await runInImage(image, cluster, join(folder, 'hikyaku.yaml'));
  expect((await stat(join(image, 'app/hikyaku.js'))).mode & 0o222).toBe(0);
}, 240_000);

const CONFIG = `providers:
  here: { type: file, path: data.env }
secrets:
  - { name: web-env, namespace: web, from: here }
`;

/** Until it has written the Secret. */
async function runInImage(image: string, cluster: Cluster, config: string): Promise<void> {
  const kubeconfig = join(work, 'kubeconfig');
  await writeFile(kubeconfig, await readFile(await cluster.agentKubeconfig()), { mode: 0o644 });
  const agent = start(image, ['run', '--config', config], { KUBECONFIG: kubeconfig });
  try {
    const until = Date.now() + 60_000;
    while ((await readSecret(cluster.admin, 'web/web-env'))?.data['GREETING'] !== 'hello') {
      if (Date.now() > until || agent.child.exitCode !== null)
        throw new Error(`it did not sync; it said:\n${agent.said()}`);
      await sleep(200);
    }
    const uid = /^Uid:\s+(\d+)/m.exec(await readFile(`/proc/${agent.child.pid}/status`, 'utf8'))?.[1];
    expect(uid).toBe(String(isRoot ? 65532 : process.getuid?.()));
  } finally {
    agent.child.kill();
    await agent.ended;
  }
}

async function inImage(
  image: string,
  args: readonly string[],
): Promise<{ readonly exitCode: number; readonly stdout: string }> {
  const { child, said, ended } = start(image, args, {});
  await ended;
  return { exitCode: child.exitCode ?? 1, stdout: said() };
}

function start(image: string, args: readonly string[], env: Readonly<Record<string, string>>) {
  const [, ...flags] = only(final, 'ENTRYPOINT').words ?? [];
  const words = flags.map((flag) => flag.replace(/^\/app/, join(image, 'app')));
  const { MALLOC_ARENA_MAX } = only(final, 'ENV').pairs ?? {};
  const child = spawn(process.execPath, [...words, ...args], {
    cwd: image,
    // As a container runtime takes it from /etc/passwd of the image.
    env: { HOME: '/home/nonroot', ...(MALLOC_ARENA_MAX !== undefined && { MALLOC_ARENA_MAX }), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(isRoot && { uid: 65532, gid: 65532 }),
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (more: string) => {
      text += more;
    });
  return { child, said: () => text, ended: once(child, 'close') };
}

async function linkPackages(source: string): Promise<void> {
  const link = async (from: string, to: string) => {
    await mkdir(to, { recursive: true });
    for (const name of await readdir(from)) if (name !== '@hikyaku') await symlink(join(from, name), join(to, name));
  };
  await link(join(root, 'node_modules'), join(source, 'node_modules'));
  await link(join(root, 'apps/agent/node_modules'), join(source, 'apps/agent/node_modules'));
  await mkdir(join(source, 'node_modules/@hikyaku'));
  for (const name of await readdir(join(source, 'packages')))
    await symlink(join(source, 'packages', name), join(source, 'node_modules/@hikyaku', name));
}

async function copy(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await cp(from, to);
}

async function readDockerfile(path: string, paths: readonly string[]): Promise<Dockerfile> {
  const program = await ensureReferenceTool('dockerfile');
  const { stdout } = await run(program, [path, join(root, '.dockerignore'), ...paths], { maxBuffer: 8_000_000 });
  return JSON.parse(stdout);
}

function only({ instructions }: Stage, name: string): Instruction {
  const [found, ...more] = instructions.filter((one) => one.name === name);
  if (found === undefined || more.length > 0) throw new Error(`there should be one ${name}`);
  return found;
}
