import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import {
  applyYaml,
  ConfigFiles,
  createNamespace,
  EtcdWrites,
  eventually,
  hikyaku,
  installRights,
  patchSecret,
  readSecret,
  startCluster,
  startHikyaku,
} from '@hikyaku/testbed';
import type { Api, Cluster, Running } from '@hikyaku/testbed';
import { request } from 'undici';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

// The budget of a day: 24 objects written and 100 KB of them, for 50 Secrets, read each minute and put again every ten minutes, some of them watched.
// Here a refresh is a second and a resync two, so that a minute has as many of them as a day has in an hour and in five; what writes by the clock alone
// shows, too: 24 a day are one an hour. All the while somebody scrapes the metrics and has the page open, and Events are told.

const COUNT = 50;
const WATCHED = 10;
const MOST_OBJECTS = 24;
const MOST_BYTES = 100_000;
const REFRESHES_A_DAY = 24 * 60;
const RESYNCS_A_DAY = 24 * 6;
const project = 'homelab';
const config = 'prd';

let directory: string;
let cluster: Cluster;
let etcd: EtcdWrites;
let admin: Api;
let kubeconfig: string;
let doppler: FakeDoppler;
let files: ConfigFiles;
let agent: Running | undefined;
/** Those who scrape and have the page open. */
const onlookers: AbortController[] = [];

// A server that a person brought shows no etcd.
const ofPerson = process.env['HIKYAKU_DEV_KUBECONFIG'] !== undefined;

beforeAll(async () => {
  if (ofPerson) return;
  // Without the controller manager nobody but the agent writes anything, the API server's own Leases aside.
  directory = await mkdtemp(join(tmpdir(), 'hikyaku-quiet-day-'));
  cluster = await startCluster({ controllers: false, directory });
  etcd = await EtcdWrites.of(directory);
  admin = cluster.admin;
  await installRights(cluster);
  kubeconfig = await cluster.agentKubeconfig();
  doppler = await startFakeDoppler({ limits: { secretReads: 1_000_000 } });
  doppler.addConfig(
    project,
    config,
    Object.fromEntries(names().map((_, index) => [`VALUE_${index}`, `value ${index}`])),
  );
  files = new ConfigFiles();
  await createNamespace(admin, 'web');
  for (const name of names().slice(0, WATCHED)) {
    const { stdout } = await hikyaku(['rights', 'role', `web/${name}`, '--watch']);
    await applyYaml(admin, stdout);
  }
});

afterEach(async () => {
  for (const one of onlookers.splice(0)) one.abort();
  await agent?.stop();
});

