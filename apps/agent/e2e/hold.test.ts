import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import {
  type Api,
  deleteSecret,
  expectExit,
  type Finished,
  hikyaku,
  patchSecret,
  readInventory,
  readSecret,
  readSecrets,
  resetInventory,
  type Running,
} from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Stage } from './stage.test.kit.ts';

// Removing more than a little takes a person's word: the built agent on a real API server, with the rights of
// deploy/rights-own.yaml alone; who approves on a laptop is cluster-admin.

let stage: Stage;
let admin: Api;
let doppler: FakeDoppler;
let namespace: string;

beforeAll(async () => {
  stage = await Stage.open('hold', { controllers: false });
  ({ admin, doppler } = stage);
});
beforeEach(async () => {
  namespace = await stage.begin();
});
afterEach(() => stage.end());
afterAll(() => stage?.[Symbol.asyncDispose]());

type Values = Readonly<Record<string, string>>;

interface Setting {
  readonly sources: Readonly<Record<string, object>>;
  readonly secrets: readonly object[];
  readonly hold?: object | 'off';
  readonly resync?: string;
}

/** Makes a Doppler config of this test and the entry under `providers:` that reads it each second. */
function source(name: string, values: Values, more: object = {}): object {
  doppler.addConfig(namespace, name, values);
  return stage.source(name, more);
}

/** A Secret of this test. */
function secret(name: string, more: object): object {
  return { name, namespace, ...more };
}

async function argumentsFor({ sources, secrets, hold, resync = '1h' }: Setting): Promise<readonly string[]> {
  return ['--config', await stage.configs.write({ resync, ...(hold && { hold }), providers: sources, secrets })];
}

/** As the agent, unless it is said that a person does it. */
async function command(name: 'sync' | 'plan', setting: Setting, ...more: readonly string[]): Promise<Finished> {
  const rights = more.includes('--kubeconfig') ? [] : ['--kubeconfig', stage.kubeconfig];
  return await hikyaku([name, ...(await argumentsFor(setting)), ...rights, ...more], { env: stage.env });
}

async function run(setting: Setting): Promise<Running> {
  const flags = ['--kubeconfig', stage.kubeconfig, '--log-level', 'debug'];
  const daemon = stage.start(['run', ...(await argumentsFor(setting)), ...flags]);
  await daemon.logged({ msg: 'started' });
  return daemon;
}

async function until(holds: () => Promise<void> | void): Promise<void> {
  await vi.waitFor(holds, { timeout: 20_000, interval: 50 });
}

async function becomes(name: string, values: Values): Promise<void> {
  await until(async () => expect((await readSecret(admin, `${namespace}/${name}`))?.data).toEqual(values));
}

async function versions(): Promise<Readonly<Record<string, string>>> {
  return Object.fromEntries(
    [...(await readSecrets(admin, namespace))].map(([name, { resourceVersion }]) => [name, resourceVersion]),
  );
}

function mentions(daemon: Running, name: string, fields: Values): number {
  return daemon.log.filter((line) =>
    Object.entries({ secret: `${namespace}/${name}`, ...fields }).every(([field, value]) => line[field] === value),
  ).length;
}

/** So many times more has the daemon put this Secret again. */
async function resyncs(daemon: Running, name: string, times: number): Promise<void> {
  const before = mentions(daemon, name, { msg: 'unchanged' });
  await until(() => expect(mentions(daemon, name, { msg: 'unchanged' })).toBeGreaterThanOrEqual(before + times));
}

function letters(from: number, to: number, value = 'value'): Values {
  return Object.fromEntries(Array.from({ length: to - from + 1 }, (_, i) => [`K${from + i}`, `${value} ${from + i}`]));
}

