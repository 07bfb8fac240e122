import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import {
  type Api,
  applyYaml,
  createSecret,
  deleteSecret,
  eventually,
  expectExit,
  field,
  type Finished,
  hikyaku,
  inventoryPath,
  patchSecret,
  type Running,
  secretPath,
  succeeded,
} from '@hikyaku/testbed';
import { request } from 'undici';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { Stage } from './stage.test.kit.ts';

// Secrets that travel to Doppler and into a file, with the built agent on a real API server: with the rights of deploy/rights-own.yaml, the
// grants and a Role of the owner in a pod, and with a person's own rights elsewhere.

const IN_POD = { KUBERNETES_SERVICE_HOST: '192.0.2.1', KUBERNETES_SERVICE_PORT: '443' };
const WRITES = '/v3/configs/config/secrets';
const MERGE_PATCH = { 'content-type': 'application/merge-patch+json' };

const printed: string[] = [];
const made: string[] = [];
let stage: Stage;
let admin: Api;
let doppler: FakeDoppler;
let directory: string;
let namespace: string;
let token: string;
let reader: string;
let file: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hikyaku-pushes-'));
  stage = await Stage.open('push', { controllers: false });
  ({ admin, doppler } = stage);
});
beforeEach(async () => {
  namespace = await stage.begin();
  doppler.addConfig(namespace, 'prd');
  token = doppler.serviceToken(namespace, 'prd', { access: 'read/write' });
  reader = doppler.serviceToken(namespace, 'prd');
  file = join(directory, `${namespace}.json`);
  await writeFile(file, '{}');
  await grant(['homelab', 'nas']);
});
afterEach(async () => {
  for (const { stdout, stderr } of await stage.end()) printed.push(stdout, stderr);
  if (made.some((text) => printed.join('\n').includes(text))) throw new Error('a value was printed');
});
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

function value(): string {
  const text = randomBytes(20).toString('hex');
  made.push(text);
  return text;
}

const id = () => `${namespace}/app-env`;

/** What the ConfigMap says may be pushed, and what the test's sources need besides. */
async function grant(sources: readonly string[]): Promise<void> {
  const pushes = sources.map((to) => ({ from: id(), to }));
  const grants = stringify({ origins: [doppler.url], files: directory, pushes });
  const path = '/api/v1/namespaces/hikyaku/configmaps/hikyaku-grants';
  succeeded(await admin('PATCH', path, { data: { 'grants.yaml': grants } }, MERGE_PATCH));
}

/** What the owner does: applies what the command prints. */
async function giveRole(right: '--watch' | '--read' = '--watch'): Promise<void> {
  const { stdout, exitCode } = await hikyaku(['rights', 'role', id(), right]);
  expect(exitCode).toBe(0);
  await applyYaml(admin, stdout);
  await eventually(async () => (await stage.own('GET', secretPath(id()))).status !== 403);
}