afterAll(async () => {
  await files?.[Symbol.asyncDispose]();
  await doppler?.close();
  await cluster?.stop();
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

test.skipIf(ofPerson)('refreshes and resyncs that find nothing changed write nothing, and so does time', async () => {
  agent = await settled();
  const from = agent.log.length;
  const revision = await etcd.revision();
  await pause(60_000);
  const refreshes = agent.log.slice(from).filter(({ msg }) => msg === 'source read').length;
  const resyncs = agent.log.slice(from).filter(({ msg }) => msg === 'unchanged').length / COUNT;
  expect(refreshes).toBeGreaterThan(REFRESHES_A_DAY / 24 / 1.5);
  expect(resyncs).toBeGreaterThan(RESYNCS_A_DAY / 24);
  expect(await etcd.writesSince(revision)).toEqual([]);
});

test.skipIf(ofPerson)(
  'a day with a restart, an outage, a changed value and a change by hand stays in the budget',
  async () => {
    agent = await settled();
    const revision = await etcd.revision();
    const sums: string[] = [];
    let objects = 0;
    let bytes = 0;
    for (const [what, happen] of Object.entries(DAY)) {
      const before = await etcd.revision();
      const theirs = await happen();
      // What is said of a change of state may come up to ten seconds later.
      await pause(12_000);
      const writes = await etcd.writesSince(before);
      const size = writes.reduce((sum, write) => sum + write.bytes, 0);
      objects += writes.length - theirs;
      bytes += size;
      sums.push(`${what}: ${writes.length - theirs} objects, ${size} bytes`);
    }
    expect(await etcd.writesSince(revision)).not.toEqual([]);
    console.info(`${sums.join('; ')}; in all ${objects} of ${MOST_OBJECTS} objects, ${bytes} of ${MOST_BYTES} bytes`);
    expect(objects).toBeLessThanOrEqual(MOST_OBJECTS);
    expect(bytes).toBeLessThanOrEqual(MOST_BYTES);
  },
);

/** Each resolves to how many of the writes were not the agent's. */
const DAY: Readonly<Record<string, () => Promise<number>>> = {
  async restart() {
    await agent?.stop();
    agent = await settled();
    return 0;
  },
  async outage() {
    doppler.fail({ kind: '500', times: 1_000 });
    await pause(12_000);
    doppler.clearFaults();
    await agent?.logged({ msg: 'source read' }, { from: agent.log.length });
    return 0;
  },
  async 'changed value'() {
    doppler.set(project, config, 'VALUE_1', 'another');
    await eventually(async () => (await readSecret(admin, 'web/s1'))?.data['value'] === 'another');
    return 0;
  },
  async 'change by hand'() {
    await patchSecret(admin, 'web/s2', { stringData: { value: 'theirs' } });
    await eventually(async () => (await readSecret(admin, 'web/s2'))?.data['value'] === 'value 2');
    return 1;
  },
};

/** Running, with everything written, said and watched. */
async function settled(): Promise<Running> {
  const path = await files.write({
    resync: '2s',
    hold: 'off',
    providers: { homelab: { type: 'doppler', url: doppler.url, token: { env: 'DOPPLER_TOKEN' }, refresh: '1s' } },
    secrets: names().map((name, index) => ({
      name,
      namespace: 'web',
      from: 'homelab',
      data: { value: `VALUE_${index}` },
    })),
  });
  const args = ['run', '--config', path, '--kubeconfig', kubeconfig, '--log-level', 'debug'];
  const running = startHikyaku([...args, '--health', '127.0.0.1:0', '--page', '0'], {
    env: { DOPPLER_TOKEN: doppler.serviceToken(project, config) },
  });
  await running.logged({ msg: 'drift watched', secrets: WATCHED });
  await eventually(async () => running.log.filter(({ msg }) => msg === 'unchanged').length >= COUNT);
  await lookOn(running);
  await pause(12_000);
  return running;
}

/** Asks for the metrics every two seconds, and keeps the page open, as long as the agent runs. */
async function lookOn(running: Running): Promise<void> {
  const portOf = async (msg: string) => String((await running.logged({ msg }))['port']);
  const metrics = `http://127.0.0.1:${await portOf('answering probes')}/metrics`;
  const page = `http://127.0.0.1:${await portOf('showing the status page')}`;
  const over = new AbortController();
  onlookers.push(over);
  const { signal } = over;
  const scrape = async () => {
    const { statusCode, body } = await request(metrics, { signal });
    expect(statusCode).toBe(200);
    expect(await body.text()).toContain('hikyaku_secrets{');
  };
  await scrape();
  const seen = await request(`${page}/`, { signal });
  expect(await seen.body.text()).toContain('web/s1');
  const stream = await request(`${page}/live`, { signal, bodyTimeout: 0 });
  expect(stream.statusCode).toBe(200);
  // Both end with the agent.
  stream.body.on('error', () => {}).resume();
  const timer = setInterval(() => void scrape().catch(() => clearInterval(timer)), 2_000);
  signal.addEventListener('abort', () => clearInterval(timer));
}

function names(): readonly string[] {
  return Array.from({ length: COUNT }, (_, index) => `s${index}`);
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
