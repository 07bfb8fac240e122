import { randomBytes } from 'node:crypto';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import {
  ConfigFiles,
  createNamespace,
  createSecret,
  deleteSecret,
  field,
  hikyaku,
  installRights,
  patchSecret,
  readSecret,
  resetInventory,
  startCluster,
  startHikyaku,
  succeeded,
} from '@hikyaku/testbed';
import type { Api, Cluster, Finished, LiveSecret, Running, SecretOptions } from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

// Whose a Secret is, to the built agent. A foreign one is never touched; its owner hands it over by a label, and takes it back by dropping that.

const project = 'homelab';
const OURS = { 'hikyaku.dev/agent': 'hikyaku' };
const LABELS = { 'app.kubernetes.io/managed-by': 'hikyaku', 'hikyaku.dev/agent': 'hikyaku' };
const ANNOTATIONS = { 'hikyaku.dev/sources': 'homelab', 'kustomize.toolkit.fluxcd.io/prune': 'disabled' };

let cluster: Cluster;
let admin: Api;
let agentKubeconfig: string;
let doppler: FakeDoppler;
let files: ConfigFiles;

/** Of the test that runs. */
let namespace: string;
let config: string;
/** What the source holds. */
let held: { readonly A: string; readonly B: string };
let count = 0;
const started = new Set<Running>();

beforeAll(async () => {
  cluster = await startCluster();
  admin = cluster.admin;
  doppler = await startFakeDoppler({ limits: { secretReads: 1_000_000 } });
  files = new ConfigFiles();
});

afterAll(async () => {
  await files?.[Symbol.asyncDispose]();
  await doppler?.close();
  await cluster?.stop();
});

beforeEach(async () => {
  count++;
  namespace = `web-${count}`;
  config = `config_${count}`;
  held = { A: value(), B: value() };
  doppler.addConfig(project, config, held);
  doppler.resetCounters();
  await createNamespace(admin, namespace);
});

afterEach(async () => {
  await Promise.all([...started].map((agent) => agent.stop()));
  started.clear();
});

// First, while there is no namespace of the agent's own.
describe('a person with a cluster that has never seen hikyaku', () => {
  const path = '/api/v1/namespaces/hikyaku';

  test('without the namespace `hikyaku`, sync says how to make it, exits with 2 and touches nothing', async () => {
    const { exitCode, stdout, stderr } = await sync([entry('app')], { kubeconfig: cluster.kubeconfig });
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(
      /^error: the namespace hikyaku, where hikyaku remembers what it made, does not exist in \S+: run kubectl create namespace hikyaku, or give --yes\n$/,
    );
    expect(await live('app')).toBeUndefined();
    expect((await admin('GET', path)).status).toBe(404);
    expect(doppler.counters.requests).toBe(0);
  });

  test('plan needs no namespace and makes none', async () => {
    const { exitCode, stdout } = await command('plan', [entry('app')], { kubeconfig: cluster.kubeconfig });
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`+ ${namespace}/app  create`);
    expect((await admin('GET', path)).status).toBe(404);
    expect(await live('app')).toBeUndefined();
  });

  test('with --yes sync makes it and fills the Secret', async () => {
    const { exitCode } = await sync([entry('app')], { kubeconfig: cluster.kubeconfig, args: ['--yes'] });
    expect(exitCode).toBe(0);
    expect((await admin('GET', path)).status).toBe(200);
    await expectExact('app');
  });
});

