import { writeFile } from 'node:fs/promises';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import {
  applyYaml,
  ConfigFiles,
  createNamespace,
  deleteSecret,
  eventually,
  hikyaku,
  installRights,
  patchSecret,
  readSecret,
  startCluster,
  startHikyaku,
  succeeded,
} from '@hikyaku/testbed';
import type { Api, Cluster, Running } from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

// Somebody changes a Secret of ours. Where its owner has given the agent a watch it is put right at once, from what the agent knows, and no source is
// asked; elsewhere at the next resync, which never comes here.

const project = 'homelab';
const config = 'prd';
const held = { A: 'ours', B: 'ours' };
const WATCHED = { msg: 'drift watched' };
const REPAIR_WITHIN_MS = 1_000;

let cluster: Cluster;
let admin: Api;
let agentKubeconfig: string;
let doppler: FakeDoppler;
let files: ConfigFiles;
let namespace: string;
let count = 0;
const started = new Set<Running>();

beforeAll(async () => {
  cluster = await startCluster();
  admin = cluster.admin;
  await installRights(cluster);
  agentKubeconfig = await cluster.agentKubeconfig();
  files = new ConfigFiles();
});

afterAll(async () => {
  await files?.[Symbol.asyncDispose]();
  await cluster?.stop();
});

beforeEach(async () => {
  namespace = `drift-${++count}`;
  await createNamespace(admin, namespace);
  doppler = await startFakeDoppler({ limits: { secretReads: 1_000_000 } });
  doppler.addConfig(project, config, held);
});

afterEach(async () => {
  await Promise.all([...started].map((agent) => agent.stop()));
  started.clear();
  await doppler.close();
});

const TAMPERINGS: Readonly<Record<string, () => Promise<unknown>>> = {
  'a changed value': () => patchSecret(admin, id(), { stringData: { A: 'theirs' } }),
  'a key that was added': () => patchSecret(admin, id(), { stringData: { NODE_OPTIONS: '--evil' } }),
  'a key that was removed': () => patchSecret(admin, id(), { data: { A: null } }),
  'an annotation': () => patchSecret(admin, id(), { metadata: { annotations: { a: 'b' } } }),
  'a deletion': () => deleteSecret(admin, id()),
};

describe('where its owner lets the agent watch a Secret', () => {
  beforeEach(() => letWatch('app'));

  test.each(Object.keys(TAMPERINGS))('%s is put right within a second, and no source is asked', async (kind) => {
    const agent = await watching();
    const asked = doppler.counters.requests;
    await TAMPERINGS[kind]?.();
    expect(await repairedAfterMs()).toBeLessThan(REPAIR_WITHIN_MS);
    await pause(1_000);
    expect(agent.log.filter(({ outcome }) => outcome === 'repaired')).toHaveLength(1);
    expect(doppler.counters.requests).toBe(asked);
  });

  test('it is put right from the last good data while the source is down, also after a restart', async () => {
    await watching();
    await doppler.close();
    await TAMPERINGS['a changed value']?.();
    expect(await repairedAfterMs()).toBeLessThan(REPAIR_WITHIN_MS);

    await stopAll();
    await TAMPERINGS['a deletion']?.();
    await run();
    await eventually(async () => (await readSecret(admin, id()))?.data['A'] === held.A);
    await started.values().next().value?.logged(WATCHED);
    await pause(500);
    await TAMPERINGS['a changed value']?.();
    expect(await repairedAfterMs()).toBeLessThan(REPAIR_WITHIN_MS);
  });

  test('what the agent writes itself is put once', async () => {
    const agent = await watching({ refresh: '1s' });
    for (const value of ['second', 'third']) {
      const from = agent.log.length;
      doppler.set(project, config, 'A', value);
      await agent.logged({ msg: 'applied', secret: id() }, { from });
      await pause(500);
    }
    await pause(6_000);
    expect(putsOf(agent)).toEqual(['created', 'updated', 'updated']);
  });

  test('an API server that starts again is watched again', async () => {
    const agent = await watching();
    await cluster.restart();
    await eventually(async () => (await admin('GET', '/readyz')).status === 200);
    // It forbids everything until it has loaded its rules; then it is asked again after ten seconds.
    await pause(13_000);
    const lost = agent.log.findLast(({ msg }) => msg === WATCHED.msg)?.['secrets'] === 0;
    if (lost) await agent.logged({ ...WATCHED, secrets: 1 }, { from: agent.log.length });
    await TAMPERINGS['a changed value']?.();
    expect(await repairedAfterMs()).toBeLessThan(REPAIR_WITHIN_MS);
  });

  test('what a person syncs meanwhile is not taken back', async () => {
    const agent = await watching();
    doppler.set(project, config, 'A', 'newer');
    const synced = await hikyaku(['sync', '--config', await write(), '--kubeconfig', agentKubeconfig], { env: env() });
    expect(synced.exitCode).toBe(0);
    await pause(7_000);
    expect((await readSecret(admin, id()))?.data['A']).toBe('newer');
    expect(putsOf(agent)).toEqual(['created']);
  });

  test('a fast contest ends after three writes at the most', async () => {
    const agent = await watching();
    const stop = AbortSignal.timeout(12_000);
    let writes = 0;
    while (!stop.aborted) {
      await patchSecret(admin, id(), { stringData: { A: `theirs ${++writes}` } });
      await pause(20);
    }
    expect(writes).toBeGreaterThan(100);
    const repairs = putsOf(agent).slice(1);
    expect(repairs.length).toBeLessThanOrEqual(3);
    expect(repairs.every((outcome) => outcome === 'repaired')).toBe(true);
    expect(agent.lastWord(id())).toMatchObject({ msg: 'not synced', state: 'contested' });
  });
});