describe('a source that loses most of its keys', () => {
  test('is held: nothing goes, sync and plan say what would, and everything else goes on', async () => {
    const setting = {
      sources: { shrinking: source('shrinking', letters(1, 5)), other: source('other', { O: '1' }) },
      secrets: [
        secret('all', { from: 'shrinking' }),
        secret('keeps-all-of-its-keys', { from: 'shrinking', data: { first: 'K1' } }),
        secret('of-both', {
          data: { o: { from: 'other', key: 'O' } },
          dataFrom: [{ from: 'shrinking', keys: ['K2', 'K3'] }],
        }),
        secret('of-other', { from: 'other' }),
      ],
    };
    expectExit(await command('sync', setting), 0);
    const before = await versions();
    for (const name of ['K2', 'K3', 'K4', 'K5']) doppler.remove(namespace, 'shrinking', name);
    doppler.set(namespace, 'shrinking', 'K1', 'new');
    doppler.set(namespace, 'other', 'O', '2');

    const plan = await command('plan', setting);
    expectExit(plan, 1);
    expect(plan.stdout).toContain(`! ${namespace}/all  held\n      6 of 8 keys from shrinking would go\n`);
    expect(plan.stdout).toMatch(/~ K1\n +- K2\n +- K3\n +- K4\n +- K5\n +hikyaku sync --approve lets it through/);
    expect(plan.stdout).toContain('2 held');
    expect(await versions()).toEqual(before);

    const sync = await command('sync', setting);
    expectExit(sync, 1);
    expect(sync.stdout).toContain(
      `! ${namespace}/all  held\n      6 of 8 keys from shrinking would go\n      hikyaku plan shows it; hikyaku sync --approve lets it through`,
    );
    const { all, 'of-both': ofBoth, 'keeps-all-of-its-keys': whole, 'of-other': ofOther } = await versions();
    expect({ all, ofBoth }).toEqual({ all: before['all'], ofBoth: before['of-both'] });
    expect(whole).not.toBe(before['keeps-all-of-its-keys']);
    expect(ofOther).not.toBe(before['of-other']);
    expect((await readSecret(admin, `${namespace}/keeps-all-of-its-keys`))?.data).toEqual({ first: 'new' });
  });

  test('is held by the daemon too, which says so, goes on with the rest and ends it by itself when the keys are back', async () => {
    const values = letters(1, 4);
    const daemon = await run({
      sources: { shrinking: source('shrinking', values), other: source('other', { O: '1' }) },
      secrets: [secret('held', { from: 'shrinking' }), secret('of-other', { from: 'other' })],
    });
    await becomes('held', values);
    const before = await readSecret(admin, `${namespace}/held`);
    for (const name of ['K2', 'K3', 'K4']) doppler.remove(namespace, 'shrinking', name);
    const line = await daemon.logged({ secret: `${namespace}/held`, state: 'held' });
    expect(line).toMatchObject({ level: 'warn', messages: ['3 of 4 keys from shrinking would go'] });
    doppler.set(namespace, 'other', 'O', '2');
    await becomes('of-other', { O: '2' });
    doppler.set(namespace, 'shrinking', 'K1', 'changed while held');
    const reads = doppler.counters.requests;
    await until(() => expect(doppler.counters.requests).toBeGreaterThan(reads + 4));
    expect(await readSecret(admin, `${namespace}/held`)).toEqual(before);
    // Once, not at each refresh.
    expect(mentions(daemon, 'held', { level: 'warn', state: 'held' })).toBe(1);

    for (const name of ['K2', 'K3', 'K4']) doppler.set(namespace, 'shrinking', name, `back ${name}`);
    await becomes('held', { K1: 'changed while held', K2: 'back K2', K3: 'back K3', K4: 'back K4' });
    await daemon.logged({ secret: `${namespace}/held`, msg: 'recovered' });
  });

  test('that comes back exactly as it was ends the hold, says so, and writes nothing', async () => {
    const values = letters(1, 2);
    const daemon = await run({ sources: { away: source('away', values) }, secrets: [secret('app', { from: 'away' })] });
    await becomes('app', values);
    const before = await versions();
    doppler.addConfig(namespace, 'away', {});
    await daemon.logged({ secret: `${namespace}/app`, state: 'held' });
    doppler.addConfig(namespace, 'away', values);
    await daemon.logged({ secret: `${namespace}/app`, msg: 'recovered' });
    expect(await versions()).toEqual(before);
  });

  test('and turns empty: the Secrets keep everything, also after a restart, and a resync repairs what somebody changed', async () => {
    const values = letters(1, 3);
    const setting = {
      sources: { emptied: source('emptied', values) },
      secrets: [secret('app', { from: 'emptied' }), secret('deleted', { from: 'emptied' })],
      resync: '1s',
    };
    const daemon = await run(setting);
    await becomes('deleted', values);
    await becomes('app', values);
    const before = await versions();
    doppler.addConfig(namespace, 'emptied', {});
    const line = await daemon.logged({ secret: `${namespace}/app`, state: 'held' });
    expect(line['messages']).toEqual(['6 of 6 keys from emptied would go']);
    expect(await versions()).toEqual(before);

    await patchSecret(admin, `${namespace}/app`, { stringData: { K1: 'tampered', EXTRA: 'x' }, data: { K3: null } });
    await deleteSecret(admin, `${namespace}/deleted`);
    await becomes('app', values);
    await becomes('deleted', values);

    await daemon.stop();
    const repaired = await versions();
    const next = await run(setting);
    await next.logged({ secret: `${namespace}/app`, state: 'held' });
    const reads = doppler.counters.requests;
    await until(() => expect(doppler.counters.requests).toBeGreaterThan(reads + 2));
    expect(await versions()).toEqual(repaired);
  });

  test('and turns empty after the inventory was lost: no Secret is emptied', async () => {
    const values = letters(1, 3);
    const setting = {
      sources: { emptied: source('emptied', values) },
      secrets: [
        secret('app', { from: 'emptied' }),
        secret('selected', { dataFrom: [{ from: 'emptied', keys: ['K*'] }] }),
      ],
    };
    expectExit(await command('sync', setting), 0);
    const before = await versions();
    await resetInventory(admin);
    doppler.addConfig(namespace, 'emptied', {});
    const sync = await command('sync', setting);
    expectExit(sync, 1);
    expect(sync.stdout).toMatch(/app {2}held\n +nothing is selected: it would be an empty Secret/);
    expect(await versions()).toEqual(before);
  });
});

