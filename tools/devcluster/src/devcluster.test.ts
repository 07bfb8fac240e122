import { spawn } from 'node:child_process';
import { access, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { apiRequest } from './api-request.ts';
import { type DevCluster, startDevCluster, writeServiceAccountKubeconfig } from './index.ts';
import { waitUntil } from './wait-until.ts';

const secrets = '/api/v1/namespaces/default/secrets';
const limitMs = 30_000;
// These tests are about a server of our own, whatever the other tests are run against.
const environment = { ...process.env, KUBEBUILDER_ASSETS: '', HIKYAKU_DEV_KUBECONFIG: '' };

let cluster: DevCluster;

beforeAll(async () => {
  cluster = await startDevCluster({ environment });
}, 20 * 60_000);

afterAll(() => cluster?.stop());

async function call(to: Pick<DevCluster, 'url' | 'caPath' | 'adminToken'>, path: string, body?: unknown) {
  const ca = await readFile(to.caPath);
  const endpoint = { url: to.url, ca, token: to.adminToken };
  return apiRequest(endpoint, body === undefined ? { path } : { method: 'POST', path, body });
}

async function createSecret(on: DevCluster, name: string): Promise<number> {
  return (await call(on, secrets, { metadata: { name }, data: { key: 'dmFsdWU=' } })).status;
}

async function isServed(by: DevCluster, name: string): Promise<boolean> {
  return (await call(by, `${secrets}/${name}`)).status === 200;
}

test('a Secret can be created and read with the administrator’s token', async () => {
  expect(await createSecret(cluster, 'first')).toBe(201);
  expect(await isServed(cluster, 'first')).toBe(true);
  expect((await apiRequest({ url: cluster.url, ca: await readFile(cluster.caPath) }, { path: secrets })).status).toBe(
    403,
  );
});

test('the server says which version of Kubernetes it is', async () => {
  expect(JSON.parse((await call(cluster, '/version')).text)).toMatchObject({
    major: '1',
    gitVersion: expect.stringMatching(/^v1\.\d+\.\d+$/),
  });
});

test('a restart keeps the port and the data, also with a watch open', { timeout: limitMs }, async () => {
  const { url } = cluster;
  expect(await createSecret(cluster, 'restarted')).toBe(201);
  const watch = call(cluster, `${secrets}?watch=true`).catch(() => 'ended');
  await cluster.restart();
  await watch;
  expect(cluster.url).toBe(url);
  expect(await isServed(cluster, 'restarted')).toBe(true);
});

test(
  'a killed cluster refuses connections until a restart, which keeps the port and the data',
  { timeout: limitMs },
  async () => {
    const { url } = cluster;
    expect(await createSecret(cluster, 'killed')).toBe(201);
    await cluster.kill();
    await expect(call(cluster, '/readyz')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await cluster.restart();
    expect(cluster.url).toBe(url);
    expect(await isServed(cluster, 'killed')).toBe(true);
  },
);

test('two clusters run at once and share nothing', { timeout: limitMs }, async () => {
  await using other = await startDevCluster({ environment });
  expect(await createSecret(other, 'only-there')).toBe(201);
  expect(await isServed(cluster, 'only-there')).toBe(false);
  const { url, caPath } = other;
  expect((await call({ url, caPath, adminToken: cluster.adminToken }, secrets)).status).toBe(401);
});

test('controllers give a new namespace its ServiceAccount', { timeout: limitMs }, async () => {
  await using controlled = await startDevCluster({ environment, controllers: true });
  expect((await call(controlled, '/api/v1/namespaces', { metadata: { name: 'team' } })).status).toBe(201);
  const account = '/api/v1/namespaces/team/serviceaccounts/default';
  expect(await waitUntil(async () => (await call(controlled, account)).status === 200, { limitMs: 10_000 })).toBe(true);
});

test('a stop removes the directory, and the kubeconfig was for its owner only', { timeout: limitMs }, async () => {
  const other = await startDevCluster({ environment });
  expect((await stat(other.kubeconfig)).mode & 0o777).toBe(0o600);
  await other.stop();
  await other.stop();
  await expect(access(other.kubeconfig)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a chosen directory carries its data to the next cluster', { timeout: limitMs }, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'devcluster-test-'));
  try {
    const earlier = await startDevCluster({ environment, directory });
    const { url, adminToken } = earlier;
    expect(await createSecret(earlier, 'kept')).toBe(201);
    await earlier.stop();
    await using later = await startDevCluster({ environment, directory });
    expect({ url: later.url, adminToken: later.adminToken }).toEqual({ url, adminToken });
    expect(await isServed(later, 'kept')).toBe(true);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test('no server outlives a parent that was killed', { timeout: limitMs }, async () => {
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const parent = spawn(process.execPath, [main, 'start'], { env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  parent.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  expect(await waitUntil(async () => output.includes('Ctrl-C'), { limitMs: 20_000 })).toBe(true);
  const [url = ''] = /https:\S+/.exec(output) ?? [];
  const [, kubeconfig = ''] = /KUBECONFIG=(\S+)/.exec(output) ?? [];
  const isServing = () =>
    apiRequest({ url, insecure: true }, { path: '/readyz' }).then(
      () => true,
      () => false,
    );
  expect(await isServing()).toBe(true);
  parent.kill('SIGKILL');
  expect(await waitUntil(async () => !(await isServing()), { limitMs: 10_000 })).toBe(true);
  await rm(join(kubeconfig, '..'), { recursive: true, force: true });
});

test('a server that is not our own is used, and neither ended nor restarted', async () => {
  const borrowed = await startDevCluster({ environment: { HIKYAKU_DEV_KUBECONFIG: cluster.kubeconfig } });
  expect(borrowed).toMatchObject({ ownsServer: false, url: cluster.url, adminToken: cluster.adminToken });
  await expect(borrowed.kill()).rejects.toThrow('needs a cluster of our own');
  await expect(borrowed.restart()).rejects.toThrow('needs a cluster of our own');
  await borrowed.stop();
  expect((await call(cluster, '/readyz')).status).toBe(200);
});

test('a kubeconfig for a ServiceAccount has that account’s rights', async () => {
  const accounts = '/api/v1/namespaces/default/serviceaccounts';
  await call(cluster, accounts, { metadata: { name: 'agent' } });
  const answer = await call(cluster, `${accounts}/agent/token`, { spec: {} });
  const { status }: { readonly status: { readonly token: string } } = JSON.parse(answer.text);
  const path = join(cluster.kubeconfig, '..', 'agent.kubeconfig');
  await writeServiceAccountKubeconfig(cluster, { namespace: 'default', name: 'agent', token: status.token, path });
  const agent = await startDevCluster({ environment: { HIKYAKU_DEV_KUBECONFIG: path } });
  const refused = await call(agent, secrets);
  await agent.stop();
  expect(refused.status).toBe(403);
  expect(refused.text).toContain('system:serviceaccount:default:agent');
});

test('without Go, the message says what to install or set', async () => {
  const started = startDevCluster({ environment: { PATH: '' } });
  await expect(started).rejects.toThrow(/install Go[^]*KUBEBUILDER_ASSETS[^]*HIKYAKU_DEV_KUBECONFIG/);
});

test('KUBEBUILDER_ASSETS without the programs says which ones it lacks', async () => {
  const started = startDevCluster({ environment: { KUBEBUILDER_ASSETS: tmpdir() }, controllers: true });
  await expect(started).rejects.toThrow('lacks etcd and kube-apiserver and kube-controller-manager');
});