describe.each([
  { who: 'the agent, under deploy/rights-own.yaml', proof: 'policy', kubeconfigOf: () => agentKubeconfig },
  { who: 'a person, by a look', proof: 'look', kubeconfigOf: () => cluster.kubeconfig },
])('$who', ({ proof, kubeconfigOf }) => {
  let kubeconfig: string;

  beforeAll(async () => {
    await installRights(cluster);
    agentKubeconfig ??= await cluster.agentKubeconfig();
    kubeconfig = kubeconfigOf();
  });

  beforeEach(async () => {
    await resetInventory(admin);
  });

  describe('a foreign Secret', () => {
    const foreign: readonly (readonly [string, Readonly<Record<string, string>>, SecretOptions])[] = [
      ['a plain one', { A: 'theirs' }, {}],
      ['one of another type', { password: 'theirs' }, { type: 'kubernetes.io/basic-auth' }],
      ['an immutable one', { A: 'theirs' }, { immutable: true }],
      ['one of another agent', { A: 'theirs' }, { labels: { 'hikyaku.dev/agent': 'other' } }],
      ['one with a finalizer', { A: 'theirs' }, { finalizers: ['example.com/keep'] }],
    ];

    test.each(foreign)(
      '%s is refused with the line that hands it over, and untouched, also with `recreate`',
      async (_, values, options) => {
        const names = ['taken', 'taken-recreate'];
        const before = await Promise.all(names.map((name) => createSecret(admin, id(name), values, options)));
        const entries = [entry('taken'), entry('taken-recreate', { recreate: true }), entry('app')];
        const done = await sync(entries, { kubeconfig });
        const plan = await command('plan', entries, { kubeconfig });
        expect([done.exitCode, plan.exitCode]).toEqual([1, 1]);
        for (const name of names) {
          const line = `kubectl label secret ${name} --namespace ${namespace} hikyaku.dev/agent=hikyaku`;
          const message = `Secret ${id(name)} exists and is not ours; its owner can hand it over, keys and all: ${line}\n`;
          expect(done.stdout).toContain(`  ! ${id(name)}  refused\n      ${message}`);
          expect(plan.stdout).toContain(`  ! ${id(name)}  refused\n      ${message}`);
        }
        expect(await Promise.all(names.map(live))).toEqual(before);
        await expectExact('app');
      },
    );

    test('that takes the place of one of ours is refused from then on, and the agent neither fights nor prunes it', async () => {
      await sync([entry('app')], { kubeconfig });
      await deleteSecret(admin, id('app'));
      const theirs = await createSecret(admin, id('app'), { A: 'theirs' });
      const agent = await run([entry('app')], { kubeconfig });
      expect(await problem(agent, 'app')).toContain('exists and is not ours');
      await resyncs(agent, 2);
      await agent.stop();
      expect(await live('app')).toEqual(theirs);

      const pruned = await sync([entry('other')], { kubeconfig });
      expect(pruned.exitCode).toBe(0);
      expect(pruned.stdout).toContain(`${namespace}/app  is not ours any more: left alone`);
      expect(await live('app')).toEqual(theirs);
    });
  });

  describe('a Secret that its owner hands over', () => {
    test('becomes exactly ours: old keys, labels, annotations, owners and finalizers are gone', async () => {
      await createSecret(
        admin,
        id('app'),
        { A: 'old', OLD: 'old' },
        {
          labels: { team: 'web' },
          annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{"data":{"OLD":"b2xk"}}' },
          finalizers: ['example.com/keep'],
          ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: await makeOwner() }],
        },
      );
      const agent = await run([entry('app')], { kubeconfig });
      expect(await agent.logged({ msg: 'started' })).toMatchObject({ proof });
      expect(await problem(agent, 'app')).toContain(
        `kubectl label secret app --namespace ${namespace} hikyaku.dev/agent=hikyaku`,
      );

      const { uid } = await patchSecret(admin, id('app'), { metadata: { labels: OURS } });
      await recovered(agent, 'app');
      expect(agent.lastWord(id('app'))).toMatchObject({ state: 'synced', outcome: 'adopted' });
      await expectExact('app');
      expect((await live('app'))?.uid).toBe(uid);
    });

    test.each(['kubernetes.io/basic-auth', 'example.com/other'])(
      'of the type %s is made again with `recreate`, and else refused with that remedy',
      async (type) => {
        const before = await createSecret(admin, id('app'), { password: 'old' }, { type, labels: OURS });
        const refused = await sync([entry('app')], { kubeconfig });
        expect(refused.exitCode).toBe(1);
        expect(refused.stdout).toContain(
          `Secret ${namespace}/app: type cannot change in place; set \`recreate: true\``,
        );
        expect(await live('app')).toEqual(before);

        const { exitCode, stdout } = await sync([entry('app', { recreate: true })], { kubeconfig });
        expect(stdout).toContain(`${namespace}/app  deleted and created again`);
        expect(exitCode).toBe(0);
        await expectExact('app');
        expect((await live('app'))?.uid).not.toBe(before.uid);
      },
    );

    test('by one-shot sync is taken over too', async () => {
      await createSecret(admin, id('app'), { OLD: 'old' }, { labels: OURS });
      const { exitCode, stdout } = await sync([entry('app')], { kubeconfig });
      expect({ exitCode, stdout }).toMatchObject({
        exitCode: 0,
        stdout: expect.stringContaining(`${namespace}/app  taken over`),
      });
      await expectExact('app');
    });
  });

  describe('a stranger', () => {
    const deeds: readonly (readonly [string, string, () => Promise<unknown>])[] = [
      [
        'adds a key',
        'repaired',
        () => patchSecret(admin, id('app'), { stringData: { NODE_OPTIONS: '--require /tmp/x' } }),
      ],
      ['changes a value', 'repaired', () => patchSecret(admin, id('app'), { stringData: { A: 'theirs' } })],
      ['removes a key', 'repaired', () => patchSecret(admin, id('app'), { data: { A: null } })],
      [
        'adds labels and annotations',
        'repaired',
        () => patchSecret(admin, id('app'), { metadata: { labels: { a: 'b' }, annotations: { a: 'b' } } }),
      ],
      [
        'adds a finalizer',
        'repaired',
        () => patchSecret(admin, id('app'), { metadata: { finalizers: ['example.com/keep'] } }),
      ],
      ['makes it immutable', 'recreated', () => patchSecret(admin, id('app'), { immutable: true })],
      ['deletes it', 'repaired', () => deleteSecret(admin, id('app'))],
      [
        'makes it again with our label',
        'adopted',
        async () => {
          await deleteSecret(admin, id('app'));
          await createSecret(admin, id('app'), { A: 'theirs' }, { labels: OURS });
        },
      ],
    ];

    test.each(deeds)('%s: repaired at the next resync, without asking the source', async (deed, outcome, does) => {
      const agent = await run([entry('app', { recreate: deed === 'makes it immutable' })], {
        kubeconfig,
        refresh: '1h',
      });
      await exact('app');
      const requests = doppler.counters.requests;

      await does();
      await agent.logged({ secret: id('app'), outcome });
      await exact('app');
      await expectExact('app');
      expect(doppler.counters.requests).toBe(requests);
      expect(requests).toBe(1);
    });

    test.each(deeds)('%s: repaired by a one-shot sync', async (deed, outcome, does) => {
      const entries = [entry('app', { recreate: deed === 'makes it immutable' }), entry('other')];
      await sync(entries, { kubeconfig });
      const other = await live('other');

      await does();
      const { exitCode, stdout } = await sync(entries, { kubeconfig, args: ['--json'] });
      expect({ exitCode, secrets: field(JSON.parse(stdout), 'secrets') }).toMatchObject({
        exitCode: 0,
        secrets: [
          { secret: id('app'), state: 'synced', outcome },
          { secret: id('other'), state: 'synced', outcome: 'unchanged' },
        ],
      });
      await expectExact('app');
      expect(await live('other')).toEqual(other);
    });

    test('drops the label: refused from then on, said once, and not fought over; with the label back it is ours again', async () => {
      const agent = await run([entry('app'), entry('other')], { kubeconfig });
      await exact('app');
      const theirs = await patchSecret(admin, id('app'), { metadata: { labels: { 'hikyaku.dev/agent': null } } });
      expect(await problem(agent, 'app')).toContain('exists and is not ours');

      held = { ...held, A: value() };
      doppler.set(project, config, 'A', held.A);
      await exact('other');
      await resyncs(agent, 2);
      expect(await live('app')).toEqual(theirs);
      expect(agent.log.filter(({ msg, secret }) => msg === 'not synced' && secret === id('app'))).toHaveLength(1);

      await patchSecret(admin, id('app'), { metadata: { labels: OURS } });
      await recovered(agent, 'app');
      await expectExact('app');
    });
  });

  describe('an entry that is gone from the config', () => {
    test('takes its Secret with it, unless it said `whenRemoved: keep`; only once', async () => {
      await sync([entry('gone'), entry('kept', { whenRemoved: 'keep' }), entry('app')], { kubeconfig });
      const kept = await live('kept');

      const { exitCode, stdout } = await sync([entry('app')], { kubeconfig });
      expect(exitCode).toBe(0);
      expect(stdout).toContain(`- ${namespace}/gone  deleted`);
      expect(stdout).toContain(`. ${namespace}/kept  left: its entry is gone from the config`);
      expect(await live('gone')).toBeUndefined();
      expect(await live('kept')).toEqual(kept);

      const again = await sync([entry('app')], { kubeconfig });
      expect(again.stdout).not.toMatch(/gone|kept/);
      expect(await live('kept')).toEqual(kept);
    });

    test('is pruned by the daemon at its start', async () => {
      await sync([entry('gone'), entry('app')], { kubeconfig });
      const agent = await run([entry('app')], { kubeconfig });
      await agent.logged({ secret: id('gone'), state: 'removed', outcome: 'deleted' });
      expect(await live('gone')).toBeUndefined();
    });

    test('and comes back finds its Secret again, whether it was kept or not', async () => {
      const both = [entry('gone'), entry('kept', { whenRemoved: 'keep' })];
      await sync([...both, entry('app')], { kubeconfig });
      await sync([entry('app')], { kubeconfig });
      held = { ...held, A: value() };
      doppler.set(project, config, 'A', held.A);
      const { exitCode } = await sync([...both, entry('app')], { kubeconfig });
      expect(exitCode).toBe(0);
      for (const name of ['gone', 'kept', 'app']) await expectExact(name);
    });

    test('leaves a Secret alone whose label was dropped, or that somebody made again', async () => {
      const names = ['unlabelled', 'remade', 'remade-with-label'];
      await sync(
        [...names, 'app'].map((name) => entry(name)),
        { kubeconfig },
      );
      await patchSecret(admin, id('unlabelled'), { metadata: { labels: { 'hikyaku.dev/agent': null } } });
      for (const [name, labels] of [
        ['remade', {}],
        ['remade-with-label', OURS],
      ] as const) {
        await deleteSecret(admin, id(name));
        await createSecret(admin, id(name), { A: 'theirs' }, { labels });
      }
      const before = await Promise.all(names.map(live));

      const { exitCode, stdout } = await sync([entry('app')], { kubeconfig });
      expect(exitCode).toBe(0);
      for (const name of names) expect(stdout).toContain(`${namespace}/${name}  is not ours any more: left alone`);
      expect(await Promise.all(names.map(live))).toEqual(before);
    });

    test('whose Secret is gone already is forgotten', async () => {
      await sync([entry('gone'), entry('app')], { kubeconfig });
      await deleteSecret(admin, id('gone'));
      const { exitCode, stdout } = await sync([entry('app')], { kubeconfig });
      expect({ exitCode, stdout }).toMatchObject({
        exitCode: 0,
        stdout: expect.stringContaining(`${namespace}/gone  was gone already`),
      });
    });

    test('changed to `keep` in the run before is kept', async () => {
      await sync([entry('kept'), entry('app')], { kubeconfig });
      await sync([entry('kept', { whenRemoved: 'keep' }), entry('app')], { kubeconfig });
      const kept = await live('kept');
      await sync([entry('app')], { kubeconfig });
      expect(await live('kept')).toEqual(kept);
    });
  });
});

