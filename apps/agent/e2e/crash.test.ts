import { randomBytes, randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import {
  type Api,
  applyYaml,
  createSecret,
  deleteSecret,
  expectExit,
  field,
  type Finished,
  hikyaku,
  inventoryPath,
  type LiveSecret,
  patchSecret,
  readInstallFile,
  readInventory,
  readSecret,
  readSecrets,
  resetInventory,
  type Running,
  succeeded,
  writeInventory,
} from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Stage } from './stage.test.kit.ts';

// Killed at any moment, and with its memory lost or edited: the built agent on a real API server, with the rights of
// deploy/rights-own.yaml alone.

let stage: Stage;
let admin: Api;
let doppler: FakeDoppler;
let namespace: string;

beforeAll(async () => {
  stage = await Stage.open('crash', { controllers: false });
  ({ admin, doppler } = stage);
});
beforeEach(async () => {
  namespace = await stage.begin();
});
afterEach(() => stage.end());
afterAll(() => stage?.[Symbol.asyncDispose]());

type Values = Readonly<Record<string, string>>;

interface Setting {
  readonly secrets: readonly object[];
  readonly hold?: object | 'off';
  readonly resync?: string;
}

/** One source, `lab`, which is the Doppler config `lab` of this test's own project. */
async function argumentsFor({ secrets, hold, resync = '1h' }: Setting): Promise<readonly string[]> {
  const providers = { lab: stage.source('lab', { hold: 'off' }) };
  const path = await stage.configs.write({ resync, ...(hold && { hold }), providers, secrets });
  return ['--config', path, '--kubeconfig', stage.kubeconfig];
}

function secret(name: string, more: object = { from: 'lab' }): object {
  return { name, namespace, ...more };
}

async function sync(setting: Setting, ...more: readonly string[]): Promise<Finished> {
  return await hikyaku(['sync', ...(await argumentsFor(setting)), ...more], { env: stage.env });
}

async function start(command: 'run' | 'sync', setting: Setting): Promise<Running> {
  return stage.start([command, ...(await argumentsFor(setting)), '--log-level', 'info']);
}

async function until(holds: () => Promise<void> | void, timeout = 20_000): Promise<void> {
  await vi.waitFor(holds, { timeout, interval: 20 });
}

/** Something has been written, or there was nothing to write. */
async function aWriteOf(agent: Running): Promise<void> {
  await until(() => expect(agent.output).toMatch(/"msg":"applied"|Secrets:/));
}

async function becomes(name: string, values: Values): Promise<void> {
  await until(async () => expect((await readSecret(admin, id(name)))?.data).toEqual(values));
}

function id(name: string): string {
  return `${namespace}/${name}`;
}

/** The inventory knows exactly these Secrets, as they are now. */
async function expectInventoryOf(live: ReadonlyMap<string, LiveSecret>): Promise<void> {
  const remembered = [...(await readInventory(admin))].map(([name, { uid, resourceVersion, keys }]) => ({
    name,
    uid,
    resourceVersion,
    keys: Object.keys(keys?.['lab'] ?? {}).toSorted(),
  }));
  const actual = [...live].map(([name, { uid, resourceVersion, data }]) => ({
    name: id(name),
    uid,
    resourceVersion,
    keys: Object.keys(data).toSorted(),
  }));
  expect(remembered).toEqual(actual.toSorted((a, b) => (a.name < b.name ? -1 : 1)));
}

