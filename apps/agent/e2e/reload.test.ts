import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import {
  createSecret,
  deleteSecret,
  hikyaku,
  mintToken,
  readSecret,
  readSecrets,
  succeeded,
  V8_FLAGS,
} from '@hikyaku/testbed';
import type { Api, Running } from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Stage } from './stage.test.kit.ts';

// What is changed in the config and in the grants while the built agent runs: on a real API server, with the rights of deploy/rights-own.yaml.

const CONFIG_MAP = '/api/v1/namespaces/hikyaku/configmaps/hikyaku-config';
const GRANTS = '/api/v1/namespaces/hikyaku/configmaps/hikyaku-grants';
const IN_POD = { KUBERNETES_SERVICE_HOST: '192.0.2.1', KUBERNETES_SERVICE_PORT: '443' };
const REFUSED = 'config refused: the last good one goes on';

let stage: Stage;
let admin: Api;
/** Two services, so that requests of two sources are counted apart. */
let doppler: FakeDoppler;
let nas: FakeDoppler;
let directory: string;
let namespace: string;

beforeAll(async () => {
  stage = await Stage.open('reload', { controllers: false });
  ({ admin, doppler } = stage);
  nas = await startFakeDoppler({ limits: { secretReads: 1_000_000 } });
});
beforeEach(async () => {
  namespace = await stage.begin();
  directory = await mkdtemp(join(tmpdir(), 'hikyaku-reload-'));
  for (const service of [doppler, nas]) {
    service.addConfig(namespace, 'lab', { A: '1', B: '2' });
    service.resetCounters();
  }
});
afterEach(async () => {
  await stage.end();
  await admin('DELETE', '/api/v1/namespaces/hikyaku/secrets/hikyaku-last-config');
  await admin('DELETE', CONFIG_MAP);
  await rm(directory, { recursive: true, force: true });
});
afterAll(async () => {
  await nas?.close();
  await stage?.[Symbol.asyncDispose]();
});

type Fields = Readonly<Record<string, unknown>>;

function source(service: FakeDoppler, more: Fields = {}): Fields {
  const place = { url: service.url, project: namespace, config: 'lab' };
  const token = { env: service === nas ? 'NAS_TOKEN' : 'DOPPLER_TOKEN' };
  return { type: 'doppler', ...place, token, refresh: '1h', hold: 'off', ...more };
}

function secret(name: string, more: Fields = { from: 'lab' }): Fields {
  return { name, namespace, ...more };
}

interface Setting {
  readonly secrets: readonly Fields[];
  readonly providers?: Fields;
  readonly more?: Fields;
}

/** JSON, which is YAML too. */
function text({ secrets, providers = { lab: source(doppler), nas: source(nas) }, more = {} }: Setting): string {
  return JSON.stringify({ resync: '1h', hold: 'off', ...more, providers, secrets }, null, 2);
}