function value(): string {
  return randomBytes(24).toString('base64url');
}

async function makeOwner(): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const { metadata } = succeeded(await admin('POST', path, { metadata: { name: 'owner' } })) as {
    metadata: { uid: string };
  };
  return metadata.uid;
}

function id(name: string): string {
  return `${namespace}/${name}`;
}

function entry(name: string, more: object = {}): object {
  return { name, namespace, from: 'homelab', ...more };
}

interface Invocation {
  readonly kubeconfig: string;
  readonly args?: readonly string[];
  readonly refresh?: string;
}

async function write(secrets: readonly object[], refresh = '1s'): Promise<string> {
  const homelab = { type: 'doppler', url: doppler.url, token: { env: 'DOPPLER_TOKEN' }, refresh };
  return await files.write({ resync: '1s', hold: 'off', providers: { homelab }, secrets });
}

function env(): Readonly<Record<string, string>> {
  return { DOPPLER_TOKEN: doppler.serviceToken(project, config) };
}

async function command(
  name: string,
  secrets: readonly object[],
  { kubeconfig, args = [] }: Invocation,
): Promise<Finished> {
  return await hikyaku([name, '--config', await write(secrets), '--kubeconfig', kubeconfig, ...args], { env: env() });
}

async function sync(secrets: readonly object[], invocation: Invocation): Promise<Finished> {
  return await command('sync', secrets, invocation);
}

