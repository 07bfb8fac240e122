import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import {
  type Api,
  applyYaml,
  eventually,
  expectExit,
  field,
  type Finished,
  hikyaku,
  inventoryPath,
  readInstallFile,
  readInventory,
  readSecret,
  resetInventory,
  type Running,
  succeeded,
} from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Stage } from './stage.test.kit.ts';

// The built agent, held by deploy/rights-restarts.yaml, with the controllers of Kubernetes. Rollouts are counted by `generation`, which
// each change of a spec raises by one, and by ReplicaSets.

const mergePatch = { 'content-type': 'application/merge-patch+json' };
const KINDS = { Deployment: 'deployments', StatefulSet: 'statefulsets', DaemonSet: 'daemonsets' } as const;
type Kind = keyof typeof KINDS;
let stage: Stage;
let admin: Api;
let doppler: FakeDoppler;
let namespace: string;

beforeAll(async () => {
  stage = await Stage.open('restart');
  ({ admin, doppler } = stage);
  await applyYaml(admin, await readInstallFile('rights-restarts.yaml'));
  const namespaces = Array.from({ length: 40 }, (_, n) => `restart-${n + 1}/*`);
  await grant(namespaces.join(', '));
});
beforeEach(async () => {
  namespace = await stage.begin();
  doppler.addConfig(namespace, 'lab', { A: '1', B: '1' });
});
afterEach(() => stage.end());
afterAll(() => stage?.[Symbol.asyncDispose]());

async function grant(restarts: string): Promise<void> {
  const path = '/api/v1/namespaces/hikyaku/configmaps/hikyaku-grants';
  succeeded(await admin('PATCH', path, { data: { restarts } }, mergePatch));
}

async function argumentsFor(secrets: readonly object[]): Promise<readonly string[]> {
  const providers = { lab: stage.source('lab', { hold: 'off' }) };
  const path = await stage.configs.write({ resync: '1h', providers, secrets });
  return ['--config', path, '--kubeconfig', stage.kubeconfig];
}

function secret(more: object = {}): object {
  return { name: 'app', namespace, from: 'lab', restart: ['Deployment/web'], ...more };
}

async function sync(secrets: readonly object[] = [secret()], ...more: readonly string[]): Promise<Finished> {
  return await hikyaku(['sync', ...(await argumentsFor(secrets)), ...more], { env: stage.env });
}

async function start(command: 'run' | 'sync', secrets: readonly object[] = [secret()]): Promise<Running> {
  return stage.start([command, ...(await argumentsFor(secrets)), '--log-level', 'debug']);
}

async function until(holds: () => Promise<void> | void, timeout = 25_000): Promise<void> {
  await vi.waitFor(holds, { timeout, interval: 50 });
}

function pathOf(kind: Kind, name = ''): string {
  return `/apis/apps/v1/namespaces/${namespace}/${KINDS[kind]}/${name}`.replace(/\/$/, '');
}

/** Without Pods, as there are no nodes; a new template makes a new ReplicaSet all the same. */
async function deploy(kind: Kind, name: string, podSpec: object = {}, spec: object = {}): Promise<void> {
  const labels = { app: name };
  const container = { name: 'app', image: 'example.com/app:1', envFrom: [{ secretRef: { name: 'app' } }] };
  const template = {
    metadata: { labels, annotations: { 'checksum/config': 'abc' } },
    spec: { containers: [container], ...podSpec },
  };
  const replicas = kind === 'DaemonSet' ? {} : { replicas: 0 };
  const service = kind === 'StatefulSet' ? { serviceName: name } : {};
  succeeded(
    await admin('POST', pathOf(kind), {
      apiVersion: 'apps/v1',
      kind,
      metadata: { name },
      spec: {
        ...replicas,
        ...service,
        revisionHistoryLimit: 100,
        selector: { matchLabels: labels },
        template,
        ...spec,
      },
    }),
  );
  // While it is paused there are none.
  if (kind === 'Deployment' && !('paused' in spec)) await eventually(async () => (await replicaSetsOf(name)) === 1);
}

async function rolloutsOf(kind: Kind, name: string): Promise<number> {
  return Number(field(succeeded(await admin('GET', pathOf(kind, name))), 'metadata', 'generation')) - 1;
}