async function write(name: string, content: string): Promise<string> {
  const path = join(directory, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}

function launch(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const tokens = { DOPPLER_TOKEN: doppler.serviceAccountToken(), NAS_TOKEN: nas.serviceAccountToken() };
  return stage.start(['run', '--log-level', 'info', ...args], {
    env: { KUBECONFIG: stage.kubeconfig, ...tokens, ...env },
    nodeFlags: V8_FLAGS,
  });
}

async function until(holds: () => Promise<void> | void, timeout = 20_000): Promise<void> {
  await vi.waitFor(holds, { timeout, interval: 20 });
}

async function exists(name: string, timeout?: number): Promise<void> {
  await until(async () => expect(await readSecret(admin, `${namespace}/${name}`)).toBeDefined(), timeout);
}

async function isGone(name: string): Promise<void> {
  await until(async () => expect(await readSecret(admin, `${namespace}/${name}`)).toBeUndefined());
}

async function versions(): Promise<Readonly<Record<string, string>>> {
  const secrets = await readSecrets(admin, namespace);
  return Object.fromEntries([...secrets].map(([name, { resourceVersion }]) => [name, resourceVersion]));
}

function requests(): readonly [doppler: number, nas: number] {
  return [doppler.counters.requests, nas.counters.requests];
}

function times(agent: Running, message: string): number {
  return agent.log.filter(({ msg }) => msg === message).length;
}

/** What `kubectl apply` of a ConfigMap does. */
async function apply(path: string, data: Readonly<Record<string, string>>): Promise<void> {
  const body = { metadata: { name: path.split('/').at(-1) }, data };
  if ((await admin('PUT', path, body)).status === 404) succeeded(await admin('POST', dirname(path), body));
}

async function grant(words: string): Promise<void> {
  const lists = { types: 'Opaque', metadataPrefixes: '', reservedNamespaces: 'kube-system' };
  await apply(GRANTS, { ...lists, 'grants.yaml': words });
}

/** Each writes the first config, and hands back its path and how the second one comes. */
const ways: readonly [string, (first: string, second: string) => Promise<readonly [string, () => Promise<unknown>]>][] =
  [
    [
      'a file that is written over',
      async (first, second) => [await write('hikyaku.yaml', first), () => write('hikyaku.yaml', second)],
    ],
    [
      'a file that another one is renamed to',
      async (first, second) => {
        const path = await write('hikyaku.yaml', first);
        return [path, async () => await rename(await write('.new', second), path)];
      },
    ],
    [
      'a mounted ConfigMap',
      async (first, second) => {
        await write('..1/hikyaku.yaml', first);
        await write('..2/hikyaku.yaml', second);
        await symlink('..1', join(directory, '..data'));
        await symlink('..data/hikyaku.yaml', join(directory, 'hikyaku.yaml'));
        const swap = async () => {
          await symlink('..2', join(directory, '..new'));
          await rename(join(directory, '..new'), join(directory, '..data'));
        };
        return [join(directory, 'hikyaku.yaml'), swap];
      },
    ],
    [
      'one more file in a directory',
      async (first) => {
        await write('a.yaml', first);
        const more = JSON.stringify({ secrets: [secret('second')] });
        return [directory, () => write('b.yaml', more)];
      },
    ],
  ];

describe('another config is in force within 2 s, and only what changed is touched', () => {
  test.each(ways)('%s', async (_, prepare) => {
    const secrets = [secret('first'), secret('other', { from: 'nas' })];
    const [path, change] = await prepare(text({ secrets }), text({ secrets: [...secrets, secret('second')] }));
    const agent = launch(['--config', path]);
    await Promise.all(['first', 'other'].map((name) => exists(name)));
    const before = await versions();
    expect(requests()).toEqual([1, 1]);
    await change();
    await exists('second', 2_000);
    expect(await versions()).toMatchObject(before);
    expect(requests()).toEqual([1, 1]);
    expect(times(agent, 'config changed')).toBe(1);
  });

  test('the ConfigMap hikyaku-config, without a mount', async () => {
    await apply(CONFIG_MAP, { 'hikyaku.yaml': text({ secrets: [secret('first')] }) });
    const agent = launch(['--config-map']);
    await exists('first');
    const before = await versions();
    await apply(CONFIG_MAP, { 'hikyaku.yaml': text({ secrets: [secret('first'), secret('second')] }) });
    await exists('second', 2_000);
    expect(await versions()).toMatchObject(before);
    // Who deletes it has not said that every Secret should go.
    succeeded(await admin('DELETE', CONFIG_MAP));
    const { problems } = await agent.logged({ msg: REFUSED });
    expect(problems).toEqual([expect.stringContaining('there is no ConfigMap hikyaku/hikyaku-config')]);
    await apply(CONFIG_MAP, { 'hikyaku.yaml': text({ secrets: [secret('first'), secret('third')] }) });
    await exists('third', 2_000);
    await isGone('second');
    expect((await versions())['first']).toBe(before['first']);
  });
});

test('a config that breaks is refused once, with the place; the old one goes on; mended it is in force within 2 s', async () => {
  const lab = source(doppler, { refresh: '1s' });
  const good = { providers: { lab }, secrets: [secret('first')] };
  const path = await write('hikyaku.yaml', text(good));
  const agent = launch(['--config', path]);
  await exists('first');
  await write('hikyaku.yaml', text({ ...good, more: { secretz: [] } }));
  const { problems } = await agent.logged({ msg: REFUSED });
  expect(problems).toEqual([expect.stringMatching(/hikyaku\.yaml:4:3: secretz: unknown key `secretz`/)]);
  doppler.set(namespace, 'lab', 'A', 'changed');
  await until(async () =>
    expect(await readSecret(admin, `${namespace}/first`)).toMatchObject({ data: { A: 'changed' } }),
  );
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  expect(times(agent, REFUSED)).toBe(1);
  await write('hikyaku.yaml', text({ ...good, secrets: [secret('first'), secret('second')] }));
  await exists('second', 2_000);
  expect(times(agent, 'config is good again')).toBe(1);
});

test('an entry that is taken out is pruned, and more than the hold allows waits for a person', async () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'];
  const secrets = names.map((name) => secret(name));
  const more = { hold: { lostSecrets: '20%' } };
  await write('hikyaku.yaml', text({ secrets, more }));
  const agent = launch(['--config', join(directory, 'hikyaku.yaml')]);
  await Promise.all(names.map((name) => exists(name)));
  await write('hikyaku.yaml', text({ secrets: secrets.slice(1), more }));
  await isGone('a');
  await write('hikyaku.yaml', text({ secrets: secrets.slice(6), more }));
  await agent.logged({ secret: `${namespace}/b`, state: 'held' });
  expect(Object.keys(await versions())).toEqual(names.slice(1));
  await write('hikyaku.yaml', text({ secrets: secrets.slice(1), more }));
  await until(() => expect(agent.lastWord(`${namespace}/b`)).toMatchObject({ state: 'synced' }));
  expect(Object.keys(await versions())).toEqual(names.slice(1));
});

