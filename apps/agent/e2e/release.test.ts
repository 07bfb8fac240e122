import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecret, expectExit, field, readInventory, readSecret, startHikyaku, succeeded } from '@hikyaku/testbed';
import type { Finished, Running } from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { People } from './people.test.kit.ts';

// `hikyaku release`: the built agent on a real API server, and people with and without rights.

let people: People;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hikyaku-release-'));
  people = await People.start();
});

beforeEach(() => people.begin());
afterEach(() => people.end());
afterAll(async () => {
  await people?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const OURS = { 'hikyaku.dev/agent': 'hikyaku', 'app.kubernetes.io/managed-by': 'hikyaku' };

function id(name: string): string {
  return `${people.namespace}/${name}`;
}

function config(names: readonly string[]) {
  return {
    providers: { lab: people.source('lab', { A: 'value-a', B: 'value-b' }) },
    secrets: names.map((name) => people.secret(name, { from: 'lab' })),
  };
}

function release(...args: readonly string[]): Promise<Finished> {
  return people.as('admin', 'release', ...args);
}

async function run(path: string): Promise<Running> {
  const args = ['run', '--config', path, '--kubeconfig', await people.cluster.agentKubeconfig()];
  const daemon = startHikyaku(args, { env: { DOPPLER_TOKEN: people.doppler.serviceAccountToken() } });
  await daemon.logged({ msg: 'started' });
  return daemon;
}

async function stateOf(name: string): Promise<unknown> {
  return field(await people.status(), 'secrets', id(name), 'state');
}

describe('beside a running agent', () => {
  test('a released Secret keeps its data and is refused from then on; nothing rewrites it, and nothing deletes it later', async () => {
    const path = join(folder, 'hikyaku.yaml');
    await writeFile(path, JSON.stringify({ resync: '1s', ...config(['app', 'other']) }));
    const daemon = await run(path);
    await people.until(async () =>
      expect([await stateOf('app'), await stateOf('other')]).toEqual(['synced', 'synced']),
    );
    const before = await readSecret(people.admin, id('app'));

    const done = await release(id('app'), '--yes', '--config', path);
    expectExit(done, 0);
    expect(done.stdout).toContain(
      `✓ ${id('app')}  released  hikyaku.dev/agent, app.kubernetes.io/managed-by, hikyaku.dev/sources`,
    );
    expect(done.stdout).toContain('1 Secret released, the data as it was.');
    expect(done.stdout).toMatch(/it says that they are refused, and touches none of them/);
    expect(done.stdout).toContain(`the config at hand still wants them: take the entries out`);
    expect(done.stdout).toContain(path);
    expect(done.stdout).not.toContain('value-a');
    const released = await readSecret(people.admin, id('app'));
    expect(released).toMatchObject({
      uid: before?.uid,
      type: before?.type,
      data: { A: 'value-a', B: 'value-b' },
    });
    expect(released?.labels).toEqual({});
    expect(released?.annotations).toEqual({ 'kustomize.toolkit.fluxcd.io/prune': 'disabled' });

    await people.until(async () => expect(await stateOf('app')).toBe('refused'));
    // It changes at the source, and what stays the agent's shows that it has been put.
    people.doppler.set(people.namespace, 'lab', 'A', 'changed');
    await people.until(async () =>
      expect(await readSecret(people.admin, id('other'))).toMatchObject({ data: { A: 'changed' } }),
    );
    expect(await readSecret(people.admin, id('app'))).toEqual(released);

    await writeFile(path, JSON.stringify({ resync: '1s', ...config(['other']) }));
    await people.until(async () => expect(await stateOf('app')).not.toBe('refused'));
    await daemon.stop();
    expect(await readSecret(people.admin, id('app'))).toEqual(released);
    expect([...(await readInventory(people.admin)).keys()]).toEqual([id('other')]);
  });
});

describe('without an agent', () => {
  test('--all after uninstalling: what carries its label or its merge label, and nothing else', async () => {
    const { admin } = people;
    await createSecret(admin, id('whole'), { A: '1' }, { labels: { ...OURS, mine: 'yes' } });
    await createSecret(admin, id('fixed'), { A: '1' }, { labels: OURS, immutable: true });
    await createSecret(admin, id('merged'), { A: '1' }, { labels: { 'hikyaku.dev/merge': 'hikyaku' } });
    await createSecret(admin, id('shared'), { A: '1' }, { labels: { 'hikyaku.dev/merge': 'other.hikyaku' } });
    await createSecret(admin, id('both'), { A: '1' }, { labels: { ...OURS, 'hikyaku.dev/merge': 'hikyaku.other' } });
    await createSecret(admin, id('foreign'), { A: '1' }, { labels: { 'hikyaku.dev/agent': 'other' } });
    await createSecret(admin, id('theirs'), { A: '1' });
    const before = await Promise.all(['foreign', 'theirs'].map((name) => readSecret(admin, id(name))));

    const dry = await release('--all', '--dry-run', '--json');
    expectExit(dry, 0);
    expect(JSON.parse(dry.stdout)).toMatchObject({ ok: true, dryRun: true, agent: 'hikyaku' });
    expect((await readSecret(admin, id('whole')))?.labels).toEqual({ ...OURS, mine: 'yes' });

    expectExit(await release('--all', '--yes'), 0);
    const names = ['whole', 'fixed', 'merged', 'shared', 'both'];
    const live = await Promise.all(names.map((name) => readSecret(admin, id(name))));
    const others = { 'hikyaku.dev/merge': 'other' };
    expect(live.map((secret) => secret?.labels)).toEqual([{ mine: 'yes' }, {}, {}, others, others]);
    expect(live.map((secret) => secret?.data)).toEqual(live.map(() => ({ A: '1' })));
    expect(await Promise.all(['foreign', 'theirs'].map((name) => readSecret(admin, id(name))))).toEqual(before);

    const again = await release('--all', '--yes');
    expectExit(again, 0);
    expect(again.stdout).toMatch(/: no Secret carries a label of the agent hikyaku\n$/);
  });

  test("the agent's own Secrets are not among them", async () => {
    await createSecret(people.admin, 'hikyaku/hikyaku-mine', { A: '1' }, { labels: OURS });
    expect((await release('--all', '--yes')).stdout).not.toContain('hikyaku-mine');
    expect((await readSecret(people.admin, 'hikyaku/hikyaku-mine'))?.labels).toEqual(OURS);
    succeeded(await people.admin('DELETE', '/api/v1/namespaces/hikyaku/secrets/hikyaku-mine'));
  });

  test('one that is missing fails, one that is not ours is left, and the others are released all the same', async () => {
    await createSecret(people.admin, id('ours'), { A: '1' }, { labels: OURS });
    await createSecret(people.admin, id('theirs'), { A: '1' });
    const done = await release(id('gone'), id('theirs'), id('ours'), '--yes', '--json');
    expectExit(done, 1);
    expect(JSON.parse(done.stdout)).toMatchObject({
      ok: false,
      secrets: [
        { secret: id('gone'), outcome: 'missing' },
        { secret: id('theirs'), outcome: 'not ours', dropped: [] },
        { secret: id('ours'), outcome: 'released', was: 'whole' },
      ],
    });
    expect((await readSecret(people.admin, id('ours')))?.labels).toEqual({});
  });

  test('nobody to ask, or nothing named: nothing is written, exit code 2', async () => {
    await createSecret(people.admin, id('ours'), { A: '1' }, { labels: OURS });
    const silent = await release(id('ours'));
    expectExit(silent, 2);
    expect(silent.stderr).toContain('nobody is there to confirm: nothing was written');
    for (const args of [[], ['--all', id('ours')], ['ours', '--yes']]) expectExit(await release(...args), 2);
    expect((await readSecret(people.admin, id('ours')))?.labels).toEqual(OURS);
  });

  test('without the right to, it says which right it takes', async () => {
    await createSecret(people.admin, id('ours'), { A: '1' }, { labels: OURS });
    const one = await people.as('stranger', 'release', id('ours'), '--yes');
    expectExit(one, 1);
    expect(one.stdout).toContain(
      `failed  you may not: it takes get and patch of Secrets in the namespace ${people.namespace}`,
    );
    const all = await people.as('stranger', 'release', '--all', '--yes');
    expectExit(all, 1);
    expect(all.stderr).toMatch(/you may not list the Secrets of \S+, which --all takes: name them/);
    expect((await readSecret(people.admin, id('ours')))?.labels).toEqual(OURS);
  });
});
