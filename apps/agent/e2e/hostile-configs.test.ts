import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import type { Server as TcpServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  createNamespace,
  createSecret,
  eventually,
  hikyaku,
  installRights,
  readSecrets,
  startCluster,
  succeeded,
} from '@hikyaku/testbed';
import type { Api, Cluster } from '@hikyaku/testbed';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { hostileConfigs } from './hostile/hostile-configs.ts';
import type { HostileConfig } from './hostile/hostile-configs.ts';

// Somebody may write the config of an agent in a pod, and nothing else: no code of theirs runs, no file outside of the config's folder is
// read, and no byte goes to an origin that is not granted.

const CANARY = 'canary-4b1f0e7d9c';
const LONGEST_SECONDS = 20;

let cluster: Cluster;
let agent: Api;
let kubeconfig: string;
let work: string;
let granted: Server;
let canary: TcpServer;
/** All that the granted server was sent. */
const received: string[] = [];
let connections = 0;
let grantedTimes = 0;

// The titles are needed before the servers are there.
const titles = hostileConfigs(
  { outside: '', granted: 'http://127.0.0.1:1', canaryPort: 1, command: [], apiServer: 'https://a', apiServerCa: '' },
  '',
).map(({ title }) => title);

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'hikyaku-hostile-'));
  granted = createServer((request, response) => {
    received.push(JSON.stringify([request.url, request.headers]));
    request.on('data', (bytes: Buffer) => received.push(bytes.toString()));
    const location = `http://127.0.0.1:${portOf(canary)}/`;
    if (request.url?.startsWith('/redirect') === true) response.writeHead(302, { location }).end();
    else if (request.url?.startsWith('/missing') === true) response.writeHead(404).end('{}');
    else response.writeHead(200, { 'content-type': 'application/json' }).end('{"value":"honest"}');
  }).listen(0, '127.0.0.1');
  canary = createTcpServer((socket) => {
    connections += 1;
    socket.destroy();
  }).listen(0);
  await Promise.all([once(granted, 'listening'), once(canary, 'listening')]);

  cluster = await startCluster();
  agent = await installRights(cluster);
  kubeconfig = await cluster.agentKubeconfig();
  await createNamespace(cluster.admin, 'web');
  await createSecret(cluster.admin, 'web/victim', { password: CANARY });
});
afterAll(async () => {
  await cluster?.stop();
  granted?.close();
  canary?.close();
  await rm(work, { recursive: true, force: true });
});

// That code and files would be noticed as well: grants-in-pod.test.ts.
test('the server would tell: where it is granted it is reached', async () => {
  await grant('open', [`http://127.0.0.1:${portOf(canary)}`]);
  const text = stringify({
    providers: {
      s: { type: 'webhook', url: `http://127.0.0.1:${portOf(canary)}`, read: { url: '/${name}', result: '$.a' } },
    },
    secrets: [{ name: 'hostile', namespace: 'web', from: 's', data: { a: 'b' } }],
  });
  await run({ title: 'a canary', text, says: /./ }, 'first');
  expect(connections).toBeGreaterThan(0);
  connections = 0;
});

test('there are more than forty', () => {
  expect(new Set(titles).size).toBe(titles.length);
  expect(titles.length).toBeGreaterThan(40);
});

describe.each(['limited', 'open'] as const)('with the grants %s', (grants) => {
  const mine = titles.filter((title) => title.endsWith('(open)') === (grants === 'open'));

  beforeAll(async () => {
    await grant(grants, grants === 'open' ? [] : [urlOf(granted), cluster.url]);
  });

  test.each(mine)('%s', async (title) => {
    const folder = `c${titles.indexOf(title)}`;
    const trace = join(work, folder, 'trace');
    const outside = join(work, folder, 'outside/secret.env');
    const configs = hostileConfigs(
      {
        outside,
        granted: urlOf(granted),
        canaryPort: portOf(canary),
        command: ['/usr/bin/touch', trace],
        apiServer: cluster.url,
        apiServerCa: (await readFile(cluster.caPath)).toString('base64'),
      },
      trace,
    );
    const hostile = configs.find((one) => one.title === title);
    if (hostile === undefined) throw new Error(`no config ${title}`);
    await write(outside, `SECRET=${CANARY}\n`);
    const code = `import { writeFileSync } from 'node:fs';\nwriteFileSync(${JSON.stringify(trace)}, '');\nexport default {};\n`;
    await write(join(work, folder, 'outside/evil.mjs'), code);
    await write(`${trace}.evil.mjs`, code);
    received.length = 0;

    const { exitCode, stdout, stderr, seconds } = await run(hostile, folder);

    const output = stdout + stderr;
    expect(output).toMatch(hostile.says);
    expect([1, 2]).toContain(exitCode);
    expect(seconds).toBeLessThan(LONGEST_SECONDS);
    expect(connections).toBe(0);
    await expect(stat(trace)).rejects.toThrow('ENOENT');
    expect(output).not.toContain(CANARY);
    expect(received.join('\n')).not.toContain(CANARY);
    expect(await secretsWithCanary()).toEqual(['web/victim']);
  });
});

async function run({ text, files = {} }: HostileConfig, folder: string) {
  const path = join(work, folder, 'config/hikyaku.yaml');
  await write(path, text);
  for (const [name, content] of Object.entries(files)) {
    const file = join(dirname(path), name);
    if (typeof content === 'string') await write(file, content);
    else {
      await mkdir(dirname(file), { recursive: true });
      await symlink(content.link, file);
    }
  }
  const env = {
    KUBERNETES_SERVICE_HOST: '192.0.2.1',
    KUBERNETES_SERVICE_PORT: '443',
    KUBECONFIG: kubeconfig,
    HIKYAKU_CANARY: CANARY,
    DOPPLER_TOKEN: 'dp.st.x',
    CLIENT_SECRET: 'x',
  };
  return await hikyaku(['sync', '--json', '--config', path], { env });
}

async function write(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

/** All Secrets of the namespaces that could be written to, whose data holds the canary in any way. */
async function secretsWithCanary(): Promise<readonly string[]> {
  const found: string[] = [];
  for (const namespace of ['web', 'kube-system', 'default', 'hikyaku']) {
    for (const [name, { data }] of await readSecrets(cluster.admin, namespace)) {
      if (JSON.stringify(data).includes(CANARY)) found.push(`${namespace}/${name}`);
    }
  }
  return found;
}

/** Puts the default grants with these origins, and waits until the server goes by them. */
async function grant(kind: 'limited' | 'open', origins: readonly string[]): Promise<void> {
  const mark = `example.com/mark-${(grantedTimes += 1)}`;
  const types = ['Opaque', mark];
  // Of a file that says nothing.
  const plugins = { granted: { path: 'granted.mjs', digest: 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' } };
  const file = stringify({ types, plugins, ...((kind === 'limited' || origins.length > 0) && { origins }) });
  const data = {
    types: types.join(', '),
    metadataPrefixes: 'app.kubernetes.io/',
    reservedNamespaces: 'kube-system',
    'grants.yaml': file,
  };
  const path = '/api/v1/namespaces/hikyaku/configmaps/hikyaku-grants';
  succeeded(await cluster.admin('PUT', path, { metadata: { name: 'hikyaku-grants' }, data }));
  await eventually(async () => {
    const secret = { metadata: { name: 'hikyaku-mark', labels: { 'hikyaku.dev/agent': 'hikyaku' } }, type: mark };
    return (await agent('POST', '/api/v1/namespaces/hikyaku/secrets?dryRun=All', secret)).status === 201;
  });
}

function portOf(server: TcpServer | Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${portOf(server)}`;
}