test('a source by another name is the same data: the Secret stays, and says where it is from', async () => {
  const data = { from: 'lab', data: { a: 'A' } };
  const path = await write('hikyaku.yaml', text({ secrets: [secret('first', data)] }));
  launch(['--config', path]);
  await exists('first');
  const before = await readSecret(admin, `${namespace}/first`);
  const renamed = { providers: { renamed: source(doppler) }, secrets: [secret('first', { ...data, from: 'renamed' })] };
  await write('hikyaku.yaml', text(renamed));
  await until(async () => {
    const after = await readSecret(admin, `${namespace}/first`);
    expect(after?.annotations['hikyaku.dev/sources']).toBe('renamed');
    expect(after).toMatchObject({ uid: before?.uid, data: { a: '1' } });
  });
});

test('settings of one source change: it is read again, the other one is not, and nothing is written', async () => {
  const secrets = [secret('first'), secret('other', { from: 'nas' })];
  const path = await write('hikyaku.yaml', text({ secrets }));
  const agent = launch(['--config', path]);
  await Promise.all(['first', 'other'].map((name) => exists(name)));
  const before = await versions();
  const providers = { lab: source(doppler, { refresh: '30m' }), nas: source(nas) };
  await write('hikyaku.yaml', text({ secrets, providers }));
  await agent.logged({ msg: 'config changed' });
  await until(() => expect(requests()).toEqual([2, 1]));
  // What it knew is what it asks with.
  expect(doppler.counters.notModified304).toBe(1);
  expect(await versions()).toEqual(before);
});

