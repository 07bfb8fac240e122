import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  applyYaml,
  type Cluster,
  ConfigFiles,
  createNamespace,
  createSecret,
  deleteSecret,
  expectExit,
  type Finished,
  hikyaku,
  installRights,
  mintToken,
  patchSecret,
  readSecret,
  resetInventory,
  type Running,
  startCluster,
  startHikyaku,
  succeeded,
} from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';

// Secrets of a cluster as a source, with the built agent, two real API servers, and the rights of deploy/rights-own.yaml.

/** From a change at the source to the copy. */
const AT_ONCE_MS = 2_000;

const configs = new ConfigFiles();
const running = new Set<Running>();
const printed: string[] = [];
const made: string[] = [];
let hub: Cluster;
let cabin: Cluster;
let kubeconfig: string;
let work: string;
let count = 0;
/** Of the copies, in the cabin. */
let namespace: string;

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'hikyaku-source-'));
  [hub, cabin] = await Promise.all([startCluster({ controllers: false }), startCluster({ controllers: false })]);
  await installRights(cabin);
  kubeconfig = await cabin.agentKubeconfig();
});

beforeEach(async () => {
  namespace = `copies-${++count}`;
  await Promise.all([createNamespace(cabin.admin, namespace), createNamespace(hub.admin, shared())]);
});

afterEach(async () => {
  await Promise.all([...running].map(stop));
  await resetInventory(cabin.admin);
  const output = printed.join('\n');
  const encodings = (value: string) => [value, Buffer.from(value).toString('base64').replace(/=+$/, '')];
  if (made.flatMap(encodings).some((text) => output.includes(text)))
    throw new Error('a value or credential was printed');
});

afterAll(async () => {
  await Promise.all([hub?.stop(), cabin?.stop()]);
  await configs[Symbol.asyncDispose]();
  await rm(work, { recursive: true, force: true });
});

function secret(): string {
  const value = randomBytes(24).toString('hex');
  made.push(value);
  return value;
}

/** Of the sources, in the hub. */
function shared(): string {
  return `shared-${count}`;
}

/** A kubeconfig for an account of the hub that may do this with these Secrets, as docs/kubernetes.md makes it. */
async function hubKubeconfig(verbs: readonly string[], names: readonly string[]): Promise<string> {
  await applyYaml(hub.admin, roleFor(shared(), names, verbs, { name: 'cabin', namespace: shared() }));
  succeeded(await hub.admin('POST', `/api/v1/namespaces/${shared()}/serviceaccounts`, { metadata: { name: 'cabin' } }));
  const token = await mintToken(hub.admin, shared(), 'cabin');
  made.push(token);
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'hub',
        cluster: { server: hub.url, 'certificate-authority-data': (await readFile(hub.caPath)).toString('base64') },
      },
    ],
    users: [{ name: 'cabin', user: { token } }],
    contexts: [{ name: 'hub', context: { cluster: 'hub', user: 'cabin' } }],
    'current-context': 'hub',
  });
}

interface Account {
  readonly name: string;
  readonly namespace: string;
}

function roleFor(where: string, names: readonly string[], verbs: readonly string[], account: Account): string {
  const metadata = { name: `hikyaku-read-${names[0]}`, namespace: where };
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  return [
    {
      apiVersion,
      kind: 'Role',
      metadata,
      rules: [{ apiGroups: [''], resources: ['secrets'], resourceNames: names, verbs }],
    },
    {
      apiVersion,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: metadata.name },
      subjects: [{ kind: 'ServiceAccount', ...account }],
    },
  ]
    .map((object) => stringify(object))
    .join('---\n');
}

function hubSource(more: object = {}): object {
  return {
    type: 'kubernetes',
    server: hub.url,
    kubeconfig: { env: 'HUB' },
    namespace: shared(),
    refresh: '1h',
    ...more,
  };
}

async function args(providers: object, ...secrets: readonly object[]): Promise<readonly string[]> {
  return ['--config', await configs.write({ providers, secrets }), '--kubeconfig', kubeconfig];
}

