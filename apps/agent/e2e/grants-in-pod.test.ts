import { once } from 'node:events';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  applyYaml,
  createNamespace,
  createSecret,
  eventually,
  expectExit,
  field,
  hikyaku,
  installRights,
  readSecret,
  resetInventory,
  startCluster,
  startHikyaku,
  succeeded,
} from '@hikyaku/testbed';
import type { Api, Cluster } from '@hikyaku/testbed';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

let cluster: Cluster;
let agent: Api;
let kubeconfig: string;
let work: string;
let service: Server;
let requests = 0;

const LISTS = { types: 'Opaque', metadataPrefixes: '', reservedNamespaces: 'kube-system' };
const CONFIG_MAP = '/api/v1/namespaces/hikyaku/configmaps/hikyaku-grants';

beforeAll(async () => {
  service = createServer((_, response) => {
    requests += 1;
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"value":"it"}');
  }).listen(0, '127.0.0.1');
  await once(service, 'listening');
  cluster = await startCluster();
  agent = await installRights(cluster);
  kubeconfig = await cluster.agentKubeconfig();
  await createNamespace(cluster.admin, 'web');
});
afterAll(async () => {
  await cluster?.stop();
  service?.close();
});
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'hikyaku-in-pod-'));
  requests = 0;
  const ours = '/api/v1/namespaces/web/secrets?labelSelector=hikyaku.dev/agent%3Dhikyaku';
  succeeded(await cluster.admin('DELETE', ours));
  await resetInventory(cluster.admin);
  return async () => await rm(work, { recursive: true, force: true });
});

function url(): string {
  const address = service.address();
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
}

