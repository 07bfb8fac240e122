import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import {
  changedObjects,
  ConfigFiles,
  createNamespace,
  EtcdWrites,
  eventually,
  field,
  hikyaku,
  installRights,
  objectVersions,
  readSecrets,
  startCluster,
  startHikyaku,
  snapshotSecretOf,
  succeeded,
} from '@hikyaku/testbed';
import type { Api, Cluster, Running } from '@hikyaku/testbed';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

const COUNT = 200;
/** Each value of a group is in five Secrets. */
const GROUPS = 40;
const project = 'homelab';
const config = 'prd';
const INVENTORY = 'configmaps hikyaku/hikyaku-inventory';
const INVENTORY_KEY = '/registry/configmaps/hikyaku/hikyaku-inventory';

let directory: string;
let cluster: Cluster;
let etcd: EtcdWrites | undefined;
let admin: Api;
let kubeconfig: string;
let doppler: FakeDoppler;
let files: ConfigFiles;
let token: string;

beforeAll(async () => {
  // Without the controller manager nobody but the agent writes anything, the API server's own Leases aside.
  directory = await mkdtemp(join(tmpdir(), 'hikyaku-quiet-'));
  cluster = await startCluster({ controllers: false, directory });
  // A server that a person brought shows no etcd.
  if (process.env['HIKYAKU_DEV_KUBECONFIG'] === undefined) etcd = await EtcdWrites.of(directory);
  admin = cluster.admin;
  await installRights(cluster);
  kubeconfig = await cluster.agentKubeconfig();
  doppler = await startFakeDoppler({ limits: { secretReads: 10_000 } });
  files = new ConfigFiles();
  await createNamespace(admin, 'web');
});

