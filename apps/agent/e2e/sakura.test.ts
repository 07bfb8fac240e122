import { randomBytes } from 'node:crypto';
import { type FakeSakura, startFakeSakura } from '@hikyaku/provider-sakura/testing';
import {
  type Api,
  type Cluster,
  ConfigFiles,
  createNamespace,
  deleteSecret,
  expectExit,
  hikyaku,
  installRights,
  readSecret,
  resetInventory,
  type Running,
  startCluster,
  startHikyaku,
} from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { hasTerminals, hikyakuInTerminal } from '../../../tools/testbed/src/terminal.ts';

// A vault of 100 secrets, to the built agent on a real API server with the rights of deploy/rights-own.yaml alone: what it costs in
// requests, by the fake's own count.

const COUNT = 100;
const configs = new ConfigFiles();
const running = new Set<Running>();
const opened: FakeSakura[] = [];
const made: string[] = [];
let cluster: Cluster;
let admin: Api;
let kubeconfig: string;
let count = 0;
let namespace: string;

beforeAll(async () => {
  cluster = await startCluster({ controllers: false });
  admin = cluster.admin;
  await installRights(cluster);
  kubeconfig = await cluster.agentKubeconfig();
});

beforeEach(async () => {
  namespace = `vault-${++count}`;
  await createNamespace(admin, namespace);
});

afterEach(async () => {
  const ended = await Promise.all([...running].map(async (agent) => await agent.stop()));
  running.clear();
  await resetInventory(admin);
  for (const { stdout, stderr } of ended)
    for (const value of made) if ((stdout + stderr).includes(value)) throw new Error('a value was printed');
});

afterAll(async () => {
  await Promise.all(opened.map((fake) => fake.close()));
  await cluster?.stop();
  await configs[Symbol.asyncDispose]();
});

function secret(): string {
  const value = randomBytes(24).toString('hex');
  made.push(value);
  return value;
}

interface Vault {
  readonly fake: FakeSakura;
  readonly id: string;
  readonly values: Record<string, string>;
  /** Of the agent's command line and environment. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** A vault, of 100 secrets unless told otherwise, and a config that writes all of them into one Secret, `all`. */
async function openVault(source: object, size = COUNT): Promise<Vault> {
  const fake = await startFakeSakura({ perMinute: 1_000 });
  opened.push(fake);
  const values = Object.fromEntries(Array.from({ length: size }, (_, index) => [`SECRET_${index}`, secret()]));
  const id = fake.addVault({ secrets: values });
  const { accessToken, accessTokenSecret } = fake.addKey();
  const path = await configs.write({
    hold: 'off',
    providers: { vault: { type: 'sakura', vault: id, url: fake.url, refresh: '1s', ...source } },
    secrets: [{ name: 'all', namespace, from: 'vault' }],
  });
  return {
    fake,
    id,
    values,
    args: ['--config', path, '--kubeconfig', kubeconfig],
    env: { SAKURA_ACCESS_TOKEN: accessToken, SAKURA_ACCESS_TOKEN_SECRET: accessTokenSecret },
  };
}

async function run({ args, env }: Vault): Promise<Running> {
  const agent = startHikyaku(['run', ...args], { env });
  running.add(agent);
  await agent.logged({ msg: 'started' });
  return agent;
}

async function kill(agent: Running): Promise<void> {
  running.delete(agent);
  await agent.stop('SIGKILL');
}

async function becomes(values: Readonly<Record<string, string>>, timeout = 20_000): Promise<void> {
  await vi.waitFor(async () => expect((await readSecret(admin, `${namespace}/all`))?.data).toEqual(values), {
    timeout,
    interval: 100,
  });
}

/** Reads of the source that have ended since now. */
async function refreshes(fake: FakeSakura, number: number): Promise<void> {
  fake.resetCounters();
  await vi.waitFor(() => expect(fake.counters.lists).toBeGreaterThanOrEqual(number), { timeout: 20_000 });
}

test('one secret of 100 changed: a refresh is one list and one unveil; nothing changed: one list', async () => {
  const vault = await openVault({ requestsPerMinute: 100 });
  const { fake, id, values } = vault;
  // The 101 requests of the first read are more than the budget of a minute: the last one waits.
  const finished = await hikyaku(['sync', ...vault.args], { env: vault.env });
  expectExit(finished, 0);
  expect(fake.counters).toMatchObject({ lists: 1, unveils: COUNT, errors: 0 });
  expect(fake.counters.busiestMinute).toBeLessThanOrEqual(100);
  await becomes(values);

  fake.resetCounters();
  await run(vault);
  await refreshes(fake, 3);
  expect(fake.counters).toMatchObject({ unveils: 0, errors: 0 });

  values['SECRET_7'] = secret();
  fake.resetCounters();
  fake.set(id, 'SECRET_7', values['SECRET_7']);
  await becomes(values);
  await vi.waitFor(() => expect(fake.counters.lists).toBeGreaterThanOrEqual(3), { timeout: 20_000 });
  expect(fake.counters.unveils).toBe(1);
});

test('killed in the middle of a first read that its budget stretches over minutes, it goes on where it was', async () => {
  const vault = await openVault({ requestsPerMinute: 40 });
  const { fake, values } = vault;
  for (const least of [30, 60]) {
    const agent = await run(vault);
    await vi.waitFor(() => expect(fake.counters.unveils).toBeGreaterThanOrEqual(least), { timeout: 20_000 });
    // What came in is kept within seconds.
    await new Promise((resolve) => setTimeout(resolve, 6_500));
    await kill(agent);
  }
  await run(vault);
  await becomes(values);
  // Nothing was asked for twice.
  expect(fake.counters.unveils).toBe(COUNT);
  expect(fake.counters.lists).toBeLessThanOrEqual(4);
});

test.runIf(hasTerminals).each(['plan', 'sync'])(
  '%s in a terminal shows how far a first read is, also while its budget lets nothing through',
  async (command) => {
    const { fake, args, env } = await openVault({ requestsPerMinute: 5 }, 10);
    const { exitCode } = await hikyakuInTerminal([command, ...args], {
      env,
      types: [{ after: 'reading vault: 4 of 10 secrets', keys: '\u0003' }],
    });
    expect(exitCode).toBe(130);
    expect(fake.counters.unveils).toBe(4);
  },
);

test('the KMS key is gone, then the vault: the Secret stays, is repaired from what was kept, and recovers', async () => {
  const vault = await openVault({ requestsPerMinute: 100, rereadAfter: '10m' }, 10);
  const { fake, id, values } = vault;
  expectExit(await hikyaku(['sync', ...vault.args], { env: vault.env }), 0);
  fake.deleteKmsKey(id);
  values['SECRET_1'] = secret();
  fake.set(id, 'SECRET_1', values['SECRET_1']);
  const before = { ...(await readSecret(admin, `${namespace}/all`))?.data };
  const agent = await run(vault);
  await agent.logged({ source: 'vault', msg: 'source failed' });
  fake.removeVault(id);
  await deleteSecret(admin, `${namespace}/all`);
  await kill(agent);

  const again = await run(vault);
  await again.logged({ source: 'vault', msg: 'source failed' });
  await becomes(before);
  fake.restoreVault(id);
  fake.restoreKmsKey(id);
  await becomes(values, 40_000);
});