test('where nobody has given a watch, nothing is watched, and little is asked', async () => {
  const agent = await run();
  await agent.logged({ msg: 'applied', secret: id() });
  await TAMPERINGS['a changed value']?.();
  await pause(3_000);
  expect((await readSecret(admin, id()))?.data['A']).toBe('theirs');
  expect(agent.log.filter(({ msg }) => msg === WATCHED.msg)).toEqual([]);
});

test('only what is granted is watched, and what a new config wants is watched at once', async () => {
  await letWatch('app');
  await letWatch('second');
  const path = await write({ names: ['app', 'other'] });
  const agent = await run({ path });
  expect(await agent.logged(WATCHED)).toMatchObject({ secrets: 1, of: 2 });
  await rewrite(path, { names: ['app', 'other', 'second'] });
  expect(await agent.logged({ ...WATCHED, secrets: 2 })).toMatchObject({ of: 3 });
  await agent.logged({ msg: 'applied', secret: `${namespace}/second` });
  await patchSecret(admin, `${namespace}/second`, { stringData: { A: 'theirs' } });
  expect(await repairedAfterMs(`${namespace}/second`)).toBeLessThan(REPAIR_WITHIN_MS);
  await rewrite(path, { names: ['other'] });
  await agent.logged({ ...WATCHED, secrets: 0 });
});

test('a person who may watch everything does, and a namespace that is deleted and made again is served and watched', async () => {
  const agent = await watching({ kubeconfig: cluster.kubeconfig });
  succeeded(await admin('DELETE', `/api/v1/namespaces/${namespace}`));
  await eventually(async () => (await admin('GET', `/api/v1/namespaces/${namespace}`)).status === 404);
  await createNamespace(admin, namespace);
  await eventually(async () => (await readSecret(admin, id()))?.data['A'] === held.A);
  await pause(500);
  await TAMPERINGS['a changed value']?.();
  expect(await repairedAfterMs()).toBeLessThan(REPAIR_WITHIN_MS);
  expect(agent.lastWord(id())).toMatchObject({ msg: 'applied' });
});

test('of two replicas the one that leads watches', async () => {
  await letWatch('app');
  const path = await write();
  const first = await run({ path, flags: ['--leader-election'] });
  await first.logged(WATCHED);
  const second = await run({ path, flags: ['--leader-election'] });
  await second.logged({ msg: 'waiting to lead' });
  await pause(1_000);
  expect(second.log.some(({ msg }) => msg === WATCHED.msg)).toBe(false);
  await first.stop();
  await second.logged(WATCHED);
  await TAMPERINGS['a changed value']?.();
  expect(await repairedAfterMs()).toBeLessThan(REPAIR_WITHIN_MS);
});

interface Wanted {
  readonly refresh?: string;
  readonly names?: readonly string[];
}

function configOf({ refresh = '1h', names = ['app'] }: Wanted = {}): object {
  return {
    resync: '1h',
    hold: 'off',
    providers: { homelab: { type: 'doppler', url: doppler.url, token: { env: 'DOPPLER_TOKEN' }, refresh } },
    secrets: names.map((name) => ({ name, namespace, from: 'homelab', whenRemoved: 'keep' })),
  };
}

async function write(wanted?: Wanted): Promise<string> {
  return await files.write(configOf(wanted));
}

async function rewrite(path: string, wanted: Wanted): Promise<void> {
  await writeFile(path, JSON.stringify(configOf(wanted)));
}

interface RunOptions extends Wanted {
  readonly path?: string;
  readonly kubeconfig?: string;
  readonly flags?: readonly string[];
}

async function run({ path, kubeconfig = agentKubeconfig, flags = [], ...wanted }: RunOptions = {}): Promise<Running> {
  const file = path ?? (await write(wanted));
  const agent = startHikyaku(['run', '--config', file, '--kubeconfig', kubeconfig, '--log-level', 'debug', ...flags], {
    env: env(),
  });
  started.add(agent);
  return agent;
}

/** Once everything is written and what may be watched is. */
async function watching(options: RunOptions = {}): Promise<Running> {
  const agent = await run(options);
  await agent.logged({ msg: 'applied', secret: id() });
  await agent.logged(WATCHED);
  // To the second the API server says who has written when.
  await pause(1_500);
  return agent;
}

async function stopAll(): Promise<void> {
  await Promise.all([...started].map((agent) => agent.stop()));
  started.clear();
}

function env(): Readonly<Record<string, string>> {
  return { DOPPLER_TOKEN: doppler.serviceToken(project, config) };
}

/** What came of each put, in order. */
function putsOf(agent: Running): readonly unknown[] {
  return agent.log.flatMap(({ msg, outcome, secret }) =>
    secret === id() && (msg === 'applied' || msg === 'unchanged') ? [outcome ?? msg] : [],
  );
}

/** As its owner does it, by what the command prints. */
async function letWatch(name: string): Promise<void> {
  const printed = await hikyaku(['rights', 'role', `${namespace}/${name}`, '--watch']);
  await applyYaml(admin, printed.stdout);
}

/** Looks until the Secret is as it should be again. */
async function repairedAfterMs(of = id()): Promise<number> {
  const began = performance.now();
  await eventually(async () => {
    const live = await readSecret(admin, of);
    return JSON.stringify([live?.data, live?.annotations['a']]) === JSON.stringify([held, undefined]);
  });
  return performance.now() - began;
}

function id(): string {
  return `${namespace}/app`;
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