afterAll(async () => {
  await files?.[Symbol.asyncDispose]();
  await doppler?.close();
  await cluster?.stop();
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

beforeEach(() => {
  doppler.addConfig(project, config, {
    ...Object.fromEntries(Array.from({ length: COUNT }, (_, index) => [`VALUE_${index}`, secret()])),
    ...Object.fromEntries(Array.from({ length: GROUPS }, (_, index) => [`GROUP_${index}`, secret()])),
  });
  token = doppler.serviceToken(project, config);
  doppler.resetCounters();
});

test(`one download fills ${COUNT} Secrets, and each refresh after it is one conditional request on the same connection`, async () => {
  await using agent = await start(await manySecrets({ refresh: '1s' }));
  await eventually(async () => (await filled()) === COUNT);
  await reads(agent, 5);
  await agent.stop();

  const { downloads200, notModified304, errors, connections, byPath, requests } = doppler.counters;
  expect({ downloads200, errors, connections }).toEqual({ downloads200: 1, errors: 0, connections: 1 });
  expect(notModified304).toBe(requests - 1);
  expect(Object.keys(byPath)).toEqual(['/v3/configs/config/secrets/download']);
  expect(requests).toBe(readsOf(agent).length);
  expect(doppler.requests.map(({ headers }) => 'if-none-match' in headers)).toEqual([
    false,
    ...Array.from({ length: requests - 1 }, () => true),
  ]);
  // A refresh of 1 s, give or take a tenth.
  const [first = 0, ...later] = readsOf(agent).map(({ time }) => Date.parse(String(time)));
  expect(Number(later.at(-1)) - first).toBeGreaterThan(later.length * 850);
});

test('a restart writes nothing, and refreshes with no change write nothing', async () => {
  const path = await manySecrets({ refresh: '1s' });
  await synced(path);
  doppler.resetCounters();

  await expectNoWrites(async () => {
    await using agent = await start(path);
    await unchanged(agent, COUNT);
    await reads(agent, 4);
  });

  // The snapshot that was kept is confirmed.
  expect(doppler.counters).toMatchObject({ downloads200: 0, notModified304: doppler.counters.requests });
});

test('a sync with no change writes nothing', async () => {
  const path = await manySecrets({ refresh: '1s' });
  await synced(path);

  await expectNoWrites(async () => {
    expect(await sync(path)).toMatchObject({ exitCode: 0 });
  });
});

test('a resync with no drift writes nothing and does not ask the source', async () => {
  const path = await manySecrets({ refresh: '1h', resync: '2s' });
  await synced(path);
  doppler.resetCounters();

  await expectNoWrites(async () => {
    await using agent = await start(path);
    // At the start and at two resyncs each Secret is put.
    await unchanged(agent, 3 * COUNT);
  });

  expect(doppler.counters.requests).toBe(1);
});

test('a changed value rewrites only the Secrets that hold it, once, the inventory and the snapshot', async () => {
  const path = await manySecrets({ refresh: '1s' });
  await synced(path);
  await using agent = await start(path);
  await unchanged(agent, COUNT);

  for (const [name, secrets] of [
    ['VALUE_7', ['s7']],
    ['GROUP_3', ['s3', 's43', 's83', 's123', 's163']],
  ] as const) {
    doppler.resetCounters();
    const before = await state();
    const value = secret();
    doppler.set(project, config, name, value);
    await eventually(async () => {
      const live = await readSecrets(admin, 'web');
      return secrets.every((secretName) => Object.values(live.get(secretName)?.data ?? {}).includes(value));
    });
    await reads(agent, readsOf(agent).length + 2);

    const after = await state();
    const snapshot = String(await snapshotSecretOf(admin, 'homelab'));
    const names = secrets.map((secretName) => `secrets web/${secretName}`);
    expect(changedObjects(before.versions, after.versions)).toEqual(
      [INVENTORY, `secrets ${snapshot}`, ...names].toSorted(),
    );
    const written = [...secrets.map((secretName) => `web/${secretName}`), snapshot];
    const keys = [INVENTORY_KEY, ...written.map((id) => `/registry/secrets/${id}`)].toSorted();
    expect((await etcd?.since(before.revision))?.toSorted() ?? keys).toEqual(keys);
    expect(doppler.counters.downloads200).toBe(1);
  }
});

test('a changed value that no Secret holds writes nothing', async () => {
  const path = await manySecrets({ refresh: '1s' });
  await synced(path);
  await using agent = await start(path);
  await unchanged(agent, COUNT);

  await expectNoWrites(async () => {
    doppler.resetCounters();
    doppler.set(project, config, 'UNUSED', secret());
    await eventually(async () => doppler.counters.downloads200 === 1);
    await reads(agent, readsOf(agent).length + 2);
  });
  expect(doppler.counters.downloads200).toBe(1);
});

test('a value that comes back before the next refresh costs no write', async () => {
  const path = await manySecrets({ refresh: '2s' });
  await synced(path);
  await using agent = await start(path);
  await unchanged(agent, COUNT);

  await expectNoWrites(async () => {
    const seen = readsOf(agent).length;
    await reads(agent, seen + 1);
    doppler.set(project, config, 'UNUSED', secret());
    doppler.remove(project, config, 'UNUSED');
    doppler.resetCounters();
    await reads(agent, seen + 3);
  });
  expect(doppler.counters.downloads200).toBe(0);
});

test('with several sources in one Secret, the refresh of one reads no other, and an unused source is never asked', async () => {
  for (const name of ['fast', 'slow', 'unused']) doppler.addConfig(project, name, { [name.toUpperCase()]: secret() });
  const personal = doppler.personalToken();
  const source = (name: string, refresh: string) => ({ ...provider(refresh), project, config: name });
  const path = await files.write({
    hold: 'off',
    providers: { fast: source('fast', '1s'), slow: source('slow', '1h'), unused: source('unused', '1s') },
    secrets: [
      { name: 'mixed', namespace: 'web', dataFrom: [{ from: 'fast' }, { from: 'slow' }] },
      { name: 'only-slow', namespace: 'web', from: 'slow' },
    ],
  });
  const agent = startHikyaku(['run', '--config', path, '--kubeconfig', kubeconfig, '--log-level', 'debug'], {
    env: { DOPPLER_TOKEN: personal },
  });
  try {
    await eventually(async () => (await readSecrets(admin, 'web')).has('mixed'));
    await reported(path);
    const slow = (await readSecrets(admin, 'web')).get('mixed')?.data['SLOW'];
    const value = secret();
    const before = await state();
    doppler.set(project, 'fast', 'FAST', value);
    doppler.set(project, 'slow', 'SLOW', secret());
    await eventually(async () => (await readSecrets(admin, 'web')).get('mixed')?.data['FAST'] === value);
    await reads(agent, 6, 'fast');

    expect((await readSecrets(admin, 'web')).get('mixed')?.data).toEqual({ FAST: value, SLOW: slow });
    expect(changedObjects(before.versions, (await state()).versions)).toEqual([
      INVENTORY,
      `secrets ${await snapshotSecretOf(admin, 'fast')}`,
      'secrets web/mixed',
    ]);
    const asked = doppler.requests.map(({ query }) => query['config']);
    expect(asked.filter((name) => name === 'slow')).toHaveLength(1);
    expect(asked).not.toContain('unused');
    expect(asked.filter((name) => name === 'fast').length).toBeGreaterThanOrEqual(6);
    expect(doppler.counters).toMatchObject({ downloads200: 3, connections: expect.toSatisfy((count) => count <= 2) });
  } finally {
    await agent.stop();
  }
});

test('the status of 50 Secrets is one object of 4 KB; it and one Event are written once for an outage and once for its end', async () => {
  const path = await manySecrets({ refresh: '1s', count: 50 });
  await synced(path, 50);
  await using agent = await start(path);
  await unchanged(agent, 50);
  expect(Buffer.byteLength(await statusText())).toBeLessThan(100_000 / 24);

  const before = await state();
  doppler.fail({ kind: '500', times: Infinity });
  await eventually(async () => (await statusText()).includes('"failing"'));
  doppler.clearFaults();
  await eventually(async () => !(await statusText()).includes('"failing"'));
  await reads(agent, readsOf(agent).length + 3);
  const status = '/registry/configmaps/hikyaku/hikyaku-status';
  const event = '/registry/events/hikyaku/hikyaku.source.homelab.';
  const expected = [status, status, expect.stringContaining(event), expect.stringContaining(event)];
  expect((await etcd?.since(before.revision))?.toSorted() ?? expected).toEqual(expected);
});

function secret(): string {
  return randomBytes(24).toString('hex');
}

function provider(refresh: string): object {
  return { type: 'doppler', url: doppler.url, token: { env: 'DOPPLER_TOKEN' }, refresh };
}

/** `s0` to `s199`, each with one value of its own and one that it shares with others. */
async function manySecrets({
  refresh,
  resync = '1h',
  count = COUNT,
}: {
  refresh: string;
  resync?: string;
  count?: number;
}): Promise<string> {
  return await files.write({
    resync,
    hold: 'off',
    providers: { homelab: provider(refresh) },
    secrets: Array.from({ length: count }, (_, index) => ({
      name: `s${index}`,
      namespace: 'web',
      from: 'homelab',
      data: { own: `VALUE_${index}`, shared: `GROUP_${index % GROUPS}` },
    })),
  });
}

async function start(path: string): Promise<Running & AsyncDisposable> {
  const agent = startHikyaku(['run', '--config', path, '--kubeconfig', kubeconfig, '--log-level', 'debug'], {
    env: { DOPPLER_TOKEN: token },
  });
  return Object.assign(agent, { [Symbol.asyncDispose]: async () => void (await agent.stop()) });
}

async function sync(path: string) {
  return await hikyaku(['sync', '--config', path, '--kubeconfig', kubeconfig], { env: { DOPPLER_TOKEN: token } });
}

/** Brings everything to what the config wants, and has a daemon say so. */
async function synced(path: string, count = COUNT): Promise<void> {
  const { exitCode, stderr, stdout } = await sync(path);
  if (exitCode !== 0) throw new Error(stderr + stdout);
  await using agent = await start(path);
  await unchanged(agent, count);
  await reported(path);
}

/** The daemon has said what it found. */
async function reported(path: string): Promise<void> {
  const digest = createHash('sha256').update(JSON.stringify([await readFile(path, 'utf8')]));
  const wanted = `"digest": "${digest.digest('hex').slice(0, 16)}"`;
  await eventually(async () => (await statusText()).includes(wanted));
}

async function statusText(): Promise<string> {
  const live = succeeded(await admin('GET', '/api/v1/namespaces/hikyaku/configmaps/hikyaku-status'));
  return String(field(live, 'data', 'status.json'));
}

/** How many Secrets hold what they should. */
async function filled(): Promise<number> {
  const live = await readSecrets(admin, 'web');
  return [...live.values()].filter(({ data }) => Object.keys(data).length === 2).length;
}

function readsOf(agent: Running, source = 'homelab'): Running['log'] {
  return agent.log.filter((line) => line['msg'] === 'source read' && line['source'] === source);
}

async function reads(agent: Running, count: number, source?: string): Promise<void> {
  await eventually(async () => readsOf(agent, source).length >= count);
}

/** Waits until that many writes were answered as equal to what was there. */
async function unchanged(agent: Running, count: number): Promise<void> {
  await eventually(async () => agent.log.filter(({ msg }) => msg === 'unchanged').length >= count);
}

async function state() {
  return { versions: await objectVersions(admin), revision: (await etcd?.revision()) ?? 0 };
}

async function expectNoWrites(during: () => Promise<void>): Promise<void> {
  const before = await state();
  await during();
  const after = await state();
  expect(changedObjects(before.versions, after.versions)).toEqual([]);
  expect((await etcd?.since(before.revision)) ?? []).toEqual([]);
}