describe('in a pod', () => {
  const origins = () => `version: 1\norigins: ["${doppler.url}", "${nas.url}"]\n`;
  const args = () => ['--config', join(directory, 'hikyaku.yaml')];

  test('after a restart with a broken config the last good one goes on, and it is said', async () => {
    await grant(origins());
    await write('hikyaku.yaml', text({ secrets: [secret('first')] }));
    const first = launch(args(), IN_POD);
    await exists('first');
    const before = await versions();
    await write('hikyaku.yaml', 'providers: [');
    await first.logged({ msg: REFUSED });
    expect((await first.stop()).exitCode).toBe(0);
    const second = launch(args(), IN_POD);
    await second.logged({ msg: REFUSED });
    await second.logged({ msg: 'source read' });
    expect(await versions()).toEqual(before);
    await write('hikyaku.yaml', text({ secrets: [secret('first'), secret('second')] }));
    await exists('second', 2_000);
  });

  test('without one it ends, with the mistakes', async () => {
    await grant(origins());
    await write('hikyaku.yaml', 'providers: [');
    const { exitCode, stderr } = await hikyaku(['run', ...args()], {
      env: { ...IN_POD, KUBECONFIG: stage.kubeconfig },
    });
    expect(exitCode).toBe(2);
    expect(stderr).toContain('hikyaku.yaml:1:');
  });

  test('an origin that is granted no more is not asked any more, and again once it is', async () => {
    await grant(origins());
    const providers = { lab: source(doppler, { refresh: '1s' }), nas: source(nas) };
    await write('hikyaku.yaml', text({ providers, secrets: [secret('first'), secret('other', { from: 'nas' })] }));
    const agent = launch(args(), IN_POD);
    await Promise.all(['first', 'other'].map((name) => exists(name)));
    const before = await versions();
    await grant(`version: 1\norigins: ["${nas.url}"]\n`);
    await agent.logged({ msg: 'source failed', source: 'lab' });
    const asked = doppler.counters.requests;
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(doppler.counters.requests).toBe(asked);
    const seen = agent.log.length;
    await grant(origins());
    await agent.logged({ msg: 'config changed' }, { from: seen });
    await until(() => expect(doppler.counters.requests).toBeGreaterThan(asked));
    expect(await versions()).toEqual(before);
  });

  test('also while the config is broken', async () => {
    await grant(origins());
    await write(
      'hikyaku.yaml',
      text({ providers: { lab: source(doppler, { refresh: '1s' }) }, secrets: [secret('x')] }),
    );
    const agent = launch(args(), IN_POD);
    await exists('x');
    await write('hikyaku.yaml', 'providers: [');
    await agent.logged({ msg: REFUSED });
    await grant('version: 1\norigins: []\n');
    await agent.logged({ msg: 'source failed', source: 'lab' });
    const asked = doppler.counters.requests;
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(doppler.counters.requests).toBe(asked);
  });

  test('a plug-in goes on undisturbed by other changes, and is called no more when its grant has gone', async () => {
    const calls = await write('calls', '');
    const code = `
      import { appendFileSync } from 'node:fs';
      import { SecretValue } from '@hikyaku/core';
      const say = (what) => appendFileSync(${JSON.stringify(calls)}, what + '\\n');
      export default {
        type: 'p',
        config: { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } },
        describe: () => ({ identity: 'p', origins: [] }),
        connect() {
          say('connected');
          return {
            async read({ previous }) {
              say('read');
              return previous ?? { secrets: new Map([['A', { value: SecretValue.of('1') }]]) };
            },
          };
        },
      };`;
    await write('p.mjs', code);
    const countOf = async (what: string) =>
      (await readFile(calls, 'utf8')).split('\n').filter((line) => line === what).length;
    const digest = `sha256-${createHash('sha256').update(code).digest('base64')}`;
    const granted = `${origins()}plugins: { ./p.mjs: { digest: "${digest}" } }\n`;
    await grant(granted);
    const providers = { p: { type: './p.mjs', refresh: '1s', hold: 'off' }, lab: source(doppler) };
    const own = secret('own', { from: 'p' });
    await write('hikyaku.yaml', text({ providers, secrets: [own] }));
    const agent = launch(args(), IN_POD);
    await exists('own');
    await write('hikyaku.yaml', text({ providers, secrets: [own, secret('first')] }));
    await exists('first');
    expect(await countOf('connected')).toBe(1);
    await grant(origins());
    await agent.logged({ msg: REFUSED });
    await agent.logged({ msg: 'source failed', source: 'p' });
    const reads = await countOf('read');
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(await countOf('read')).toBe(reads);
    expect(Object.keys(await versions())).toEqual(['first', 'own']);
    await grant(granted);
    await agent.logged({ msg: 'config is good again' });
    await until(async () => expect(await countOf('read')).toBeGreaterThan(reads));
  });

  test('a push that is granted is pushed, without a restart', async () => {
    await grant(origins());
    await createSecret(admin, `${namespace}/app`, { key: 'pushed' });
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', metadata: { name: 'hikyaku-read', namespace } };
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
    const rules = [
      { apiGroups: [''], resources: ['secrets'], resourceNames: ['app'], verbs: ['get', 'list', 'watch'] },
    ];
    succeeded(await admin('POST', `${rbac}/roles`, { ...role, kind: 'Role', rules }));
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'hikyaku-read' };
    const subjects = [{ kind: 'ServiceAccount', name: 'hikyaku', namespace: 'hikyaku' }];
    succeeded(await admin('POST', `${rbac}/rolebindings`, { ...role, kind: 'RoleBinding', roleRef, subjects }));
    const pushes = [{ from: { namespace, secret: 'app' }, to: 'lab', data: { PUSHED: 'key' } }];
    await write('hikyaku.yaml', text({ secrets: [secret('first')], more: { pushes } }));
    const agent = launch(args(), IN_POD);
    await agent.logged({ msg: 'not pushed' });
    await grant(`${origins()}pushes: [{ from: ${namespace}/app, to: lab }]\n`);
    await until(() => expect(doppler.names(namespace, 'lab')).toContain('PUSHED'));
    await grant(origins());
    await until(() => expect(times(agent, 'not pushed')).toBe(2));
  });
});