async function sync(config: readonly string[], HUB?: string): Promise<Finished> {
  const finished = await hikyaku(['sync', ...config], { env: { HUB } });
  printed.push(finished.stdout, finished.stderr);
  return finished;
}

async function run(config: readonly string[], HUB?: string): Promise<Running> {
  const agent = startHikyaku(['run', ...config, '--log-level', 'debug'], { env: { HUB } });
  running.add(agent);
  await agent.logged({ msg: 'started' });
  return agent;
}

async function stop(agent: Running): Promise<void> {
  running.delete(agent);
  const { stdout, stderr } = await agent.stop();
  printed.push(stdout, stderr);
}

async function becomes(id: string, data: object | undefined, timeout = 20_000): Promise<void> {
  await vi.waitFor(async () => expect((await readSecret(cabin.admin, id))?.data).toEqual(data), {
    timeout,
    interval: 25,
  });
}

/** The agent watches so many single Secrets of the cluster. */
async function watches(cluster: Cluster, wanted: number): Promise<void> {
  const line = /^apiserver_longrunning_requests\{.*resource="secrets",scope="resource".*verb="WATCH".*\} (\d+)$/m;
  await vi.waitFor(
    async () => {
      const { text } = await cluster.admin('GET', '/metrics');
      expect(line.exec(text)?.[1]).toBe(String(wanted));
    },
    { timeout: 10_000 },
  );
}