async function annotationsOf(kind: Kind, name: string): Promise<Readonly<Record<string, string>>> {
  const live = succeeded(await admin('GET', pathOf(kind, name)));
  return Object(field(live, 'spec', 'template', 'metadata', 'annotations'));
}

async function replicaSetsOf(name: string): Promise<number> {
  const path = `/apis/apps/v1/namespaces/${namespace}/replicasets?labelSelector=app%3D${name}`;
  const items = field(succeeded(await admin('GET', path)), 'items');
  return Array.isArray(items) ? items.length : 0;
}

function owed(agentInventory: ReadonlyMap<string, object>): readonly string[] {
  return [...agentInventory].flatMap(([id, line]) =>
    'restart' in line || 'announcedRestart' in line ? [`${id} ${JSON.stringify(line)}`] : [],
  );
}

async function nothingOwed(): Promise<void> {
  await until(async () => expect(owed(await readInventory(admin))).toEqual([]));
}

/** Longer than changes are collected. */
async function quietly(agent: Running): Promise<void> {
  await sleep(7_000);
  expect(agent.log.filter(({ msg }) => msg === 'restarted')).toEqual([]);
}

describe('a daemon', () => {
  test('restarts once per change, says why, and leaves the annotations of others', async () => {
    await deploy('Deployment', 'web');
    const agent = await start('run');
    await agent.logged({ secret: `${namespace}/app`, outcome: 'created' });
    await quietly(agent);
    expect(await rolloutsOf('Deployment', 'web')).toBe(0);

    doppler.set(namespace, 'lab', 'B', '2');
    await agent.logged({ msg: 'restarted', workload: `${namespace}/Deployment/web` });
    await until(async () => expect(await replicaSetsOf('web')).toBe(2));
    expect(await rolloutsOf('Deployment', 'web')).toBe(1);
    expect(await annotationsOf('Deployment', 'web')).toEqual({
      'checksum/config': 'abc',
      'hikyaku.dev/restarted-for': expect.stringMatching(/^app=[\w-]{12}$/),
      'hikyaku.dev/restart-reason': 'Secret app: B',
    });
    await nothingOwed();

    await agent.stop();
    const next = await start('run');
    await next.logged({ secret: `${namespace}/app` });
    await quietly(next);
    expect(await rolloutsOf('Deployment', 'web')).toBe(1);
  });

  test('restarts nothing for a repair, a label, or an agent that is new', async () => {
    await deploy('Deployment', 'web');
    expectExit(await sync([secret({ restart: false })]), 0);
    const agent = await start('run');
    await agent.logged({ secret: `${namespace}/app` });
    const path = `/api/v1/namespaces/${namespace}/secrets/app`;
    succeeded(await admin('PATCH', path, { data: { A: 'eA==' } }, mergePatch));
    await agent.stop();
    expectExit(await sync([secret({ labels: { 'app.kubernetes.io/part-of': 'web' } })]), 0);
    expect((await readSecret(admin, `${namespace}/app`))?.data).toEqual({ A: '1', B: '1' });
    await resetInventory(admin);
    expectExit(await sync([secret()]), 0);
    succeeded(await admin('DELETE', path));
    expectExit(await sync([secret()]), 0);
    expect(await rolloutsOf('Deployment', 'web')).toBe(0);
    await nothingOwed();
  });

  test('five Secrets of one Deployment that change at once are one rollout', async () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const envFrom = names.map((name) => ({ secretRef: { name } }));
    await deploy('Deployment', 'web', { containers: [{ name: 'app', image: 'example.com/app:1', envFrom }] });
    const agent = await start(
      'run',
      names.map((name) => secret({ name, restart: true })),
    );
    for (const name of names) await agent.logged({ secret: `${namespace}/${name}` });
    doppler.set(namespace, 'lab', 'A', '2');
    await agent.logged({ msg: 'restarted' });
    await nothingOwed();
    await sleep(2_000);
    expect(await rolloutsOf('Deployment', 'web')).toBe(1);
    expect(await replicaSetsOf('web')).toBe(2);
    const { 'hikyaku.dev/restart-reason': reason } = await annotationsOf('Deployment', 'web');
    expect(reason).toBe(names.map((name) => `Secret ${name}: A`).join('; '));
  });
});