async function write(name: string, text: string): Promise<string> {
  const path = join(work, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  return path;
}

/** The agent goes by `grants.yaml` when it starts; of the lists nothing changes but what these tests do not look at. */
async function grant(grants: string | undefined, lists: Readonly<Record<string, string>> = LISTS): Promise<void> {
  const data = { ...lists, ...(grants !== undefined && { 'grants.yaml': grants }) };
  succeeded(await cluster.admin('PUT', CONFIG_MAP, { metadata: { name: 'hikyaku-grants' }, data }));
}

const IN_POD = { KUBERNETES_SERVICE_HOST: '192.0.2.1', KUBERNETES_SERVICE_PORT: '443' };

async function sync(config: string, ...flags: readonly string[]) {
  return await hikyaku(['sync', '--json', '--config', config, ...flags], {
    env: { ...IN_POD, KUBECONFIG: kubeconfig },
  });
}

function webhook(name: string, source = ''): string {
  return `providers: { s: { type: webhook, url: "${url()}", read: { url: "/\${name}", result: $.value }${source} } }\nsecrets: [{ name: ${name}, namespace: web, from: s, data: { a: b } }]\n`;
}

describe('in a pod', () => {
  test('what surrounds the agent is reached with a grant, and not without', async () => {
    const config = await write('hikyaku.yaml', webhook('surrounding'));
    await grant('version: 1');
    const refused = await sync(config);
    expectExit(refused, 1);
    expect(refused.stdout).toContain('ORIGIN_NOT_GRANTED');
    expect(requests).toBe(0);
    await grant(`origins: ["${url()}"]`);
    expectExit(await sync(config), 0);
    expect(requests).toBe(1);
  });

  test('a grants.yaml with a mistake closes every source, and the log says which line; the flag still counts', async () => {
    const config = await write('hikyaku.yaml', webhook('broken'));
    await grant(`version: 1\norigin: ["${url()}"]\n`);
    const { exitCode, stderr, stdout } = await sync(config);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('the ConfigMap hikyaku/hikyaku-grants, grants.yaml:2:1: origin: unknown key `origin`');
    expect(stderr).toContain('grants.yaml cannot be read');
    expect(stdout).toContain('is not among the origins that are granted');
    expect(requests).toBe(0);
    const flagged = await sync(config, '--allow-origin', url());
    expectExit(flagged, 0);
    expect(field(JSON.parse(flagged.stdout), 'grants', 'missing')).toEqual([]);
  });

  test('without a grants.yaml the lists are what is granted, and that is said', async () => {
    const config = await write('hikyaku.yaml', webhook('listed'));
    await grant(undefined);
    const { exitCode, stderr } = await sync(config, '--allow-origin', url(), '--log-level', 'warn');
    expect(exitCode).toBe(0);
    expect(stderr).toContain('no grants.yaml there: no plug-in runs and nothing is pushed');
  });

  test('a list that differs from grants.yaml is said', async () => {
    const config = await write('hikyaku.yaml', webhook('differing'));
    await grant(`types: [Opaque, example.com/a]\norigins: ["${url()}"]\n`);
    const { exitCode, stderr } = await sync(config, '--log-level', 'warn');
    expect(exitCode).toBe(0);
    expect(stderr).toContain('"word":"types"');
    expect(stderr).toContain('the API server goes by the key');
  });

  test('a file and a credential elsewhere are read with a grant of their directory, and not without', async () => {
    const token = await write('elsewhere/token', 'x');
    const secrets = await write('elsewhere/app.env', 'b=it\n');
    const files = `providers: { f: { type: file, path: ${secrets} } }\nsecrets: [{ name: file, namespace: web, from: f }]\n`;
    const both = [
      await write('config/file.yaml', files),
      await write('config/token.yaml', webhook('credential', `, token: { file: ${token} }`)),
    ];
    await grant(`origins: ["${url()}"]`);
    for (const config of both) {
      const { exitCode, stdout, stderr } = await sync(config);
      expect([1, 2]).toContain(exitCode);
      expect(stdout + stderr).toMatch(/is outside of|may not be read/);
    }
    expect(requests).toBe(0);
    await grant(`origins: ["${url()}"]\nfiles: ${dirname(token)}\n`);
    expectExit(await sync(join(work, 'config')), 0);
    expect((await readSecret(cluster.admin, 'web/file'))?.data).toEqual({ b: 'it' });
  });

  test('the daemon says when it starts what is asked for and not granted, with the line', async () => {
    const config = await write('hikyaku.yaml', webhook('daemon'));
    await grant('version: 1');
    const running = startHikyaku(['run', '--config', config], { env: { ...IN_POD, KUBECONFIG: kubeconfig } });
    const line = await running.logged({ msg: 'not granted' });
    await running.stop();
    expect(line).toMatchObject({ code: 'ORIGIN_NOT_GRANTED', entry: 'source s', line: `origins: [${url()}]` });
  });

  test('the code of a plug-in runs with a grant of its digest, and not without', async () => {
    const trace = join(work, 'trace');
    const code = `import { writeFileSync } from 'node:fs';
writeFileSync(${JSON.stringify(trace)}, '');
export default {
  type: 'x',
  config: { '~standard': { version: 1, vendor: 'own', validate: (value) => ({ value }) } },
  describe: () => ({ identity: 'x', origins: [] }),
  connect: () => ({ read: async () => ({ secrets: new Map() }) }),
};`;
    await write('x.mjs', code);
    const config = await write('hikyaku.yaml', 'providers: { x: { type: ./x.mjs } }\nsecrets: []\n');
    await grant('version: 1');
    expect((await sync(config)).exitCode).toBe(2);
    await expect(stat(trace)).rejects.toThrow('ENOENT');
    const { stdout } = await hikyaku(['grants', '--config', config]);
    await grant(stdout);
    expectExit(await sync(config), 0);
    expect((await stat(trace)).isFile()).toBe(true);
  });
});

describe('on the own machine', () => {
  test('validate says what the grants.yaml beside the config leaves out, and refuses nothing', async () => {
    const config = await write('hikyaku.yaml', webhook('laptop'));
    const path = await write('grants.yaml', 'names: [web/another]\norigins: []\n');
    const { exitCode, stdout } = await hikyaku(['validate', '--config', config]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(
      `2 grants missing in ${path}, so the cluster refuses this:\n` +
        `  ! source s: ${url()} may not be reached\n` +
        '  ! Secret web/laptop: it is not among the names that may be written\n' +
        `so that it would pass, ${path} has to say:\n` +
        `  origins: [${url()}]\n  names: [web/another, web/laptop]\n`,
    );
  });

  test('plan says the same, as text and as JSON, with the exit code it has anyway', async () => {
    const config = await write('hikyaku.yaml', webhook('planned'));
    await write('grants.yaml', 'types: [example.com/a]\n');
    const env = { KUBECONFIG: cluster.kubeconfig };
    const text = await hikyaku(['plan', '--config', config], { env });
    expectExit(text, 0);
    expect(text.stdout).toContain('! Secret web/planned: the type Opaque may not be written');
    const json: unknown = JSON.parse((await hikyaku(['plan', '--json', '--config', config], { env })).stdout);
    expect(field(json, 'grants', 'lines')).toEqual([`origins: [${url()}]`, 'types: [example.com/a, Opaque]']);
  });

  test('a mistake in grants.yaml is one of validate, with its line', async () => {
    const config = await write('hikyaku.yaml', webhook('mistaken'));
    await write('grants.yaml', 'types: [Opaque]\norigins: [nas.lan]\n');
    const { exitCode, stderr } = await hikyaku(['validate', '--config', config]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('grants.yaml:2:11 origins[0]: `origins[0]` must be an origin such as');
  });
});

describe('hikyaku rights role', () => {
  test.each([
    ['--read', 200, 403],
    ['--watch', 200, 200],
    ['--merge', 200, 403],
  ])('%s gives what it says, for this Secret and no other', async (flag, get, watch) => {
    const name = `owned${flag}`;
    await createSecret(cluster.admin, `web/${name}`, { a: 'b' });
    await createSecret(cluster.admin, `web/${name}-2`, { a: 'b' });
    const { exitCode, stdout } = await hikyaku(['rights', 'role', `web/${name}`, flag]);
    expect(exitCode).toBe(0);
    await applyYaml(cluster.admin, stdout);
    const path = '/api/v1/namespaces/web/secrets';
    await eventually(async () => (await agent('GET', `${path}/${name}`)).status === get);
    const listed = `${path}?fieldSelector=metadata.name%3D${name}`;
    expect((await agent('GET', listed)).status).toBe(watch);
    expect((await agent('GET', `${path}/${name}-2`)).status).toBe(403);
    expect((await agent('GET', path)).status).toBe(403);
  });

  test.each([
    [['web/app-env'], 'say one of --read, --watch and --merge'],
    [['web/app-env', '--read', '--merge'], 'say one of --read, --watch and --merge'],
    [['app-env', '--read'], 'app-env is no NAMESPACE/NAME of a Secret'],
    [['web/a\nb', '--read'], 'is no NAMESPACE/NAME of a Secret'],
    [['hikyaku/app-env', '--read'], "hikyaku is the agent's own namespace"],
  ])('%j is refused: %s', async (args, says) => {
    const { exitCode, stderr } = await hikyaku(['rights', 'role', ...args]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(says);
  });
});