describe('from another cluster, by a kubeconfig', () => {
  test('Secrets are copied, and a change, a new key and a lost key travel at once', async () => {
    const tls = { 'tls.crt': secret(), 'tls.key': secret() };
    await createSecret(hub.admin, `${shared()}/wildcard`, tls, { type: 'kubernetes.io/tls' });
    await createSecret(hub.admin, `${shared()}/smtp`, { password: secret(), host: 'mail' });
    const config = await args(
      { hub: hubSource({ secrets: ['wildcard', 'smtp'] }) },
      { name: 'tls', namespace, type: 'kubernetes.io/tls', dataFrom: [{ from: 'hub', keys: 'wildcard/*', as: '*' }] },
      { name: 'mail', namespace, dataFrom: [{ from: 'hub', keys: 'smtp/*', as: 'smtp-*' }] },
    );
    const HUB = await hubKubeconfig(['get', 'list', 'watch'], ['wildcard', 'smtp']);
    expectExit(await sync(config, HUB), 0);
    expect((await readSecret(cabin.admin, `${namespace}/tls`))?.data).toEqual(tls);
    expect((await readSecret(cabin.admin, `${namespace}/tls`))?.type).toBe('kubernetes.io/tls');

    await run(config, HUB);
    await watches(hub, 2);
    const password = secret();
    await patchSecret(hub.admin, `${shared()}/smtp`, { stringData: { password, port: '25' } });
    await becomes(
      `${namespace}/mail`,
      { 'smtp-password': password, 'smtp-host': 'mail', 'smtp-port': '25' },
      AT_ONCE_MS,
    );
    await patchSecret(hub.admin, `${shared()}/smtp`, { data: { port: null } });
    await becomes(`${namespace}/mail`, { 'smtp-password': password, 'smtp-host': 'mail' }, AT_ONCE_MS);
  });

  test('a Secret that is gone there, or waits for its finalizer, takes nothing away from a copy by key', async () => {
    const password = secret();
    await createSecret(hub.admin, `${shared()}/smtp`, { password }, { finalizers: ['example.com/hold'] });
    const config = await args(
      { hub: hubSource() },
      { name: 'mail', namespace, from: 'hub', data: { password: 'smtp/password' } },
    );
    const HUB = await hubKubeconfig(['get', 'list', 'watch'], ['smtp']);
    expectExit(await sync(config, HUB), 0);
    await deleteSecret(hub.admin, `${shared()}/smtp`);
    expectExit(await sync(config, HUB), 0);
    await patchSecret(hub.admin, `${shared()}/smtp`, { metadata: { finalizers: null } });
    expect(await readSecret(hub.admin, `${shared()}/smtp`)).toBeUndefined();
    const { exitCode, stderr, stdout } = await sync(config, HUB);
    expect(exitCode).toBe(1);
    expect(stdout + stderr).toContain('smtp/password');
    expect((await readSecret(cabin.admin, `${namespace}/mail`))?.data).toEqual({ password });
  });

  test('a Role for one Secret reads no other, and the error names the commands for its owner', async () => {
    await createSecret(hub.admin, `${shared()}/smtp`, { password: secret() });
    await createSecret(hub.admin, `${shared()}/root`, { password: secret() });
    const config = await args(
      { hub: hubSource() },
      { name: 'mail', namespace, from: 'hub', data: { password: 'smtp/password' } },
      { name: 'stolen', namespace, from: 'hub', data: { password: 'root/password' } },
    );
    const { exitCode, stdout, stderr } = await sync(config, await hubKubeconfig(['get'], ['smtp']));
    expect(exitCode).toBe(1);
    expect(stdout + stderr).toContain(
      `kubectl create rolebinding hikyaku-read-root --namespace ${shared()} --role=hikyaku-read-root --serviceaccount=${shared()}:cabin`,
    );
    expect(await readSecret(cabin.admin, `${namespace}/mail`)).toBeDefined();
    expect(await readSecret(cabin.admin, `${namespace}/stolen`)).toBeUndefined();
  });

  test.each([
    [
      'exec',
      (proof: string) => ({ exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'touch', args: [proof] } }),
    ],
    ['a token file', () => ({ tokenFile: join(work, 'not-to-be-read') })],
  ])('a kubeconfig with %s is refused, and nothing runs', async (_, user) => {
    await createSecret(hub.admin, `${shared()}/smtp`, { password: secret() });
    const config = await args(
      { hub: hubSource() },
      { name: 'mail', namespace, from: 'hub', data: { password: 'smtp/password' } },
    );
    const proof = join(work, `proof-${count}`);
    const contents = parse(await hubKubeconfig(['get'], ['smtp']));
    contents.users[0].user = { ...contents.users[0].user, ...user(proof) };
    const { exitCode, stdout, stderr } = await sync(config, stringify(contents));
    expect(exitCode).not.toBe(0);
    expect(stdout + stderr).toContain('users[0].user.');
    expect(stdout + stderr).toContain('of the kubeconfig is refused');
    expect(existsSync(proof)).toBe(false);
    expect(await readSecret(cabin.admin, `${namespace}/mail`)).toBeUndefined();
  });

  test('a kubeconfig for another server says what to write', async () => {
    const config = await args(
      { hub: hubSource({ server: cabin.url }) },
      { name: 'mail', namespace, from: 'hub', data: { password: 'smtp/password' } },
    );
    const { exitCode, stdout, stderr } = await sync(config, await hubKubeconfig(['get'], ['smtp']));
    expect(exitCode).not.toBe(0);
    expect(stdout + stderr).toContain(`write \`server: ${hub.url}\``);
  });

  test('a secret is written there, and its neighbours stay', async () => {
    await createSecret(
      hub.admin,
      `${shared()}/smtp`,
      { password: secret(), host: 'mail' },
      { labels: { team: 'web' } },
    );
    const config = await args(
      { hub: hubSource({ secrets: ['smtp'] }) },
      { name: 'mail', namespace, from: 'hub', data: { password: 'smtp/password' } },
    );
    const HUB = await hubKubeconfig(['get', 'update'], ['smtp']);
    const password = secret();
    const finished = await hikyakuWithInput(['set', 'hub', 'smtp/password', '--yes', ...config], password, HUB);
    expectExit(finished, 0);
    expect(await readSecret(hub.admin, `${shared()}/smtp`)).toMatchObject({
      data: { password, host: 'mail' },
      labels: { team: 'web' },
    });
    expectExit(await sync(config, HUB), 0);
    expect((await readSecret(cabin.admin, `${namespace}/mail`))?.data).toEqual({ password });
  });
});