describe('killed at any moment, again and again', () => {
  /** What the Secret `s<n>` holds in a generation: all values of one, and not always the same keys. */
  function valuesOf(n: number, generation: number): Values {
    const keys = 3 + ((generation + n) % 3);
    return Object.fromEntries(
      Array.from({ length: keys }, (_, k) => [`K${k}`, `generation ${generation} of ${n}.${k}`]),
    );
  }

  function dopplerSecrets(generation: number, most: number): Values {
    const all: Record<string, string> = {};
    for (let n = 0; n < most; n++)
      for (const [key, value] of Object.entries(valuesOf(n, generation))) all[`S${n}_${key}`] = value;
    return all;
  }

  test('the next run ends with every Secret whole, none lost, none orphaned, and the inventory right', async () => {
    const seed = Number(process.env['HIKYAKU_SEED'] ?? randomInt(2 ** 31));
    console.log(`HIKYAKU_SEED=${seed}`);
    const random = randomFrom(seed);
    const most = 120;
    const kills = 25;
    let generation = 0;
    const wanted = new Set(Array.from({ length: 70 }, (_, n) => n));
    const lost: string[] = [];
    const secretEvents = watchEvents(`/api/v1/namespaces/${namespace}/secrets`);
    const ownEvents = watchEvents('/api/v1/namespaces/hikyaku/configmaps');
    let interrupted = 0;

    function setting(): Setting {
      const secrets = [...wanted].map((n) =>
        secret(`s${n}`, { dataFrom: [{ from: 'lab', keys: [`S${n}_*`], as: '*' }] }),
      );
      return { secrets, hold: 'off', resync: '1s' };
    }

    for (let kill = 0; kill < kills; kill++) {
      if (kill === 0 || random() < 0.7) doppler.addConfig(namespace, 'lab', dopplerSecrets(++generation, most));
      for (let change = 0; change < 6; change++) {
        // Often one that was new when the agent was killed.
        const one = [...wanted].toReversed()[Math.floor(random() * (random() < 0.5 ? 12 : wanted.size))];
        if (one !== undefined) wanted.delete(one);
        const absent = Array.from({ length: most }, (_, n) => n).filter((n) => !wanted.has(n));
        wanted.add(absent[Math.floor(random() * absent.length)] ?? 0);
      }
      const before = await readSecrets(admin, namespace);
      const agent = await start(random() < 0.7 ? 'run' : 'sync', setting());
      // Anywhere, or surely in the middle of its writing.
      if (random() < 0.5) await sleep(random() * 1_500);
      else await aWriteOf(agent).then(() => sleep(random() * 60));
      await agent.stop('SIGKILL');
      const live = await readSecrets(admin, namespace);
      // Another uid would mean that it was gone in between.
      for (const [name, { uid }] of before)
        if (wanted.has(Number(name.slice(1))) && live.get(name)?.uid !== uid) lost.push(`${name} at kill ${kill}`);
      const settled = [...wanted].every((n) => isDeepStrictEqual(live.get(`s${n}`)?.data, valuesOf(n, generation)));
      if (!settled || live.size !== wanted.size) interrupted++;
    }

    const last = await sync(setting());
    expectExit(last, 0);
    const live = await readSecrets(admin, namespace);
    expect(Object.fromEntries([...live].map(([name, { data }]) => [name, data]))).toEqual(
      Object.fromEntries([...wanted].map((n) => [`s${n}`, valuesOf(n, generation)])),
    );
    await expectInventoryOf(live);

    const history = await secretEvents.stop();
    for (const event of history) {
      const [name, values] = [nameOf(event), valuesOfEvent(event)];
      const of = Number(/generation (\d+)/.exec(Object.values(values)[0] ?? '')?.[1]);
      expect({ name, values }).toEqual({ name, values: valuesOf(Number(name.slice(1)), of) });
    }
    expect(lost).toEqual([]);
    const inventories = (await ownEvents.stop()).filter((event) => nameOf(event) === 'hikyaku-inventory').toReversed();
    const unannounced = history.filter((event) => {
      const before = inventories.find(({ version }) => version < event.version)?.object;
      const line = inventoryLine(before, nameOf(event));
      // With the uid of an earlier one it would be nobody's after the next crash.
      return event.type === 'ADDED' && (line === undefined || field(line, 'uid') !== undefined);
    });
    expect(unannounced.map(nameOf)).toEqual([]);
    // Else the test has tried nothing.
    expect(interrupted).toBeGreaterThan(3);
    expect(history.some(({ type }) => type === 'DELETED')).toBe(true);
  });

  test('after a Secret was announced and before it was made: it is made', async () => {
    doppler.addConfig(namespace, 'lab', { A: '1' });
    await writeInventory(admin, new Map([[id('app'), { whenRemoved: 'delete', keys: { lab: { A: '' } } }]]));
    const done = await sync({ secrets: [secret('app')] });
    expectExit(done, 0);
    expect((await readSecret(admin, id('app')))?.data).toEqual({ A: '1' });
    await expectInventoryOf(await readSecrets(admin, namespace));
  });

  test('after a Secret was announced and made, and before that was remembered: it is taken for ours, and not written again', async () => {
    doppler.addConfig(namespace, 'lab', { A: '1' });
    expectExit(await sync({ secrets: [secret('app')] }), 0);
    const before = await readSecrets(admin, namespace);
    await writeInventory(admin, new Map([[id('app'), { whenRemoved: 'delete', keys: { lab: { A: '' } } }]]));
    expectExit(await sync({ secrets: [secret('app')] }), 0);
    expect(await readSecrets(admin, namespace)).toEqual(before);
    await expectInventoryOf(before);
  });

  test('after a Secret was announced, and then its entry leaves the config: made or not, nothing of it stays', async () => {
    doppler.addConfig(namespace, 'lab', { A: '1' });
    expectExit(await sync({ secrets: [secret('made'), secret('other')] }), 0);
    const lines = new Map(await readInventory(admin));
    const announced = { whenRemoved: 'delete', keys: { lab: { A: '' } } };
    await writeInventory(admin, lines.set(id('made'), announced).set(id('never-made'), announced));
    expectExit(await sync({ secrets: [secret('other')], hold: 'off' }), 0);
    const live = await readSecrets(admin, namespace);
    expect([...live.keys()]).toEqual(['other']);
    await expectInventoryOf(live);
  });

  test('after a Secret was deleted and before that was remembered: its entry can come back', async () => {
    doppler.addConfig(namespace, 'lab', { A: '1' });
    expectExit(await sync({ secrets: [secret('back'), secret('gone'), secret('other')] }), 0);
    await deleteSecret(admin, id('back'));
    await deleteSecret(admin, id('gone'));
    expectExit(await sync({ secrets: [secret('back'), secret('other')] }), 0);
    const live = await readSecrets(admin, namespace);
    expect([...live.keys()]).toEqual(['back', 'other']);
    await expectInventoryOf(live);
  });
});