describe('a config that drops most entries', () => {
  test.each([
    ['one of four is left', (all: readonly object[]) => all.slice(0, 1), '3 of 4 Secrets would go'],
    ['`secrets: []`', () => [], '4 of 4 Secrets would go'],
  ])('%s: nothing is deleted, sync, plan and the daemon say what would be', async (_, cut, message) => {
    const sources = { lab: source('lab', { A: '1' }) };
    const all = ['a', 'b', 'c', 'd'].map((name) => secret(name, { from: 'lab' }));
    expectExit(await command('sync', { sources, secrets: all }), 0);
    const before = await versions();
    const setting = { sources, secrets: cut(all) };

    const plan = await command('plan', setting);
    expectExit(plan, 1);
    expect(plan.stdout).toContain(`! ${namespace}/d  held\n      ${message}`);
    const sync = await command('sync', setting);
    expectExit(sync, 1);
    expect(sync.stdout).toContain(`! ${namespace}/d  held\n      ${message}`);
    const daemon = await run(setting);
    await daemon.logged({ secret: `${namespace}/d`, state: 'held' });
    expect(await versions()).toEqual(before);
    expect((await readInventory(admin)).size).toBe(4);
    // The entries are back: nothing is held any more.
    await daemon.stop();
    expectExit(await command('sync', { sources, secrets: all }), 0);
    expect(await versions()).toEqual(before);
  });

  test('the entries that are left keep being updated while the others are held', async () => {
    const sources = { lab: source('lab', { A: '1' }) };
    const all = ['a', 'b', 'c'].map((name) => secret(name, { from: 'lab' }));
    expectExit(await command('sync', { sources, secrets: all }), 0);
    const daemon = await run({ sources, secrets: all.slice(0, 1) });
    await daemon.logged({ secret: `${namespace}/b`, state: 'held' });
    doppler.set(namespace, 'lab', 'A', '2');
    await becomes('a', { A: '2' });
    expect((await readSecret(admin, `${namespace}/b`))?.data).toEqual({ A: '1' });
  });

  test('some entries fewer than the threshold: they are deleted without a question', async () => {
    const sources = { lab: source('lab', { A: '1' }) };
    const all = ['a', 'b', 'c', 'd'].map((name) => secret(name, { from: 'lab' }));
    expectExit(await command('sync', { sources, secrets: all }), 0);
    const sync = await command('sync', { sources, secrets: all.slice(2) });
    expectExit(sync, 0);
    expect(Object.keys(await versions())).toEqual(['c', 'd']);
    expect([...(await readInventory(admin)).keys()]).toEqual([`${namespace}/c`, `${namespace}/d`]);
  });
});

