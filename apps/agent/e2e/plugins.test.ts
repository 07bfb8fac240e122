import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { testProvider } from '@hikyaku/provider-testing';
import { listen } from '@hikyaku/provider-utils/testing';
import {
  type Cluster,
  expectExit,
  hikyaku,
  installRights,
  readSecret,
  resetInventory,
  startCluster,
  startHikyaku,
} from '@hikyaku/testbed';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import openbao from '../../../examples/plugin/openbao.ts';
import { digestOf } from '../src/plugins/plug-in-flag.ts';

// Providers of others, by the built agent on a real API server.

const root = fileURLToPath(new URL('../../..', import.meta.url));
const run = promisify(execFile);
let cluster: Cluster;
let kubeconfig: string;
let directory: string;

beforeAll(async () => {
  cluster = await startCluster({ controllers: false });
  await installRights(cluster);
  kubeconfig = await cluster.agentKubeconfig();
  directory = await mkdtemp(join(tmpdir(), 'hikyaku-plug-ins-'));
});
afterAll(async () => {
  await cluster?.stop();
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

beforeEach(async () => {
  await resetInventory(cluster.admin);
});

const IN_POD = { KUBERNETES_SERVICE_HOST: '127.0.0.1' };

async function write(path: string, content: string): Promise<string> {
  const absolute = join(directory, path);
  await mkdir(dirname(absolute), { recursive: true });
  await writeFile(absolute, content);
  return absolute;
}

/** A config with one Secret of one plug-in; returns the arguments that name it. */
async function given(name: string, type: string, settings: object = {}): Promise<readonly string[]> {
  const config = {
    providers: { nas: { type, refresh: '1s', ...settings } },
    secrets: [{ name, namespace: 'default', from: 'nas' }],
  };
  const path = await write(`${name}.yaml`, JSON.stringify(config));
  return ['--config', path, '--kubeconfig', kubeconfig];
}

async function dataOf(name: string): Promise<Readonly<Record<string, string>> | undefined> {
  return (await readSecret(cluster.admin, `default/${name}`))?.data;
}

describe('docs/add-a-provider.md', () => {
  const port = 20_000 + Math.floor(Math.random() * 10_000);
  let blocks: readonly Block[];
  let output: string;

  /** The reader: writes the files and types the commands, one after the other, but for the port and a moment's patience. */
  beforeAll(async () => {
    blocks = await blocksOf(join(root, 'docs/add-a-provider.md'));
    const script = blocks.map(({ file, text }) => {
      const own = text.replaceAll('8090', String(port));
      if (file === 'args') return '';
      if (file !== undefined) return `mkdir -p "$(dirname ${file})"; cat > ${file} <<'END'\n${own}END\n`;
      const reachable = `node -e "fetch('http://127.0.0.1:${port}').catch(() => process.exit(1))"`;
      return own.replace(/ &\n/, ` &\nuntil ${reachable}; do sleep 0.1; done\n`);
    });
    // As a reader's shell is: neither vitest's nor npm's.
    const own = Object.entries(process.env).filter(([name]) => !/^(npm_|VITEST|NODE_(ENV|OPTIONS)$)/i.test(name));
    const env = {
      ...Object.fromEntries(own),
      PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
      HIKYAKU: root,
      KUBECONFIG: cluster.kubeconfig,
    };
    const commands = `set -euo pipefail; trap 'kill $(jobs -p) || true' EXIT\n${script.join('\n')}`;
    const { stdout, stderr } = await run('bash', ['-c', commands], { cwd: directory, env, maxBuffer: 2 ** 26 });
    output = stdout + stderr;
  }, 300_000);

  test('has no block that is neither a file nor a command', () => {
    expect(blocks.filter(({ language, file }) => file === undefined && language !== 'sh')).toEqual([]);
  });

  test('its package passes the conformance suite', () => {
    expect(output).toMatch(/^ℹ pass [1-9]\d+$/m);
    expect(output).toMatch(/^ℹ fail 0$/m);
  });

  test('its Secret is in the cluster', async () => {
    expect(output).toContain('Plan: 1 to create.');
    expect(await dataOf('nas-env')).toEqual({ DB_PASSWORD: 'correct-horse-battery' });
  });

  test('its file may run in a pod, by its digest', async () => {
    expect(output).toContain('pod.yaml: 1 source, 1 Secret');
    const block = blocks.find(({ file }) => file === 'args');
    const { args } = parse(block?.text ?? '') as { readonly args: readonly string[] };
    const folder = join(directory, 'hikyaku-provider-nas');
    const digest = digestOf(await readFile(join(folder, 'src/index.ts')));
    const [, ...flags] = args.map((argument) =>
      argument
        .replace('/config/hikyaku.yaml', join(folder, 'pod.yaml'))
        .replace('/config/nas.ts', join(folder, 'src/index.ts'))
        .replace('sha256-…', digest),
    );
    expectExit(await hikyaku(['validate', ...flags], { env: IN_POD }), 0);
  });

  test('its package, as it is published, works where nothing else is installed', async () => {
    const installed = join(directory, 'elsewhere/node_modules/hikyaku-provider-nas');
    await mkdir(installed, { recursive: true });
    const tarball = join(directory, 'hikyaku-provider-nas/hikyaku-provider-nas-0.1.0.tgz');
    await run('tar', ['-xzf', tarball, '--strip-components=1', '-C', installed]);
    const value = JSON.stringify({ value: 'from the package' });
    await using server = await listen(({ url }, response) =>
      response.end(url === '/secrets' ? '{"names":["A"]}' : value),
    );
    const config = {
      providers: { nas: { type: 'hikyaku-provider-nas', url: server.url } },
      secrets: [{ name: 'nas-package', namespace: 'default', from: 'nas' }],
    };
    const path = await write('elsewhere/hikyaku.yaml', JSON.stringify(config));
    const args = ['sync', '--config', path, '--kubeconfig', kubeconfig];
    expectExit(await hikyaku(args, { env: { NAS_TOKEN: 'any' } }), 0);
    expect(await dataOf('nas-package')).toEqual({ A: 'from the package' });
  });
});

/** One file that brings nothing along. */
function lone(value: string): string {
  return `
import { defineProvider, readEach, SecretValue } from '@hikyaku/core';
import { sendRequest } from '@hikyaku/provider-utils';
import * as z from 'zod';

const config = z.strictObject({ suffix: z.string().default('!') });
type Config = z.infer<typeof config>;

export default defineProvider<Config>({
  type: 'lone',
  config,
  describe: () => ({ identity: 'lone', origins: [] }),
  connect: ({ suffix }: Config) => ({
    read: readEach(async () => ({ value: SecretValue.of(${JSON.stringify(value)} + suffix + typeof sendRequest) }), {
      list: async () => ['KEY'],
    }),
  }),
});
`;
}

describe('one file of a ConfigMap, in a pod', () => {
  const mounted = 'mounted';

  /** As the kubelet swaps it: a new folder, and one rename. */
  async function mount(revision: string, content: string): Promise<string> {
    await write(`${mounted}/..${revision}/lone.ts`, content);
    await symlink(`..${revision}`, join(directory, mounted, '..data_tmp'));
    await rename(join(directory, mounted, '..data_tmp'), join(directory, mounted, '..data'));
    const path = join(directory, mounted, 'lone.ts');
    await symlink('..data/lone.ts', path).catch(() => {});
    return path;
  }

  test('runs by its digest, and goes on as it is when the file changes; a restart refuses the other file', async () => {
    const content = lone('first');
    const path = await mount('1', content);
    const flags = ['--plugin', `lone=${path}@${digestOf(Buffer.from(content))}`];
    const args = [...(await given('lone', 'lone')), ...flags];
    const daemon = startHikyaku(['run', ...args, '--log-level', 'debug'], { env: IN_POD });
    try {
      await daemon.logged({ msg: 'applied', secret: 'default/lone' });
      expect(await dataOf('lone')).toEqual({ KEY: 'first!function' });

      const hostile = `process.exit(77);\n${lone('second')}`;
      await mount('2', hostile);
      const from = daemon.log.length;
      await daemon.logged({ source: 'nas' }, { from });
      expect(daemon.process.exitCode).toBeNull();
      expect(await dataOf('lone')).toEqual({ KEY: 'first!function' });

      const again = await hikyaku(['sync', ...args], { env: IN_POD });
      expectExit(again, 2);
      expect(again.stderr).toContain(`${path} is not the file that was named when the agent was started`);
      expect(again.stderr).toContain(`--plugin lone=${path}@${digestOf(Buffer.from(hostile))}`);
    } finally {
      await daemon.stop();
    }
  });

  test.each(['run', 'sync', 'plan', 'validate'])(
    '%s loads no path and no package without its digest',
    async (command) => {
      const marker = join(directory, `${command}.marker`);
      await write(
        'marks.mjs',
        `import { writeFileSync } from 'node:fs';\nwriteFileSync(${JSON.stringify(marker)}, '');`,
      );
      const finished = await hikyaku([command, ...(await given('marks', './marks.mjs'))], { env: IN_POD });
      expectExit(finished, 2);
      expect(finished.stderr).toContain('--plugin ./marks.mjs=');
      await expect(readFile(marker)).rejects.toThrow('ENOENT');
    },
  );
});

describe('a plug-in that misbehaves', () => {
  /** A plug-in whose reads do this. */
  async function reads(name: string, body: string, describeIt = "({ identity: 'x', origins: [] })"): Promise<string> {
    await write(
      name,
      `import { SecretValue, ProviderError } from '@hikyaku/core';
export default {
  type: 'odd',
  config: { '~standard': { version: 1, vendor: 'own', validate: (value) => ({ value }) } },
  describe: () => ${describeIt},
  connect: (_, context) => ({ async read(request) { ${body} } }),
};`,
    );
    return `./${name}`;
  }
  const good = "return { secrets: new Map([['KEY', { value: SecretValue.of('last good') }]]) };";

  test.each([
    ['a plain object', "return { secrets: { KEY: 'hunter2' } };", 'returns makes no sense: `secrets` must be a Map'],
    ['nothing', '', 'returns makes no sense'],
    ['values that are text', "return { secrets: new Map([['KEY', 'hunter2']]) };", 'returns makes no sense'],
    ['an error of the wrong kind', "throw new TypeError('hunter2');", 'unexpected TypeError at'],
    ['a value in its error', 'null.hunter2;', 'unexpected TypeError at'],
  ])('with %s as its answer costs no data, and is told without the value', async (title, body, says) => {
    const name = `odd-${title.replaceAll(' ', '-')}`;
    expectExit(await hikyaku(['sync', ...(await given(name, await reads('good.mjs', good)))]), 0);
    const finished = await hikyaku(['sync', ...(await given(name, await reads(`${name}.mjs`, body)))]);
    expectExit(finished, 1);
    expect(finished.stdout + finished.stderr).toContain(says);
    expect(finished.stdout + finished.stderr).not.toContain('hunter2');
    expect(await dataOf(name)).toEqual({ KEY: 'last good' });
  });

  test('reaches no origin but those it named', async () => {
    let requests = 0;
    await using server = await listen((_, response) => {
      requests += 1;
      response.end();
    });
    const body = `await context.dispatcher.request({ origin: '${server.url}', path: '/', method: 'GET' }); ${good}`;
    const finished = await hikyaku(['sync', ...(await given('odd-origin', await reads('origin.mjs', body)))]);
    expectExit(finished, 1);
    expect(finished.stdout).toContain(`a request to ${server.url} was refused`);
    expect(requests).toBe(0);
  });

  test('that never finishes to load is given up after ten seconds', async () => {
    await write('never.mjs', 'await new Promise(() => {});');
    const finished = await hikyaku(['sync', ...(await given('never', './never.mjs'))]);
    expectExit(finished, 2);
    expect(finished.stderr).toContain('never.mjs: it was not loaded within 10 s');
    expect(finished.seconds).toBeLessThan(30);
  });

  test('that never finishes to load ends at once when a person interrupts', async () => {
    const marker = join(directory, 'never.marker');
    const marks = `import { writeFileSync } from 'node:fs';\nwriteFileSync(${JSON.stringify(marker)}, '');`;
    await write('never.mjs', `${marks}\nawait new Promise(() => {});`);
    const running = startHikyaku(['sync', ...(await given('never', './never.mjs'))]);
    await vi.waitFor(async () => await readFile(marker), 10_000);
    const { exitCode, seconds } = await running.stop('SIGINT');
    expect(exitCode).toBe(130);
    expect(seconds).toBeLessThan(8);
  });

  test.each([
    ['syntax.mjs', 'export default {\n  a: ,\n};', "syntax.mjs:2: Unexpected token ','"],
    ['throws.ts', 'const reason: string = "no luck";\nthrow new Error(reason);', 'throws.ts:2: no luck'],
    ['missing.mjs', "import 'not-there';", "missing.mjs:1: Cannot find package 'not-there'"],
    ['empty.ts', 'export {};', 'the default export is not a provider'],
    ['half.mjs', 'export default { type: "half" };', '`config` must be a Standard Schema'],
  ])('that cannot be loaded (%s) is one paragraph with file and line, and no stack', async (file, content, says) => {
    await write(file, content);
    const finished = await hikyaku(['plan', ...(await given('broken', `./${file}`))]);
    expectExit(finished, 2);
    expect(finished.stderr).toContain(says);
    expect(finished.stderr).not.toMatch(/^\s+at /m);
    expect(finished.stderr).toMatch(/\n1 problem\n$/);
  });
});

const KEYS = { DB_PASSWORD: 'correct-horse-battery', DB_USER: 'ann' };

/** As OpenBao answers for a path of KV version 2. */
async function startBao() {
  const state = { data: { ...KEYS } as Record<string, string>, version: 1, status: 200, requests: 0 };
  const server = await listen(({ url, headers }, response) => {
    state.requests += 1;
    const isKnown = url === '/v1/secret/data/homelab/web';
    const status = headers['x-vault-token'] !== 'bao-token' ? 403 : isKnown ? state.status : 404;
    response.writeHead(status, { 'content-type': 'application/json' });
    const { data, version } = state;
    response.end(JSON.stringify(status === 200 ? { data: { data, metadata: { version } } } : { errors: [] }));
  });
  return { server, state };
}

const bao = await startBao();

describe('examples/plugin', () => {
  afterAll(() => bao.server[Symbol.asyncDispose]());

  const fail = (status: number) => () => void (bao.state.status = status);
  function change(edit: () => void): void {
    edit();
    bao.state.version += 1;
  }

  testProvider(test, openbao, {
    config: { url: bao.server.url, path: 'homelab/web' },
    credentials: { token: 'bao-token' },
    present: { name: 'DB_PASSWORD', value: KEYS.DB_PASSWORD },
    all: () => Object.keys(bao.state.data),
    set: (name, value) => change(() => void (bao.state.data[name] = Buffer.from(value).toString())),
    remove: (name) => change(() => void delete bao.state.data[name]),
    faults: { forbidden: fail(403), notFound: fail(404), unavailable: fail(503) },
    recover: fail(200),
    requests: () => bao.state.requests,
  });

  test('is synced as it is, but for the address', async () => {
    const { server } = await startBao();
    await using _ = server;
    const text = await readFile(join(root, 'examples/plugin/hikyaku.yaml'), 'utf8');
    const path = await write(
      'plugin/hikyaku.yaml',
      text.replace('https://bao.lan:8200', server.url).replace('namespace: web', 'namespace: default'),
    );
    await write('plugin/openbao.ts', await readFile(join(root, 'examples/plugin/openbao.ts'), 'utf8'));
    const args = ['sync', '--config', path, '--kubeconfig', kubeconfig];
    expectExit(await hikyaku(args, { env: { BAO_TOKEN: 'bao-token' } }), 0);
    expect(await dataOf('web-env')).toEqual(KEYS);
  });
});

interface Block {
  readonly language: string;
  /** Behind the language. */
  readonly file?: string;
  readonly text: string;
}

async function blocksOf(path: string): Promise<readonly Block[]> {
  const markdown = await readFile(path, 'utf8');
  return Array.from(
    markdown.matchAll(/^```(\w+)(?: (\S+))?\n([\s\S]*?)^```$/gm),
    ([, language = '', file, text = '']) => ({
      language,
      text,
      ...(file !== undefined && { file }),
    }),
  );
}