describe('what is made anew under another uid', () => {
  test.each([
    ['as somebody deleted it', {}, () => deleteSecret(admin, id('app'))],
    [
      'as its immutable data changed and `recreate` is set',
      { immutable: true, recreate: true },
      async () => doppler.set(namespace, 'lab', 'A', '2'),
    ],
  ])('%s: that is written down first, so that a crash right after orphans nothing', async (_, more, change) => {
    doppler.addConfig(namespace, 'lab', { A: '1' });
    const app = secret('app', { from: 'lab', ...more });
    expectExit(await sync({ secrets: [app, secret('other')] }), 0);
    const before = await readSecret(admin, id('app'));
    await change();
    const events = watchEvents('/api/v1/namespaces/hikyaku/configmaps');
    expectExit(await sync({ secrets: [app, secret('other')] }), 0);
    const after = await readSecret(admin, id('app'));
    expect(after?.uid).not.toBe(before?.uid);
    const seen = (await events.stop()).filter((event) => nameOf(event) === 'hikyaku-inventory');
    expect(seen.map(({ object }) => field(inventoryLine(object, 'app'), 'uid'))).toEqual([undefined, after?.uid]);
    await expectInventoryOf(await readSecrets(admin, namespace));
  });
});

describe('with a lost inventory', () => {
  test('nothing is written or deleted, and it is rebuilt', async () => {
    doppler.addConfig(namespace, 'lab', { A: '1', B: '2' });
    const secrets = [secret('one'), secret('two', { from: 'lab', data: { a: 'A' } }), secret('no-more-wanted')];
    expectExit(await sync({ secrets }), 0);
    const before = await readSecrets(admin, namespace);
    await resetInventory(admin);
    const done = await sync({ secrets: secrets.slice(0, 2) });
    expectExit(done, 0);
    expect(await readSecrets(admin, namespace)).toEqual(before);
    const { ['no-more-wanted']: _, ...left } = Object.fromEntries(before);
    await expectInventoryOf(new Map(Object.entries(left)));
  });

  test('a daemon that runs writes down again what it knows, also of what it holds', async () => {
    doppler.addConfig(namespace, 'lab', { A: '1' });
    const secrets = ['a', 'b', 'c'].map((name) => secret(name));
    expectExit(await sync({ secrets }), 0);
    const remembered = await readInventory(admin);
    const daemon = await start('run', { secrets: secrets.slice(0, 1) });
    await daemon.logged({ secret: id('c'), state: 'held' });
    await resetInventory(admin);
    doppler.set(namespace, 'lab', 'A', '2');
    await becomes('a', { A: '2' });
    await until(async () => {
      const now = await readInventory(admin);
      expect([...now.keys()]).toEqual([...remembered.keys()]);
      expect(now.get(id('c'))).toEqual(remembered.get(id('c')));
      expect(now.get(id('a'))?.resourceVersion).toBe((await readSecret(admin, id('a')))?.resourceVersion);
    });
    expect((await readSecret(admin, id('c')))?.data).toEqual({ A: '1' });
  });

  test('whose ConfigMap is gone: nothing is written, and sync says what to apply', async () => {
    doppler.addConfig(namespace, 'lab', { A: '1' });
    const secrets = [secret('app')];
    expectExit(await sync({ secrets }), 0);
    const before = await readSecrets(admin, namespace);
    succeeded(await admin('DELETE', inventoryPath));
    try {
      doppler.set(namespace, 'lab', 'A', '2');
      const done = await sync({ secrets });
      expectExit(done, 1);
      expect(done.stdout).toContain('hikyaku-inventory) is missing');
      expect(done.stdout).toContain('apply deploy/rights-own.yaml');
      expect(await readSecrets(admin, namespace)).toEqual(before);
    } finally {
      await applyYaml(admin, await readInstallFile('rights-own.yaml'));
    }
    expectExit(await sync({ secrets }), 0);
    const after = await readSecrets(admin, namespace);
    expect(after.get('app')?.data).toEqual({ A: '2' });
    await expectInventoryOf(after);
  });

  test('whose ConfigMap is gone while the daemon runs: it says what to apply, and goes on once that is done', async () => {
    doppler.addConfig(namespace, 'lab', { A: '1' });
    const daemon = await start('run', { secrets: [secret('app')], resync: '2s' });
    await becomes('app', { A: '1' });
    await daemon.logged({ secret: id('app'), msg: 'applied' });
    await until(async () => expect((await readInventory(admin)).get(id('app'))?.uid).toBeDefined());
    succeeded(await admin('DELETE', inventoryPath));
    try {
      doppler.set(namespace, 'lab', 'A', '2');
      await until(() =>
        expect(daemon.output).toMatch(/hikyaku-inventory\) is missing.*apply deploy\/rights-own\.yaml/),
      );
    } finally {
      await applyYaml(admin, await readInstallFile('rights-own.yaml'));
    }
    await until(async () => expect((await readSecret(admin, id('app')))?.data).toEqual({ A: '2' }));
    await until(async () => await expectInventoryOf(await readSecrets(admin, namespace)));
    doppler.set(namespace, 'lab', 'A', '3');
    await becomes('app', { A: '3' });
  });
});