async function run(secrets: readonly object[], { kubeconfig, refresh }: Invocation): Promise<Running> {
  const path = await write(secrets, refresh);
  const agent = startHikyaku(['run', '--config', path, '--kubeconfig', kubeconfig, '--log-level', 'debug'], {
    env: env(),
  });
  started.add(agent);
  return agent;
}

async function live(name: string): Promise<LiveSecret | undefined> {
  return await readSecret(admin, id(name));
}

/** The Secret is as the config wants it, and nothing else is on it. */
async function expectExact(name: string): Promise<void> {
  const { uid: _, resourceVersion: __, ...rest } = (await live(name)) ?? {};
  expect(rest).toEqual({
    type: 'Opaque',
    immutable: false,
    labels: LABELS,
    annotations: ANNOTATIONS,
    ownerReferences: [],
    finalizers: [],
    data: held,
  });
}

/** Waits until the Secret holds what the source holds. */
async function exact(name: string): Promise<void> {
  await expect.poll(async () => (await live(name))?.data, { timeout: 15_000 }).toEqual(held);
}

async function problem(agent: Running, name: string): Promise<string> {
  await expect.poll(() => agent.lastWord(id(name))?.['msg'], { timeout: 15_000 }).toBe('not synced');
  return [agent.lastWord(id(name))?.['messages']].flat().join('\n');
}

async function recovered(agent: Running, name: string): Promise<void> {
  await expect.poll(() => agent.lastWord(id(name))?.['msg'], { timeout: 15_000 }).toBe('recovered');
}

/** Waits until every Secret was put that often again. */
async function resyncs(agent: Running, times: number): Promise<void> {
  const said = () => agent.log.filter(({ msg }) => msg === 'still not synced').length;
  const from = said();
  await expect.poll(said, { timeout: 15_000 }).toBeGreaterThanOrEqual(from + times);
}