describe('what uses the Secret', () => {
  const other = { name: 'app', image: 'example.com/app:1' };
  test('is found in containers, init containers, sidecars, volumes and projected volumes of all three kinds', async () => {
    const env = [{ name: 'A', valueFrom: { secretKeyRef: { name: 'app', key: 'A' } } }];
    const projected = { sources: [{ secret: { name: 'app' } }] };
    const containers = [other];
    await deploy('Deployment', 'env', { containers: [{ ...other, env }] });
    await deploy('Deployment', 'env-from');
    await deploy('Deployment', 'init', { containers, initContainers: [{ ...other, name: 'init', env }] });
    const sidecar = { ...other, name: 'sidecar', restartPolicy: 'Always', envFrom: [{ secretRef: { name: 'app' } }] };
    await deploy('Deployment', 'sidecar', { containers, initContainers: [sidecar] });
    await deploy('StatefulSet', 'volume', { containers, volumes: [{ name: 'v', secret: { secretName: 'app' } }] });
    await deploy('DaemonSet', 'projected', { containers, volumes: [{ name: 'v', projected }] });
    await deploy('Deployment', 'stranger', { containers, imagePullSecrets: [{ name: 'app' }] });
    const secrets = [secret({ restart: true })];
    expectExit(await sync(secrets), 0);
    doppler.set(namespace, 'lab', 'A', '2');

    const plan = await hikyaku(['plan', '--json', ...(await argumentsFor(secrets))], { env: stage.env });
    expect(field(JSON.parse(plan.stdout), 'secrets', 0, 'restarts', 'workloads')).toHaveLength(6);

    const done = await sync(secrets, '--json');
    expectExit(done, 0);
    const restarts = field(JSON.parse(done.stdout), 'restarts');
    expect(restarts).toEqual(
      [
        'DaemonSet/projected',
        'Deployment/env',
        'Deployment/env-from',
        'Deployment/init',
        'Deployment/sidecar',
        'StatefulSet/volume',
      ].map((workload) => ({
        workload: `${namespace}/${workload}`,
        state: 'restarted',
        changes: [{ secret: `${namespace}/app`, keys: ['A'] }],
        messages: [],
      })),
    );
    expect(await rolloutsOf('DaemonSet', 'projected')).toBe(1);
    expect(await rolloutsOf('StatefulSet', 'volume')).toBe(1);
    expect(await rolloutsOf('Deployment', 'stranger')).toBe(0);
    await nothingOwed();
  });

  test('or what is named and does not use it: restarted all the same, and said', async () => {
    await deploy('Deployment', 'web', { containers: [other] }, { paused: true });
    const owner = { apiVersion: 'example.com/v1', kind: 'Database', name: 'db', uid: 'x', controller: true };
    await deploy('StatefulSet', 'db', {}, { updateStrategy: { type: 'OnDelete' } });
    await deploy('StatefulSet', 'owned');
    succeeded(
      await admin('PATCH', pathOf('StatefulSet', 'owned'), { metadata: { ownerReferences: [owner] } }, mergePatch),
    );
    const restart = ['Deployment/web', 'StatefulSet/db', 'StatefulSet/owned'];
    expectExit(await sync([secret({ restart })]), 0);
    doppler.set(namespace, 'lab', 'A', '2');
    const done = await sync([secret({ restart })]);
    expectExit(done, 0);
    expect(done.stdout).toContain(`Deployment/web does not use the Secret app`);
    expect(done.stdout).toContain(`Deployment/web is paused`);
    expect(done.stdout).toContain(`StatefulSet/db has the strategy OnDelete`);
    expect(done.stdout).toContain(`StatefulSet/owned belongs to Database/db`);
    expect(await rolloutsOf('Deployment', 'web')).toBe(1);
    expect(await rolloutsOf('StatefulSet', 'owned')).toBe(0);
    await nothingOwed();
  });
});