describe('with an inventory that somebody edited', () => {
  test.each([
    ['no JSON', '{ "a": '],
    ['a list', '["a"]'],
    ['a number', '7'],
    ['null', 'null'],
    ['nothing', ''],
    ['lines that are none', JSON.stringify({ 'no-slash': {}, 'a/b': null, 'c/d': 7, __proto__x: [] })],
  ])('%s: nothing is written or deleted, and it is rebuilt', async (_, text) => {
    doppler.addConfig(namespace, 'lab', { A: '1' });
    const secrets = [secret('one'), secret('two')];
    expectExit(await sync({ secrets }), 0);
    const before = await readSecrets(admin, namespace);
    await writeInventory(admin, text);
    const done = await sync({ secrets });
    expectExit(done, 0);
    expect(await readSecrets(admin, namespace)).toEqual(before);
    await expectInventoryOf(before);
  });

  test('wrong uids: no Secret is written needlessly, and none is deleted by a uid that is not its own', async () => {
    doppler.addConfig(namespace, 'lab', { A: '1' });
    expectExit(await sync({ secrets: [secret('wanted'), secret('unwanted'), secret('other')] }), 0);
    const before = await readSecrets(admin, namespace);
    const lines = new Map(await readInventory(admin));
    const uid = '00000000-0000-4000-8000-000000000000';
    for (const name of ['wanted', 'unwanted']) lines.set(id(name), { ...lines.get(id(name)), uid });
    await writeInventory(admin, lines);
    const done = await sync({ secrets: [secret('wanted'), secret('other')] });
    expectExit(done, 0);
    expect(await readSecrets(admin, namespace)).toEqual(before);
    const { unwanted: _, ...left } = Object.fromEntries(before);
    await expectInventoryOf(new Map(Object.entries(left)));
  });

  test("lines that name other people's Secrets: they are neither changed nor deleted", async () => {
    doppler.addConfig(namespace, 'lab', { A: '1' });
    expectExit(await sync({ secrets: [secret('app')] }), 0);
    const foreign = await createSecret(admin, id('foreign'), { password: 'theirs' });
    await createSecret(admin, id('foreign-by-name'), { password: 'theirs' });
    const another = await createSecret(
      admin,
      id('another-agents'),
      { x: 'y' },
      { labels: { 'hikyaku.dev/agent': 'other' } },
    );
    const own = await createSecret(admin, 'hikyaku/a-persons-credential', { token: 'theirs' });
    const system = await createSecret(admin, `kube-system/${namespace}`, { x: 'y' });
    const before = await readSecrets(admin, namespace);
    const key = await readSecret(admin, 'hikyaku/hikyaku-inventory-key');
    const lines = new Map(await readInventory(admin));
    const line = { whenRemoved: 'delete', keys: { lab: { A: '' } } };
    lines.set(id('foreign'), { ...line, uid: foreign.uid, resourceVersion: foreign.resourceVersion });
    lines.set(id('foreign-by-name'), line);
    lines.set(id('another-agents'), { ...line, uid: another.uid });
    lines.set('hikyaku/a-persons-credential', { ...line, uid: own.uid });
    lines.set('hikyaku/hikyaku-inventory-key', { ...line, uid: key?.uid ?? '' });
    lines.set(`kube-system/${namespace}`, { ...line, uid: system.uid });
    await writeInventory(admin, lines);
    await sync({ secrets: [secret('app')], hold: 'off' });
    expect(await readSecrets(admin, namespace)).toEqual(before);
    expect(await readSecret(admin, 'hikyaku/a-persons-credential')).toEqual(own);
    expect(await readSecret(admin, 'hikyaku/hikyaku-inventory-key')).toEqual(key);
    expect(await readSecret(admin, `kube-system/${namespace}`)).toEqual(system);
    // It is no line about a Secret that the config wants, either.
    await expectInventoryOf(new Map([...before].filter(([name]) => name === 'app')));
  });

  test('lines for Secrets of ours that the config does not name: pruned below the threshold, held above', async () => {
    doppler.addConfig(namespace, 'lab', { A: '1' });
    const all = ['a', 'b', 'c', 'd'].map((name) => secret(name));
    expectExit(await sync({ secrets: all }), 0);
    const lines = await readInventory(admin);
    // As if the config had never named them, and somebody wrote the lines in.
    await resetInventory(admin);
    expectExit(await sync({ secrets: all.slice(0, 1) }), 0);
    expect((await readSecrets(admin, namespace)).size).toBe(4);
    await writeInventory(admin, lines);
    expectExit(await sync({ secrets: all.slice(0, 1) }), 1);
    expect((await readSecrets(admin, namespace)).size).toBe(4);
    expectExit(await sync({ secrets: all.slice(0, 3) }), 0);
    expect([...(await readSecrets(admin, namespace)).keys()]).toEqual(['a', 'b', 'c']);
  });

  test('a line without `whenRemoved`, or with another word in it: the Secret stays', async () => {
    doppler.addConfig(namespace, 'lab', { A: '1' });
    expectExit(await sync({ secrets: ['a', 'b', 'c'].map((name) => secret(name)) }), 0);
    const before = await readSecrets(admin, namespace);
    const lines = new Map(await readInventory(admin));
    const { whenRemoved: _, ...without } = lines.get(id('b')) ?? {};
    lines.set(id('b'), without).set(id('c'), { ...lines.get(id('c')), whenRemoved: 'perhaps' });
    await writeInventory(admin, lines);
    const done = await sync({ secrets: [secret('a')], hold: 'off' }, '--log-level', 'warn');
    expectExit(done, 0);
    for (const name of ['b', 'c']) expect(done.stderr).toMatch(new RegExp(`${id(name)}.*makes no sense: passed over`));
    expect(await readSecrets(admin, namespace)).toEqual(before);
  });
});