describe('approval', () => {
  test('from a laptop while the daemon runs: the daemon notices, neither holds nor restores, and goes on', async () => {
    const values = letters(1, 4);
    const setting = {
      sources: { shrinking: source('shrinking', values) },
      secrets: [secret('app', { from: 'shrinking' })],
      resync: '1s',
    };
    const daemon = await run(setting);
    await becomes('app', values);
    for (const name of ['K2', 'K3', 'K4']) doppler.remove(namespace, 'shrinking', name);
    await daemon.logged({ secret: `${namespace}/app`, state: 'held' });

    const approved = await command('sync', setting, '--approve', '--kubeconfig', stage.cluster.kubeconfig);
    expectExit(approved, 0);
    expect(approved.stdout).toMatch(/~ \S+\/app {2}updated {2}-K2 {2}-K3 {2}-K4\n/);
    await becomes('app', { K1: 'value 1' });
    const { resourceVersion } = (await readSecret(admin, `${namespace}/app`)) ?? {};
    await daemon.logged({ secret: `${namespace}/app`, msg: 'recovered' });
    await resyncs(daemon, 'app', 2);
    expect(await readSecret(admin, `${namespace}/app`)).toMatchObject({ resourceVersion });
    expect(mentions(daemon, 'app', { level: 'warn', state: 'held' })).toBe(1);
    doppler.set(namespace, 'shrinking', 'K1', 'later');
    await becomes('app', { K1: 'later' });
  });

  test('is not undone by what the daemon remembers, when the source fails in another way right after', async () => {
    const values = letters(1, 4);
    const setting = {
      sources: { shrinking: source('shrinking', { ...values, KEPT: 'x' }) },
      secrets: [
        secret('app', {
          data: { kept: { from: 'shrinking', key: 'KEPT' } },
          dataFrom: [{ from: 'shrinking', keys: ['K?'] }],
        }),
      ],
      resync: '3s',
    };
    const daemon = await run(setting);
    await becomes('app', { ...values, kept: 'x' });
    for (const name of ['K2', 'K3', 'K4']) doppler.remove(namespace, 'shrinking', name);
    await daemon.logged({ secret: `${namespace}/app`, state: 'held' });
    const approved = await command('sync', setting, '--approve', '--kubeconfig', stage.cluster.kubeconfig);
    expectExit(approved, 0);
    await daemon.logged({ secret: `${namespace}/app`, msg: 'recovered' });
    // From now on it can only put back what it remembers.
    doppler.remove(namespace, 'shrinking', 'KEPT');
    await daemon.logged({ secret: `${namespace}/app`, state: 'kept' });
    await patchSecret(admin, `${namespace}/app`, { stringData: { K1: 'tampered' } });
    await until(() => expect(mentions(daemon, 'app', { state: 'kept', outcome: 'repaired' })).toBeGreaterThan(0));
    await becomes('app', { K1: 'value 1', kept: 'x' });
  });

  test('of deletions from a laptop while the daemon runs: they go, and the daemon does not make them again', async () => {
    const sources = { lab: source('lab', { A: '1' }) };
    const all = ['a', 'b', 'c'].map((name) => secret(name, { from: 'lab' }));
    expectExit(await command('sync', { sources, secrets: all }), 0);
    const setting = { sources, secrets: all.slice(0, 1), resync: '1s' };
    const daemon = await run(setting);
    await daemon.logged({ secret: `${namespace}/b`, state: 'held' });
    const approved = await command('sync', setting, '--approve', '--kubeconfig', stage.cluster.kubeconfig);
    expectExit(approved, 0);
    await resyncs(daemon, 'a', 2);
    expect(Object.keys(await versions())).toEqual(['a']);
    expect([...(await readInventory(admin)).keys()]).toEqual([`${namespace}/a`]);
    doppler.set(namespace, 'lab', 'A', '2');
    await becomes('a', { A: '2' });
  });

  test('lets `secrets: []` through: all are deleted and the inventory is empty', async () => {
    const sources = { lab: source('lab', { A: '1' }) };
    const all = ['a', 'b'].map((name) => secret(name, { from: 'lab' }));
    expectExit(await command('sync', { sources, secrets: all }), 0);
    expectExit(await command('sync', { sources, secrets: [] }, '--approve'), 0);
    expect(await versions()).toEqual({});
    expect((await readInventory(admin)).size).toBe(0);
  });
});

