import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FakeDoppler, type FakeFault, startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import {
  type Api,
  type Cluster,
  ConfigFiles,
  createNamespace,
  deleteSecret,
  expectExit,
  type Finished,
  hikyaku,
  installRights,
  patchSecret,
  readInventory,
  readSecret,
  readSecrets,
  resetInventory,
  type Running,
  startCluster,
  startHikyaku,
} from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';

// What Doppler can do wrong, to the built agent on a real API server with the rights of deploy/rights-own.yaml alone.

const configs = new ConfigFiles();
const running = new Set<Running>();
let cluster: Cluster;
let admin: Api;
let doppler: FakeDoppler;
let directory: string;
let kubeconfig: string;

beforeAll(async () => {
  cluster = await startCluster({ controllers: false });
  admin = cluster.admin;
  await installRights(cluster);
  kubeconfig = await cluster.agentKubeconfig();
  doppler = await startFakeDoppler({ limits: { secretReads: 1_000_000 } });
  directory = await mkdtemp(join(tmpdir(), 'hikyaku-doppler-faults-'));
});

afterAll(async () => {
  await doppler?.close();
  await cluster?.stop();
  await configs[Symbol.asyncDispose]();
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

interface Setting {
  readonly sources: Readonly<Record<string, object>>;
  readonly secrets: readonly object[];
  readonly resync?: string;
}

/** Makes a Doppler config and the entry under `providers:` that reads it each second. */
async function source(name: string, values: Readonly<Record<string, string>>, more: object = {}): Promise<object> {
  doppler.addConfig('lab', name, values);
  await giveToken(name);
  const token = { file: join(directory, `${name}.token`) };
  return { type: 'doppler', url: doppler.url, project: 'lab', config: name, token, refresh: '1s', ...more };
}

async function giveToken(config: string): Promise<string> {
  const token = doppler.serviceToken('lab', config);
  await writeFile(join(directory, `${config}.token`), `${token}\n`);
  return token;
}

/** The command's arguments, with this config. */
async function given({ sources, secrets, resync = '1h' }: Setting): Promise<readonly string[]> {
  const path = await configs.write({ resync, providers: sources, secrets });
  return ['--config', path, '--kubeconfig', kubeconfig];
}

async function run(setting: Setting, level = 'info'): Promise<Running> {
  const daemon = startHikyaku(['run', ...(await given(setting)), '--log-level', level]);
  running.add(daemon);
  await daemon.logged({ msg: 'started' });
  return daemon;
}

async function stop(daemon: Running): Promise<Finished> {
  running.delete(daemon);
  return await daemon.stop();
}

async function sync(setting: Setting): Promise<Finished> {
  return await hikyaku(['sync', ...(await given(setting))]);
}

async function until(holds: () => Promise<void> | void, timeout = 20_000): Promise<void> {
  await vi.waitFor(holds, { timeout, interval: 50 });
}

async function becomes(id: string, values: Readonly<Record<string, string>>, timeout?: number): Promise<void> {
  await until(async () => expect((await readSecret(admin, id))?.data).toEqual(values), timeout);
}

/** What has been logged of a source or Secret since. */
function said(daemon: Running, fields: Readonly<Record<string, unknown>>, from = 0): readonly string[] {
  return daemon.log
    .slice(from)
    .filter((line) => Object.entries(fields).every(([name, value]) => line[name] === value))
    .map((line) => JSON.stringify(line));
}

interface Case {
  readonly name: string;
  readonly fault?: Omit<FakeFault, 'config'>;
  /** Instead of a fault. */
  readonly begin?: (config: string) => void | Promise<void>;
  readonly end?: (config: string) => void | Promise<void>;
  /** Of what the log says. */
  readonly remedy: RegExp;
  /** It shows in a Secret that is held, not in a source that failed. */
  readonly heldSecret?: true;
  /** Milliseconds in which the source is left alone after the message. */
  readonly quietMs?: number;
}

const forGood = Number.MAX_SAFE_INTEGER;

const cases: readonly Case[] = [
  { name: '401', fault: { kind: '401' }, remedy: /refused the token for project lab config 401.*Make a new one under/ },
  { name: '403', fault: { kind: '403' }, remedy: /does not let this token read project lab.*Use a service token/ },
  { name: '404', fault: { kind: '404' }, remedy: /does not find project lab config 404.*Check the spelling/ },
  { name: '400', fault: { kind: '400' }, remedy: /refused the request for project lab.*check `project`, `config`/ },
  {
    name: '429',
    fault: { kind: '429', retryAfter: 12 },
    remedy: /limits the requests for project lab config 429.*Use a longer `refresh`/,
    quietMs: 11_000,
  },
  { name: '500', fault: { kind: '500' }, remedy: /failed to answer for project lab config 500.*tried again/ },
  { name: '502', fault: { kind: '502-html' }, remedy: /failed to answer for project lab config 502.*tried again/ },
  { name: 'hang', fault: { kind: 'hang' }, remedy: /did not answer within 10 s\. Check that a firewall/ },
  { name: 'reset', fault: { kind: 'reset' }, remedy: /closed the connection.*look at the proxies/ },
  { name: 'truncate', fault: { kind: 'truncate' }, remedy: /closed the connection.*look at the proxies/ },
  { name: 'half-json', fault: { kind: 'half-json' }, remedy: /not a download of Doppler.*Check that `url`/ },
  { name: 'list', fault: { kind: 'list' }, remedy: /not a JSON object\. Check that `url`/ },
  { name: 'text', fault: { kind: 'text' }, remedy: /not a JSON object\. Check that `url`/ },
  { name: 'nested', fault: { kind: 'nested' }, remedy: /neither a string nor null\. Check that `url`/ },
  { name: 'page', fault: { kind: 'not-json' }, remedy: /it is not JSON\. Check that `url`/ },
  { name: 'empty-body', fault: { kind: 'empty' }, remedy: /DOPPLER_PROJECT or DOPPLER_CONFIG is missing\. Check/ },
  { name: 'huge', fault: { kind: 'huge' }, remedy: /too large|more than|larger/ },
  { name: 'redirect', fault: { kind: '302' }, remedy: /something other than secrets.*Check that `url`/ },
  { name: 'not-modified', fault: { kind: '304' }, remedy: /request without condition\. Check that no proxy/ },
  {
    name: 'nulls',
    fault: { kind: 'nulls' },
    remedy: /withholds the value of FIRST from this token.*Use a service token/,
  },
  {
    name: 'only-managed',
    begin: (config) => doppler.addConfig('lab', config),
    end: (config) => doppler.addConfig('lab', config, { FIRST: 'later', SECOND: 'same' }),
    remedy: /2 of 2 keys from s-only-managed would go/,
    heldSecret: true,
  },
  {
    name: 'config-removed',
    begin: (config) => doppler.removeConfig('lab', config),
    end: (config) => doppler.addConfig('lab', config, { FIRST: 'later', SECOND: 'same' }),
    remedy: /project lab config config-removed.*Check/,
  },
  {
    name: 'revoked',
    begin: () => doppler.revoke(tokens.get('revoked') ?? ''),
    end: async (config) => {
      doppler.set('lab', config, 'FIRST', 'later');
      await giveToken(config);
    },
    remedy: /it was revoked, has expired or is mistyped\. Make a new one under/,
  },
];

const tokens = new Map<string, string>();

describe('a daemon with one source per fault, and one that is healthy', () => {
  const stories = new Map<string, Promise<void>>();
  let daemon: Running;

  beforeAll(async () => {
    const namespace = 'faults';
    await createNamespace(admin, namespace);
    const sources: Record<string, object> = { healthy: await source('healthy', { FIRST: 'first' }) };
    for (const { name } of cases) {
      sources[`s-${name}`] = await source(name, { FIRST: 'first', SECOND: 'same' });
      tokens.set(name, await giveToken(name));
    }
    const secrets = Object.keys(sources).map((name) => ({ name, namespace, from: name }));
    daemon = await run({ sources, secrets });
    await Promise.all(cases.map(({ name }) => becomes(`faults/s-${name}`, { FIRST: 'first', SECOND: 'same' })));
    await becomes('faults/healthy', { FIRST: 'first' });
    for (const one of cases) {
      const story = tell(one);
      // Its own test says so.
      story.catch(() => {});
      stories.set(one.name, story);
    }
  });

  afterAll(async () => {
    await Promise.allSettled(stories.values());
    doppler.clearFaults();
    if (daemon !== undefined) await stop(daemon);
    await resetInventory(admin);
  });

  async function tell({ name, fault, begin, end, remedy, heldSecret, quietMs }: Case): Promise<void> {
    const id = `faults/s-${name}`;
    const about = heldSecret ? { secret: id, msg: 'not synced' } : { source: `s-${name}`, msg: 'source failed' };
    const before = await readSecret(admin, id);
    const mark = `SEEN_${name.toUpperCase().replaceAll('-', '_')}`;

    if (fault !== undefined) doppler.fail({ ...fault, config: name, times: forGood });
    await begin?.(name);
    await until(() => expect(said(daemon, about).join('\n')).toMatch(remedy), 45_000);
    const failedAt = Date.now();
    const requests = requestsFor(name);

    // The others go on meanwhile.
    doppler.set('lab', 'healthy', mark, 'yes');
    await until(async () => expect((await readSecret(admin, 'faults/healthy'))?.data).toHaveProperty(mark));
    expect(await readSecret(admin, id)).toEqual(before);

    doppler.clearFaults(name);
    if (end === undefined) doppler.set('lab', name, 'FIRST', 'later');
    await end?.(name);
    await becomes(id, { FIRST: 'later', SECOND: 'same' }, 40_000);
    if (quietMs !== undefined) {
      expect(Date.now() - failedAt).toBeGreaterThan(quietMs);
      expect(requestsFor(name)).toBe(requests + 1);
    }
    const recovered = heldSecret ? { secret: id, msg: 'recovered' } : { source: `s-${name}`, msg: 'source recovered' };
    await until(() => expect(said(daemon, recovered)).not.toEqual([]));
    expect(daemon.process.exitCode).toBeNull();
  }

  test.each(cases.map(({ name }) => name))(
    '%s: the Secret keeps its last good data, the log says what to do, the others go on, and it recovers by itself',
    async (name) => {
      await expect(stories.get(name)).resolves.toBeUndefined();
    },
  );
});

function requestsFor(config: string): number {
  return doppler.requests.filter(({ query }) => query['config'] === config).length;
}

describe('on its own', () => {
  afterEach(async () => {
    await Promise.all([...running].map(stop));
    doppler.clearFaults();
    await resetInventory(admin);
  });

  test.each([
    // It has a value of a source that nothing is known of.
    [false, { a: '1', u: '1' }],
    [true, { a: '1', u: '2' }],
  ])(
    'a restart while a source is down changes nothing of it, and the others go on (snapshot: %s)',
    async (snapshot, both) => {
      const namespace = `restart-${snapshot}`;
      await createNamespace(admin, namespace);
      const setting = {
        sources: {
          down: await source('down', { A: '1', B: '2' }, { snapshot }),
          up: await source('up', { U: '1' }, { snapshot }),
        },
        secrets: [
          { name: 'of-down', namespace, from: 'down' },
          { name: 'of-up', namespace, from: 'up' },
          { name: 'of-both', namespace, data: { a: { from: 'down', key: 'A' }, u: { from: 'up', key: 'U' } } },
        ],
        resync: '1s',
      };
      expectExit(await sync(setting), 0);
      const before = await readSecrets(admin, namespace);
      const remembered = await readInventory(admin);
      doppler.fail({ kind: '500', config: 'down', times: forGood });
      doppler.set('lab', 'down', 'A', 'later');

      const daemon = await run(setting, 'debug');
      await daemon.logged({ source: 'down', msg: 'source failed' });
      doppler.set('lab', 'up', 'U', '2');
      await becomes(`${namespace}/of-up`, { U: '2' });
      // Two resyncs on, too.
      await until(() =>
        expect(said(daemon, { secret: `${namespace}/of-up`, msg: 'unchanged' }).length).toBeGreaterThan(1),
      );
      const after = await readSecrets(admin, namespace);
      expect(after.get('of-down')).toEqual(before.get('of-down'));
      expect(after.get('of-both')?.data).toEqual(both);
      expect((await readInventory(admin)).get(`${namespace}/of-down`)).toEqual(remembered.get(`${namespace}/of-down`));

      doppler.clearFaults();
      await becomes(`${namespace}/of-down`, { A: 'later', B: '2' });
      await becomes(`${namespace}/of-both`, { a: 'later', u: '2' });
    },
  );

  test('what somebody changes or deletes while the source is down comes back from memory at the resync', async () => {
    await createNamespace(admin, 'drift');
    const values = { A: '1', B: '2' };
    const daemon = await run({
      sources: { drifting: await source('drifting', values), other: await source('other', { O: '1' }) },
      secrets: [
        { name: 'changed', namespace: 'drift', from: 'drifting' },
        { name: 'deleted', namespace: 'drift', from: 'drifting' },
        {
          name: 'of-both',
          namespace: 'drift',
          data: { a: { from: 'drifting', key: 'A' }, o: { from: 'other', key: 'O' } },
        },
      ],
      resync: '2s',
    });
    await becomes('drift/of-both', { a: '1', o: '1' });
    await becomes('drift/deleted', values);
    await becomes('drift/changed', values);
    doppler.fail({ kind: 'reset', config: 'drifting', times: forGood });
    await daemon.logged({ source: 'drifting', msg: 'source failed' });

    await patchSecret(admin, 'drift/changed', { stringData: { A: 'tampered', EXTRA: 'x' }, data: { B: null } });
    await deleteSecret(admin, 'drift/deleted');
    await becomes('drift/changed', values);
    await becomes('drift/deleted', values);
    await daemon.logged({ secret: 'drift/changed', outcome: 'repaired' });
    // And a Secret of two sources takes what the other one says, beside the last good value of this one.
    doppler.set('lab', 'other', 'O', '2');
    await becomes('drift/of-both', { a: '1', o: '2' });
    expect(said(daemon, { source: 'drifting', msg: 'source recovered' })).toEqual([]);
  });

  test('a key that `data` names and that vanishes at the source: the Secret keeps everything; `optional` leaves it out', async () => {
    await createNamespace(admin, 'vanish');
    const namespace = 'vanish';
    const daemon = await run({
      sources: { vanishing: await source('vanishing', { A: '1', B: '2', C: '3' }) },
      secrets: [
        { name: 'strict', namespace, from: 'vanishing', data: { a: 'A', b: 'B' } },
        { name: 'lenient', namespace, from: 'vanishing', data: { a: 'A', b: { key: 'B', optional: true } } },
        { name: 'unaffected', namespace, from: 'vanishing', data: { a: 'A', c: 'C' } },
      ],
    });
    await becomes('vanish/strict', { a: '1', b: '2' });
    const before = await readSecret(admin, 'vanish/strict');
    doppler.remove('lab', 'vanishing', 'B');
    doppler.set('lab', 'vanishing', 'A', 'later');

    await becomes('vanish/lenient', { a: 'later' });
    await becomes('vanish/unaffected', { a: 'later', c: '3' });
    const line = await daemon.logged({ secret: 'vanish/strict', state: 'kept' });
    expect(line['messages']).toEqual(['vanishing has no B, wanted as b; add it there, or set `optional: true`']);
    expect(await readSecret(admin, 'vanish/strict')).toEqual(before);

    doppler.set('lab', 'vanishing', 'B', 'again');
    await becomes('vanish/strict', { a: 'later', b: 'again' });
    await daemon.logged({ secret: 'vanish/strict', msg: 'recovered' });
  });

  test('a key that vanishes and comes back as it was: the log says that the Secret has recovered', async () => {
    await createNamespace(admin, 'back');
    const daemon = await run({
      sources: { back: await source('back', { A: '1', B: '2' }) },
      secrets: [{ name: 'app', namespace: 'back', from: 'back', data: { a: 'A', b: 'B' } }],
    });
    await becomes('back/app', { a: '1', b: '2' });
    const before = await readSecret(admin, 'back/app');
    doppler.remove('lab', 'back', 'B');
    await daemon.logged({ secret: 'back/app', state: 'kept' });
    doppler.set('lab', 'back', 'B', '2');
    await daemon.logged({ secret: 'back/app', msg: 'recovered' }, { timeoutMs: 10_000 });
    expect(await readSecret(admin, 'back/app')).toEqual(before);
  });

  test('a one-shot sync with one source that fails syncs the others, says which one failed and why, and exits with 1', async () => {
    await createNamespace(admin, 'oneshot');
    const setting = {
      sources: { broken: await source('broken', { A: '1' }), whole: await source('whole', { W: '1' }) },
      secrets: [
        { name: 'of-broken', namespace: 'oneshot', from: 'broken' },
        { name: 'of-whole', namespace: 'oneshot', from: 'whole' },
      ],
    };
    doppler.fail({ kind: '403', config: 'broken', times: forGood });
    const first = await sync(setting);
    expectExit(first, 1);
    expect(first.stdout).toMatch(/✗ broken {2}Doppler does not let this token read project lab config broken/);
    expect(first.stdout).toMatch(/! oneshot\/of-broken {2}waiting\n +broken has not been read yet/);
    expect((await readSecret(admin, 'oneshot/of-whole'))?.data).toEqual({ W: '1' });
    expect(await readSecret(admin, 'oneshot/of-broken')).toBeUndefined();

    doppler.clearFaults();
    expectExit(await sync(setting), 0);
    const before = await readSecret(admin, 'oneshot/of-broken');
    doppler.fail({ kind: '403', config: 'broken', times: forGood });
    doppler.set('lab', 'whole', 'W', '2');
    const again = await sync(setting);
    expectExit(again, 1);
    expect(await readSecret(admin, 'oneshot/of-broken')).toEqual(before);
    expect((await readSecret(admin, 'oneshot/of-whole'))?.data).toEqual({ W: '2' });
    expect((await readInventory(admin)).has('oneshot/of-broken')).toBe(true);
  });
});