describe('the key of the inventory', () => {
  const keyId = 'hikyaku/hikyaku-inventory-key';

  test.each([
    ['deleted', () => deleteSecret(admin, keyId)],
    ['replaced', () => patchSecret(admin, keyId, { data: { 'hmac.key': randomBytes(32).toString('base64') } })],
  ])('%s: no Secret is written again, none is held, and the next change arrives', async (_, lose) => {
    doppler.addConfig(namespace, 'lab', { A: '1', B: '2' });
    const secrets = [secret('one'), secret('two', { from: 'lab', data: { a: 'A' } })];
    expectExit(await sync({ secrets }), 0);
    const before = await readSecrets(admin, namespace);
    const remembered = await readInventory(admin);
    await lose();
    const done = await sync({ secrets });
    expectExit(done, 0);
    expect(await readSecrets(admin, namespace)).toEqual(before);
    expect((await readInventory(admin)).get(id('one'))).not.toEqual(remembered.get(id('one')));
    doppler.set(namespace, 'lab', 'A', 'later');
    expectExit(await sync({ secrets }), 0);
    expect((await readSecret(admin, id('two')))?.data).toEqual({ a: 'later' });
  });

  test('spoiled: nothing is written, and it says what to do', async () => {
    doppler.addConfig(namespace, 'lab', { A: '1' });
    expectExit(await sync({ secrets: [secret('app')] }), 0);
    const before = await readSecrets(admin, namespace);
    await patchSecret(admin, keyId, { data: { 'hmac.key': 'c2hvcnQ=' } });
    doppler.set(namespace, 'lab', 'A', '2');
    const spoiled = await sync({ secrets: [secret('app')] });
    expectExit(spoiled, 1);
    expect(spoiled.stderr).toMatch(/hikyaku-inventory-key does not hold 32 bytes.*delete it, and a new one is made/);
    expect(await readSecrets(admin, namespace)).toEqual(before);
    await deleteSecret(admin, keyId);
    expectExit(await sync({ secrets: [secret('app')] }), 0);
  });
});