describe('rotated', () => {
  test('a file with a credential', async () => {
    const [old, next] = [doppler.serviceToken(namespace, 'lab'), doppler.serviceToken(namespace, 'lab')];
    const token = await write('token', old);
    const lab = source(doppler, { refresh: '1s', token: { file: token } });
    const path = await write('hikyaku.yaml', text({ providers: { lab }, secrets: [secret('first')] }));
    const agent = launch(['--config', path]);
    await exists('first');
    await write('token', next);
    doppler.revoke(old);
    doppler.set(namespace, 'lab', 'A', 'later');
    await until(async () =>
      expect(await readSecret(admin, `${namespace}/first`)).toMatchObject({ data: { A: 'later' } }),
    );
    expect(times(agent, 'source failed')).toBe(0);
  });

  test('the token of the ServiceAccount', async () => {
    // Deleting what a token is bound to ends the token.
    const bound = async (name: string) => {
      const { uid } = await createSecret(admin, `hikyaku/${name}-${namespace}`, {});
      const boundObjectRef = { kind: 'Secret', apiVersion: 'v1', name: `${name}-${namespace}`, uid };
      return await mintToken(admin, 'hikyaku', 'hikyaku', { boundObjectRef });
    };
    const tokenFile = await write('sa-token', await bound('old'));
    const access = {
      clusters: [{ name: 'c', cluster: { server: stage.cluster.url, 'certificate-authority': stage.cluster.caPath } }],
      users: [{ name: 'u', user: { tokenFile } }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u', namespace: 'hikyaku' } }],
      'current-context': 'c',
    };
    const KUBECONFIG = await write('kubeconfig', JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...access }));
    const lab = source(doppler, { refresh: '1s' });
    const path = await write('hikyaku.yaml', text({ providers: { lab }, secrets: [secret('first')] }));
    launch(['--config', path], { KUBECONFIG });
    await exists('first');
    await write('sa-token', await bound('new'));
    await deleteSecret(admin, `hikyaku/old-${namespace}`);
    doppler.set(namespace, 'lab', 'A', 'later');
    await until(async () =>
      expect(await readSecret(admin, `${namespace}/first`)).toMatchObject({ data: { A: 'later' } }),
    );
  });
});

test('200 changes leave neither memory nor connections behind', async () => {
  const secrets = [secret('first'), secret('other', { from: 'nas', dataFrom: [{ keys: ['A', 'B'] }] })];
  const setting = (turn: number): Readonly<Record<string, string>> => {
    const providers = {
      lab: source(doppler, { refresh: `${30 + (turn % 2)}m`, snapshot: true }),
      nas: source(nas, { refresh: `${30 + (Math.floor(turn / 2) % 2)}m` }),
    };
    return { 'hikyaku.yaml': text({ providers, secrets: [...secrets, secret(`turn-${turn % 3}`)] }) };
  };
  await apply(CONFIG_MAP, setting(0));
  const agent = launch(['--config-map']);
  await Promise.all(['first', 'other'].map((name) => exists(name)));
  const { first: firstBefore, other: otherBefore } = await versions();
  const sizes: { readonly mib: number; readonly sockets: number }[] = [];
  for (let turn = 1; turn <= 200; turn++) {
    await apply(CONFIG_MAP, setting(turn));
    await until(() => expect(times(agent, 'config changed')).toBe(turn));
    await exists(`turn-${turn % 3}`);
    if (turn % 50 === 0) sizes.push({ mib: await agent.residentMiB(), sockets: await socketsOf(agent) });
  }
  const [first, , , last] = sizes;
  expect((last?.mib ?? Infinity) - (first?.mib ?? 0)).toBeLessThan(8);
  expect(last?.sockets).toBeLessThanOrEqual((first?.sockets ?? 0) + 2);
  expect(await versions()).toMatchObject({ first: firstBefore, other: otherBefore });
  expect(doppler.counters.connections).toBeLessThanOrEqual(2);
});

async function socketsOf({ process: { pid } }: Running): Promise<number> {
  const folder = `/proc/${pid}/fd`;
  const names = await readdir(folder).catch(() => []);
  const links = await Promise.all(names.map((name) => readlink(join(folder, name)).catch(() => '')));
  return links.filter((link) => link.startsWith('socket:')).length;
}