async function takeRole(): Promise<void> {
  const path = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings/hikyaku-watch-app-env`;
  succeeded(await admin('DELETE', path));
  await eventually(async () => (await stage.own('GET', secretPath(id()))).status === 403);
}

interface PushOptions {
  readonly to?: 'homelab' | 'nas';
  readonly data?: Readonly<Record<string, string>>;
  readonly update?: 'always' | 'ifAbsent';
  readonly whenRemoved?: 'keep' | 'delete';
}

async function config(pushes: readonly PushOptions[], more: object = {}): Promise<string> {
  return await stage.configs.write({
    hold: 'off',
    providers: {
      homelab: { type: 'doppler', url: doppler.url, hold: 'off' },
      nas: { type: 'file', path: file, hold: 'off' },
    },
    secrets: [],
    pushes: pushes.map(({ to = 'homelab', ...rest }) => ({ from: { namespace, secret: 'app-env' }, to, ...rest })),
    ...more,
  });
}

interface CommandOptions {
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly more?: object;
}

/** As the agent in its pod. */
async function inPod(
  command: 'sync' | 'plan',
  pushes: readonly PushOptions[],
  { flags = [], env = {}, more = {} }: CommandOptions = {},
): Promise<Finished> {
  const args = [command, '--config', await config(pushes, more), '--kubeconfig', stage.kubeconfig, ...flags];
  const finished = await hikyaku(args, { env: { DOPPLER_TOKEN: token, ...IN_POD, ...env } });
  printed.push(finished.stdout, finished.stderr);
  return finished;
}

/** As a person who may do everything. */
async function asPerson(
  command: 'sync' | 'plan',
  pushes: readonly PushOptions[],
  { flags = [], more = {} }: CommandOptions = {},
): Promise<Finished> {
  const args = [command, '--config', await config(pushes, more), '--kubeconfig', stage.cluster.kubeconfig];
  const finished = await hikyaku([...args, '--file-root', directory, ...flags], { env: { DOPPLER_TOKEN: token } });
  printed.push(finished.stdout, finished.stderr);
  return finished;
}

async function run(pushes: readonly PushOptions[], more: object = {}): Promise<Running> {
  const args = [
    'run',
    '--config',
    await config(pushes, more),
    '--kubeconfig',
    stage.kubeconfig,
    '--log-level',
    'debug',
  ];
  const agent = stage.start(args, { env: { DOPPLER_TOKEN: token, ...IN_POD } });
  await agent.logged({ msg: 'started' });
  return agent;
}

/** What Doppler has, besides what it adds itself. */
async function remote(): Promise<Readonly<Record<string, string>>> {
  const { body } = await request(`${doppler.url}${WRITES}/download?format=json`, {
    headers: { authorization: `Bearer ${reader}` },
  });
  const all = (await body.json()) as Readonly<Record<string, string>>;
  return Object.fromEntries(Object.entries(all).filter(([name]) => !name.startsWith('DOPPLER_')));
}

async function inFile(): Promise<Readonly<Record<string, string>>> {
  return JSON.parse(await readFile(file, 'utf8'));
}

function writes(): number {
  return doppler.requests.filter(({ method }) => method === 'POST').length;
}

async function pushInventory(): Promise<Readonly<Record<string, unknown>>> {
  const text = field(succeeded(await admin('GET', inventoryPath)), 'data', 'pushes.json');
  return typeof text === 'string' ? JSON.parse(text) : {};
}

describe('in a pod', () => {
  test('a push needs the grant and the Role of the owner, and says how to come by each', async () => {
    await createSecret(admin, id(), { A: value() });
    await grant([]);
    const ungranted = await inPod('sync', [{}]);
    expectExit(ungranted, 1);
    expect(ungranted.stdout).toContain(`push ${id()} → homelab  refused`);
    expect(ungranted.stdout).toContain(`pushes: [{ from: ${id()}, to: homelab }]`);

    await grant(['homelab']);
    const unread = await inPod('sync', [{}]);
    expectExit(unread, 1);
    expect(unread.stdout).toContain(`hikyaku rights role ${id()} --watch | kubectl apply -f -`);
    expect(await remote()).toEqual({});

    await giveRole();
    const pushed = await inPod('sync', [{}]);
    expectExit(pushed, 0);
    expect(pushed.stdout).toContain(`push ${id()} → homelab: + A`);
    expect(Object.keys(await remote())).toEqual(['A']);
  });

  test('the Role opens this one Secret, and the grant this one source', async () => {
    await createSecret(admin, id(), { A: value() });
    await createSecret(admin, `${namespace}/other`, { B: value() });
    await giveRole();
    expect((await stage.own('GET', secretPath(`${namespace}/other`))).status).toBe(403);
    await grant(['nas']);
    const finished = await inPod('sync', [{}, { to: 'nas' }], { flags: ['--json'] });
    expectExit(finished, 1);
    expect(field(JSON.parse(finished.stdout), 'pushes')).toMatchObject([
      { from: id(), to: 'homelab', state: 'refused' },
      { from: id(), to: 'nas', state: 'pushed', changes: { added: ['A'] } },
    ]);
    expect([await remote(), Object.keys(await inFile())]).toEqual([{}, ['A']]);
  });

  test.each(['homelab', 'nas'] as const)('a change is at %s in less than two seconds', async (to) => {
    const held = to === 'homelab' ? remote : inFile;
    await createSecret(admin, id(), { A: value() });
    await giveRole();
    const agent = await run([{ to }]);
    await agent.logged({ msg: 'pushed' });
    const latencies: number[] = [];
    for (let round = 0; round < 5; round++) {
      const next = value();
      const from = performance.now();
      await patchSecret(admin, id(), { stringData: { A: next } });
      await expect.poll(async () => (await held())['A'], { interval: 20, timeout: 5_000 }).toBe(next);
      latencies.push(performance.now() - from);
    }
    expect(Math.max(...latencies)).toBeLessThan(2_000);
  });

  test('where the owner only lets it be read, a change comes with the resync', async () => {
    await createSecret(admin, id(), { A: value() });
    await giveRole('--read');
    const agent = await run([{}], { resync: '1s' });
    await agent.logged({ msg: 'pushed' });
    const next = value();
    await patchSecret(admin, id(), { stringData: { A: next } });
    await expect.poll(remote, { timeout: 10_000 }).toEqual({ A: next });
  });

  test('a Role that comes late is noticed', async () => {
    await createSecret(admin, id(), { A: value() });
    const agent = await run([{}]);
    await agent.logged({ msg: 'not pushed', state: 'refused' });
    await giveRole();
    await agent.logged({ msg: 'push recovered' });
    expect(Object.keys(await remote())).toEqual(['A']);
  });

  test('nothing is sent and nothing written while nothing changes', async () => {
    await createSecret(admin, id(), { A: value() });
    await giveRole();
    const agent = await run([{}]);
    await agent.logged({ msg: 'pushed' });
    doppler.resetCounters();
    const before = await admin('GET', inventoryPath);
    await patchSecret(admin, id(), { metadata: { annotations: { note: 'x' } } });
    await sleep(2_000);
    expect(doppler.requests).toEqual([]);
    expect((await admin('GET', inventoryPath)).text).toBe(before.text);
  });
});

describe('nothing is lost', () => {
  const push: PushOptions = { whenRemoved: 'delete' };

  test('when the Secret is deleted, comes back empty, and comes back with keys', async () => {
    const first = value();
    await createSecret(admin, id(), { A: first, B: first });
    await giveRole();
    const agent = await run([push]);
    await agent.logged({ msg: 'pushed' });
    await deleteSecret(admin, id());
    await expect.poll(() => agent.stdout).toContain(`Secret ${id()} does not exist: nothing is changed`);
    expect(await remote()).toEqual({ A: first, B: first });
    await createSecret(admin, id(), {});
    await expect.poll(() => agent.stdout).toContain(`Secret ${id()} has no keys: nothing is changed at homelab`);
    expect(await remote()).toEqual({ A: first, B: first });
    const second = value();
    await patchSecret(admin, id(), { stringData: { A: second, B: first } });
    await expect.poll(remote, { timeout: 10_000 }).toEqual({ A: second, B: first });
  });

  test('when the owner takes the Role back, and the entry is gone then with `keep`', async () => {
    const first = value();
    await createSecret(admin, id(), { A: first });
    await giveRole();
    const agent = await run([push]);
    await agent.logged({ msg: 'pushed' });
    await takeRole();
    await patchSecret(admin, id(), { data: null, stringData: { B: value() } });
    await agent.logged({ state: 'refused' });
    await agent.stop();
    expectExit(await inPod('sync', [{ whenRemoved: 'keep' }]), 1);
    const gone = await inPod('sync', []);
    expectExit(gone, 0);
    expect(gone.stdout).toContain('its entry is gone from the config; what was pushed stays');
    expect(await remote()).toEqual({ A: first });
  });

  test('when the API server cannot be reached nothing is removed', async () => {
    const first = value();
    await createSecret(admin, id(), { A: first });
    await giveRole();
    expectExit(await inPod('sync', [push]), 0);
    const nowhere = join(directory, 'nowhere');
    const text = await readFile(stage.kubeconfig, 'utf8');
    await writeFile(nowhere, text.replace(/https:\/\/[^\s"]+/, 'https://127.0.0.1:1'));
    const args = ['sync', '--config', await config([]), '--kubeconfig', nowhere];
    expect((await hikyaku(args, { env: { DOPPLER_TOKEN: token } })).exitCode).toBe(1);
    expect(await remote()).toEqual({ A: first });
  });

  test('when the agent is killed after Doppler has written and before it knows: it writes once, and knows it as its own', async () => {
    const first = value();
    await createSecret(admin, id(), { A: first, B: first });
    await giveRole();
    doppler.fail({ kind: 'hang', path: WRITES });
    const agent = await run([push]);
    await expect.poll(remote, { timeout: 10_000 }).toEqual({ A: first, B: first });
    await agent.stop('SIGKILL');
    doppler.resetCounters();

    expectExit(await inPod('sync', [push]), 0);
    expect(writes()).toBe(0);
    await patchSecret(admin, id(), { data: { B: null } });
    const removed = await inPod('sync', [push]);
    expectExit(removed, 0);
    expect(removed.stdout).toContain(`push ${id()} → homelab: - B`);
    expect(await remote()).toEqual({ A: first });
  });

  test('when it is killed with its entry gone after: what it had written is removed, and nothing else', async () => {
    doppler.set(namespace, 'prd', 'THEIRS', 'somebody-else');
    await createSecret(admin, id(), { A: value() });
    await giveRole();
    doppler.fail({ kind: 'hang', path: WRITES });
    const agent = await run([push]);
    await expect.poll(async () => Object.keys(await remote()), { timeout: 10_000 }).toEqual(['A', 'THEIRS']);
    await agent.stop('SIGKILL');
    const gone = await inPod('sync', []);
    expectExit(gone, 0);
    expect(gone.stdout).toContain(`push ${id()} → homelab: - A`);
    expect(await remote()).toEqual({ THEIRS: 'somebody-else' });
    expect(await pushInventory()).toEqual({});
  });

  test('when the source can only be read: it says so, and goes on when it can', async () => {
    await createSecret(admin, id(), { A: value() });
    await giveRole();
    const finished = await inPod('sync', [{}], { env: { DOPPLER_TOKEN: reader } });
    expectExit(finished, 1);
    expect(finished.stdout).toContain(`push ${id()} → homelab  failed`);
    expect(finished.stdout).toContain('read/write');
    expect(await remote()).toEqual({});
    expectExit(await inPod('sync', [{}]), 0);
    expect(Object.keys(await remote())).toEqual(['A']);
  });

  test.each(['homelab', 'nas'] as const)(
    'when somebody else has changed it at %s: held until a person approves',
    async (to) => {
      const held = to === 'homelab' ? remote : inFile;
      const theirs = value();
      await createSecret(admin, id(), { A: value(), B: value() });
      await giveRole();
      expectExit(await inPod('sync', [{ to }]), 0);
      if (to === 'homelab') doppler.set(namespace, 'prd', 'A', theirs);
      else await writeFile(file, JSON.stringify({ ...(await inFile()), A: theirs }));
      const [a, b] = [value(), value()];
      await patchSecret(admin, id(), { stringData: { A: a, B: b } });

      const first = await inPod('sync', [{ to }]);
      expectExit(first, 1);
      expect(first.stdout).toContain(`somebody else has changed A at ${to}: left alone`);
      expect(await held()).toEqual({ A: theirs, B: b });
      expectExit(await inPod('sync', [{ to }], { flags: ['--approve'] }), 0);
      expect(await held()).toEqual({ A: a, B: b });
    },
  );

  test('a value that was there before is not written over, nor removed', async () => {
    doppler.set(namespace, 'prd', 'A', 'was-here-before');
    await createSecret(admin, id(), { A: value(), B: value() });
    await giveRole();
    const finished = await inPod('sync', [push]);
    expectExit(finished, 1);
    expect(finished.stdout).toContain('homelab has another A, which was not pushed from here: left alone');
    expectExit(await inPod('sync', [{ update: 'ifAbsent', whenRemoved: 'delete' }]), 0);
    expectExit(await inPod('sync', []), 0);
    expect(await remote()).toEqual({ A: 'was-here-before' });
  });

  test('a mass removal waits for a person', async () => {
    await createSecret(admin, id(), { A: value(), B: value(), C: value() });
    await giveRole();
    const strict = { providers: { homelab: { type: 'doppler', url: doppler.url } } };
    expectExit(await inPod('sync', [push], { more: strict }), 0);
    const finished = await inPod('sync', [], { more: strict });
    expectExit(finished, 1);
    expect(finished.stdout).toContain('3 of 3 secrets that were pushed to homelab would go');
    expect(Object.keys(await remote())).toEqual(['A', 'B', 'C']);
    expectExit(await inPod('sync', [], { more: strict, flags: ['--approve'] }), 0);
    expect(await remote()).toEqual({});
  });
});

describe('a person', () => {
  test('sees in a plan what a sync then does, in text and in JSON, with the rights of their own', async () => {
    const first = value();
    await createSecret(admin, id(), { 'app-key': first, other: value() });
    const pushes: readonly PushOptions[] = [{ data: { APP_KEY: 'app-key' } }, { to: 'nas' }];
    const plan = await asPerson('plan', pushes, { flags: ['--exit-code'] });
    expectExit(plan, 3);
    expect(plan.stdout).toContain(`push ${id()} → homelab: + APP_KEY\n`);
    expect(plan.stdout).toContain(`push ${id()} → nas: + app-key  + other\n2 pushes: 3 secrets kept equal\n`);
    expect([await remote(), await inFile(), await pushInventory()]).toEqual([{}, {}, {}]);

    const sync = await asPerson('sync', pushes, { flags: ['--json'] });
    expectExit(sync, 0);
    expect(field(JSON.parse(sync.stdout), 'pushes', 0)).toEqual({
      from: id(),
      to: 'homelab',
      state: 'pushed',
      keys: 1,
      changes: { added: ['APP_KEY'], changed: [], removed: [] },
      messages: [],
    });
    expect(await remote()).toEqual({ APP_KEY: first });
    const again = await asPerson('plan', pushes, { flags: ['--json', '--exit-code'] });
    expectExit(again, 0);
    expect(field(JSON.parse(again.stdout), 'pushes', 0)).toEqual({
      from: id(),
      to: 'homelab',
      state: 'pushed',
      keys: 1,
      messages: [],
    });
  });

  test('is not helped to push keys to the cluster, or the agent’s own objects', async () => {
    const type = 'kubernetes.io/service-account-token';
    const annotations = { 'kubernetes.io/service-account.name': 'default' };
    const account = { metadata: { name: 'default' } };
    await admin('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, account);
    await createSecret(admin, id(), { token: value() }, { type, annotations });
    const finished = await asPerson('sync', [{}]);
    expectExit(finished, 1);
    expect(finished.stdout).toContain(`Secret ${id()} is of the type ${type}, which is never pushed`);
    const own = [{ from: { namespace: 'hikyaku', secret: 'hikyaku-inventory-key' }, to: 'nas' }];
    expectExit(await asPerson('sync', [], { more: { pushes: own } }), 2);
    expect([await remote(), await inFile()]).toEqual([{}, {}]);
  });

  test('is told of a loop before anything is touched', async () => {
    const secrets = [{ name: 'app-env', namespace, from: 'homelab', data: { key: 'APP_KEY' } }];
    const finished = await asPerson('sync', [{ data: { APP_KEY: 'key' } }], { more: { secrets } });
    expectExit(finished, 2);
    expect(finished.stdout + finished.stderr).toContain(
      `a loop: \`APP_KEY\` of \`homelab\` is pulled into ${id()} as \`key\``,
    );
  });

  test('can carry one source into another by a Secret', async () => {
    const first = value();
    doppler.set(namespace, 'prd', 'DB_PASSWORD', first);
    const secrets = [{ name: 'app-env', namespace, from: 'homelab' }];
    expectExit(await asPerson('sync', [{ to: 'nas' }], { more: { secrets } }), 0);
    expect(await inFile()).toEqual({ DB_PASSWORD: first });
  });
});