describe('what cannot be restarted', () => {
  test('is said, leaves the Secret synced, and is done when it can be', async () => {
    await deploy('Deployment', 'web');
    const secrets = [secret({ restart: ['Deployment/web', 'StatefulSet/missing'] })];
    expectExit(await sync(secrets), 0);
    await grant('');
    doppler.set(namespace, 'lab', 'A', '2');
    await until(async () => {
      const refused = await sync(secrets, '--json');
      expect(field(JSON.parse(refused.stdout), 'secrets', 0, 'state')).toBe('synced');
      expect(field(JSON.parse(refused.stdout), 'restarts')).toMatchObject([
        { workload: `${namespace}/Deployment/web`, state: 'refused', messages: [expect.stringContaining('restarts')] },
        { workload: `${namespace}/StatefulSet/missing`, state: 'failed' },
      ]);
      expect(refused.exitCode).toBe(1);
    });
    expect((await readSecret(admin, `${namespace}/app`))?.data['A']).toBe('2');
    expect(await rolloutsOf('Deployment', 'web')).toBe(0);
    await grant(Array.from({ length: 40 }, (_, n) => `restart-${n + 1}/*`).join(', '));
    await until(async () => {
      await sync(secrets);
      expect(await rolloutsOf('Deployment', 'web')).toBe(1);
    });
    await sync(secrets);
    expect(await rolloutsOf('Deployment', 'web')).toBe(1);
  });
});

test('with the right and without the policy that limits it nothing is restarted', async () => {
  await deploy('Deployment', 'web');
  expectExit(await sync(), 0);
  const template = { metadata: { annotations: { 'example.com/any': '1' } } };
  const isLimited = async () =>
    (await stage.own('PATCH', `${pathOf('Deployment', 'web')}?dryRun=All`, { spec: { template } }, mergePatch))
      .status === 422;
  const bindings = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings';
  succeeded(await admin('DELETE', `${bindings}/hikyaku-restarts`));
  try {
    await eventually(async () => !(await isLimited()));
    doppler.set(namespace, 'lab', 'A', '2');
    const refused = await sync([secret()], '--json');
    expect(field(JSON.parse(refused.stdout), 'restarts')).toMatchObject([
      {
        state: 'refused',
        messages: [expect.stringContaining('the policy hikyaku-restarts does not limit this account')],
      },
    ]);
    expect(await rolloutsOf('Deployment', 'web')).toBe(0);
  } finally {
    await applyYaml(admin, await readInstallFile('rights-restarts.yaml'));
  }
  await eventually(isLimited);
  expectExit(await sync(), 0);
  expect(await rolloutsOf('Deployment', 'web')).toBe(1);
});

test('killed at any moment, every change is one rollout', async () => {
  await deploy('Deployment', 'web');
  const seed = Number(process.env['HIKYAKU_SEED'] ?? randomInt(2 ** 31));
  console.log(`HIKYAKU_SEED=${seed}`);
  expectExit(await sync(), 0);
  const tookMs = (await sync()).seconds * 1000;
  const secretPath = `/api/v1/namespaces/${namespace}/secrets/app`;
  // What a kill follows at once, besides any moment of its life.
  const moments = [inventoryPath, secretPath, pathOf('Deployment', 'web'), undefined];
  const left = { announced: 0, written: 0, restarted: 0 };
  const rounds = 24;
  for (let round = 1; round <= rounds; round++) {
    doppler.set(namespace, 'lab', 'A', `value ${round}`);
    for (let kill = 0; kill < 2; kill++) {
      const moment = moments[(round + kill) % moments.length];
      const before = moment && (await versionOf(moment));
      const agent = await start('sync');
      const share = 0.3 + ((seed + round * 7919 + kill * 104_729) % 1000) / 1000;
      if (moment === undefined) await sleep(tookMs * share);
      else await Promise.race([agent.finished, changed(moment, before)]);
      await agent.stop('SIGKILL');
    }
    if ((await rolloutsOf('Deployment', 'web')) === round) left.restarted++;
    else if ((await readSecret(admin, `${namespace}/app`))?.data['A'] === `value ${round}`) left.written++;
    else if (owed(await readInventory(admin)).length > 0) left.announced++;
    expectExit(await sync(), 0);
    expect({ round, rollouts: await rolloutsOf('Deployment', 'web') }).toEqual({ round, rollouts: round });
    expect(owed(await readInventory(admin))).toEqual([]);
  }
  console.log(left);
  await until(async () => expect(await replicaSetsOf('web')).toBe(rounds + 1));
  // Else the test has tried nothing.
  expect(left.restarted).toBeGreaterThan(0);
  expect(left.written).toBeGreaterThan(0);
}, 240_000);

async function versionOf(path: string): Promise<unknown> {
  return field(succeeded(await admin('GET', path)), 'metadata', 'resourceVersion');
}

async function changed(path: string, before: unknown): Promise<void> {
  const late = Date.now() + 10_000;
  while (Date.now() < late && (await versionOf(path)) === before);
}