describe('the threshold', () => {
  interface Threshold {
    readonly hold?: object | 'off';
    readonly keys: number;
    readonly lost: number;
    readonly held: boolean;
  }
  test.each<Threshold>([
    { keys: 10, lost: 5, held: false },
    { keys: 10, lost: 6, held: true },
    { hold: { lostKeys: '10%' }, keys: 10, lost: 1, held: false },
    { hold: { lostKeys: '10%' }, keys: 10, lost: 2, held: true },
    { hold: { lostKeys: 3 }, keys: 10, lost: 3, held: false },
    { hold: { lostKeys: 3 }, keys: 10, lost: 4, held: true },
    { hold: { lostKeys: 0 }, keys: 10, lost: 1, held: true },
    { hold: { lostKeys: 20 }, keys: 10, lost: 9, held: false },
    { hold: { lostKeys: 20 }, keys: 10, lost: 10, held: true },
    { hold: 'off', keys: 10, lost: 9, held: false },
    // Nobody means an empty Secret.
    { hold: 'off', keys: 10, lost: 10, held: true },
  ])('of keys: hold $hold, $lost of $keys lost, held: $held', async ({ hold, keys, lost, held }) => {
    const sources = { lab: source('lab', letters(1, keys), hold === undefined ? {} : { hold }) };
    const setting = { sources, secrets: [secret('app', { from: 'lab' })] };
    expectExit(await command('sync', setting), 0);
    doppler.addConfig(namespace, 'lab', letters(lost + 1, keys));
    const sync = await command('sync', setting);
    expectExit(sync, held ? 1 : 0);
    const left = Object.keys((await readSecret(admin, `${namespace}/app`))?.data ?? {}).length;
    expect(left).toBe(held ? keys : keys - lost);
  });

  interface Entries {
    readonly hold?: object | 'off';
    readonly lost: number;
    readonly held: boolean;
  }
  test.each<Entries>([
    { hold: { lostSecrets: '10%' }, lost: 1, held: true },
    { hold: { lostSecrets: 3 }, lost: 3, held: false },
    { hold: { lostSecrets: 1 }, lost: 2, held: true },
    { hold: 'off', lost: 4, held: false },
  ])('of Secrets: hold $hold, $lost of 4 gone from the config, held: $held', async ({ hold, lost, held }) => {
    const sources = { lab: source('lab', { A: '1' }) };
    const secrets = ['a', 'b', 'c', 'd'].map((name) => secret(name, { from: 'lab' }));
    expectExit(await command('sync', { sources, secrets }), 0);
    const sync = await command('sync', { sources, secrets: secrets.slice(lost), ...(hold && { hold }) });
    expectExit(sync, held ? 1 : 0);
    expect(Object.keys(await versions()).length).toBe(held ? 4 : 4 - lost);
  });

  test('counts what a `data:` edit would take away', async () => {
    const sources = { lab: source('lab', letters(1, 4)) };
    const data = { one: 'K1', two: 'K2', three: 'K3', four: 'K4' };
    expectExit(await command('sync', { sources, secrets: [secret('app', { from: 'lab', data })] }), 0);
    const before = await versions();
    const edited = { sources, secrets: [secret('app', { from: 'lab', data: { one: 'K1' } })] };
    const sync = await command('sync', edited);
    expectExit(sync, 1);
    expect(sync.stdout).toContain('3 of 4 keys from lab would go');
    expect(await versions()).toEqual(before);
    expectExit(await command('sync', edited, '--approve'), 0);
    await becomes('app', { one: 'value 1' });
    // Half of them may go.
    const half = { sources, secrets: [secret('app', { from: 'lab', data: { one: 'K1', two: 'K2' } })] };
    expectExit(await command('sync', half), 0);
    expectExit(await command('sync', edited), 0);
    await becomes('app', { one: 'value 1' });
  });

  test('counts the keys of one source over all of its Secrets, and none of another source', async () => {
    const sources = { big: source('big', letters(1, 6)), small: source('small', { S1: '1', S2: '2', S3: '3' }) };
    const secrets = [
      secret('of-big', { from: 'big' }),
      secret('one', { from: 'big', data: { k: 'K6' } }),
      secret('of-small', { from: 'small' }),
    ];
    expectExit(await command('sync', { sources, secrets }), 0);
    // 2 of 3 is too many; 2 of 9, had they been counted together, would not be.
    doppler.addConfig(namespace, 'small', { S1: '1' });
    doppler.addConfig(namespace, 'big', letters(1, 6, 'new'));
    const sync = await command('sync', { sources, secrets });
    expectExit(sync, 1);
    expect(sync.stdout).toContain('2 of 3 keys from small would go');
    await becomes('of-small', { S1: '1', S2: '2', S3: '3' });
    await becomes('of-big', letters(1, 6, 'new'));
  });
});