describe('told to stop in the middle of many writes', () => {
  test.each([
    ['run', 'SIGTERM', 0],
    ['sync', 'SIGTERM', 130],
    ['sync', 'SIGINT', 130],
  ] as const)(
    '%s at %s finishes what it is writing, remembers it, and exits with %i in time',
    async (command, signal, exitCode) => {
      doppler.addConfig(namespace, 'lab', { A: '1', B: '2', C: '3' });
      const most = 600;
      const setting = { secrets: Array.from({ length: most }, (_, n) => secret(`s${n}`)) };
      const agent = await start(command, setting);
      await aWriteOf(agent);
      const toldAt = performance.now();
      const ended = await agent.stop(signal);
      expect(performance.now() - toldAt).toBeLessThan(5_000);
      expectExit(ended, exitCode);

      const live = await readSecrets(admin, namespace);
      expect(live.size).toBeGreaterThan(0);
      // Else it was not interrupted at all.
      expect(live.size).toBeLessThan(most);
      for (const { data } of live.values()) expect(data).toEqual({ A: '1', B: '2', C: '3' });
      const made = [...(await readInventory(admin))].filter(([, { uid }]) => uid !== undefined);
      expect(made.map(([name, { uid, resourceVersion }]) => [name, uid, resourceVersion])).toEqual(
        [...live].map(([name, { uid, resourceVersion }]) => [id(name), uid, resourceVersion]),
      );

      expectExit(await sync(setting), 0);
      const all = await readSecrets(admin, namespace);
      expect(all.size).toBe(most);
      await expectInventoryOf(all);
    },
  );
});

interface WatchEvent {
  readonly type: string;
  readonly object: unknown;
  /** Of the whole cluster: which of two events came first. */
  readonly version: number;
}

/** Every event of a list from now on, without a gap. */
function watchEvents(list: string): { stop(): Promise<readonly WatchEvent[]> } {
  const events: WatchEvent[] = [];
  let stopping = false;
  async function watch(): Promise<void> {
    let version = Number(field(succeeded(await admin('GET', list)), 'metadata', 'resourceVersion'));
    for (let last = false; !last;) {
      last = stopping;
      const query = `watch=true&resourceVersion=${version}&timeoutSeconds=${last ? 1 : 2}`;
      const { text } = await admin('GET', `${list}?${query}`);
      for (const line of text.split('\n').filter((each) => each !== '')) {
        const event: unknown = JSON.parse(line);
        const [type, object] = [String(field(event, 'type')), field(event, 'object')];
        if (type === 'ERROR') throw new Error(line);
        version = Number(field(object, 'metadata', 'resourceVersion'));
        events.push({ type, object, version });
      }
    }
  }
  const watching = watch();
  watching.catch(() => {});
  return {
    async stop() {
      stopping = true;
      await watching;
      return events;
    },
  };
}

/** What the ConfigMap of the inventory says of a Secret of this test. */
function inventoryLine(configMap: unknown, name: string): unknown {
  const text = field(configMap, 'data', 'secrets.json');
  const lines: unknown = typeof text === 'string' ? JSON.parse(text) : undefined;
  return field(lines, id(name));
}

function nameOf({ object }: WatchEvent): string {
  return String(field(object, 'metadata', 'name'));
}

function valuesOfEvent({ object }: WatchEvent): Values {
  const data = Object.entries(field(object, 'data') ?? {});
  return Object.fromEntries(data.map(([key, value]) => [key, Buffer.from(String(value), 'base64').toString()]));
}

/** mulberry32: the same numbers from 0 to 1 for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