describe('from another namespace of the same cluster', () => {
  let source: string;

  beforeEach(async () => {
    source = `source-${count}`;
    await createNamespace(cabin.admin, source);
  });

  const copy = () => ({ name: 'copy', namespace, from: 'near', data: { password: 'app/password' } });

  test('without the owner’s Role it is refused; the commands that the error names are enough, while the agent runs', async () => {
    const password = secret();
    await createSecret(cabin.admin, `${source}/app`, { password });
    const config = await args({ near: { type: 'kubernetes', namespace: source, refresh: '1s' } }, copy());
    const agent = await run(config);
    const line = await agent.logged({ source: 'near', msg: 'source failed' });
    const message = JSON.stringify(line);
    expect(message).toContain(`hikyaku rights role ${source}/app --watch | kubectl apply -f -, or without hikyaku: `);
    const role = `hikyaku-read-app --namespace ${source}`;
    expect(message).toContain(
      `kubectl create role ${role} --verb=get,list,watch --resource=secrets --resource-name=app`,
    );
    expect(message).toContain(
      `kubectl create rolebinding ${role} --role=hikyaku-read-app --serviceaccount=hikyaku:hikyaku`,
    );
    expect(await readSecret(cabin.admin, `${namespace}/copy`)).toBeUndefined();

    const { stdout } = await hikyaku(['rights', 'role', `${source}/app`, '--watch']);
    await applyYaml(cabin.admin, stdout);
    await becomes(`${namespace}/copy`, { password });
  });

  test('with the Role of the documentation, a change travels at once', async () => {
    await createSecret(cabin.admin, `${source}/wildcard-tls`, { password: secret() });
    await applyYaml(
      cabin.admin,
      (await documentedRole()).replaceAll('namespace: cert-manager', `namespace: ${source}`),
    );
    const data = { password: 'wildcard-tls/password' };
    const near = { type: 'kubernetes', namespace: source, refresh: '1h' };
    await run(await args({ near }, { ...copy(), data }));
    await watches(cabin, 1);
    const password = secret();
    await patchSecret(cabin.admin, `${source}/wildcard-tls`, { stringData: { password } });
    await becomes(`${namespace}/copy`, { password }, AT_ONCE_MS);
  });

  test.each(['hikyaku', 'made-by-itself'])('%s is no source', async (what) => {
    const account = { name: 'hikyaku', namespace: 'hikyaku' };
    await createSecret(
      cabin.admin,
      `${source}/app`,
      { password: secret() },
      { labels: what === 'hikyaku' ? {} : { 'hikyaku.dev/agent': 'hikyaku' } },
    );
    await applyYaml(cabin.admin, roleFor(source, ['app'], ['get'], account));
    const where = what === 'hikyaku' ? 'hikyaku' : source;
    const config = await args({ near: { type: 'kubernetes', namespace: where } }, copy());
    const { exitCode, stdout, stderr } = await sync(config);
    expect(exitCode).not.toBe(0);
    expect(stdout + stderr).toMatch(/is the agent's own|is made by this agent itself/);
    expect(await readSecret(cabin.admin, `${namespace}/copy`)).toBeUndefined();
  });
});

/** The Role and RoleBinding that docs/kubernetes.md shows. */
async function documentedRole(): Promise<string> {
  const text = await readFile(new URL('../../../docs/kubernetes.md', import.meta.url), 'utf8');
  const blocks = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, block = '']) => block);
  const role = blocks.find((block) => parseAllDocuments(block)[0]?.get('kind') === 'Role');
  if (role === undefined) throw new Error('docs/kubernetes.md shows no Role');
  return role;
}

async function hikyakuWithInput(command: readonly string[], input: string, HUB: string): Promise<Finished> {
  const finished = await hikyaku(command, { env: { HUB }, input });
  printed.push(finished.stdout, finished.stderr);
  return finished;
}
