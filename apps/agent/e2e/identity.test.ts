import { createPrivateKey, createPublicKey } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import { startFakeSakura } from '@hikyaku/provider-sakura/testing';
import { fingerprintOf, generateIdentity } from '@hikyaku/sealing';
import {
  applyYaml,
  ConfigFiles,
  createNamespace,
  createSecret,
  deleteSecret,
  eventually,
  expectExit,
  hikyaku,
  installRights,
  readSecret,
  resetInventory,
  startCluster,
  startHikyaku,
} from '@hikyaku/testbed';
import type { Cluster, Running } from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  addKeyFile,
  digestOf,
  forgetIdentity,
  IDENTITY,
  publicKeyOf,
  readIdentity,
  readShown,
  sealToken,
} from './identity.test.kit.ts';

let cluster: Cluster;
let kubeconfig: string;
let doppler: FakeDoppler;
let token: string;
let files: ConfigFiles;
const running: Running[] = [];

beforeAll(async () => {
  cluster = await startCluster();
  await installRights(cluster);
  kubeconfig = await cluster.agentKubeconfig();
  doppler = await startFakeDoppler();
  doppler.addConfig('homelab', 'prd', { A: 'a' });
  token = doppler.serviceToken('homelab', 'prd');
  files = new ConfigFiles();
  await createNamespace(cluster.admin, 'web');
});
afterAll(async () => {
  await files?.[Symbol.asyncDispose]();
  await doppler?.close();
  await cluster?.stop();
});
beforeEach(async () => {
  await forgetIdentity(cluster.admin);
  for (const id of ['web/open', 'web/sealed'])
    if ((await readSecret(cluster.admin, id)) !== undefined) await deleteSecret(cluster.admin, id);
  await resetInventory(cluster.admin);
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((agent) => agent.stop()));
});

interface Options {
  readonly recipients?: object;
  readonly sealed?: string;
  readonly clusters?: readonly string[];
}

/** A source with its token in the environment, and another one with a sealed token. */
async function write({ recipients, sealed, clusters }: Options = {}): Promise<string> {
  const source = { type: 'doppler', url: doppler.url, project: 'homelab', config: 'prd', refresh: '1s' };
  const entry = { namespace: 'web', ...(clusters && { clusters }) };
  return await files.write({
    resync: '1s',
    ...(recipients && { recipients }),
    providers: {
      open: { ...source, token: { env: 'TOKEN' } },
      ...(sealed && { sealed: { ...source, token: { sealed } } }),
    },
    secrets: [
      { ...entry, name: 'open', from: 'open', data: { A: 'A' } },
      ...(sealed ? [{ ...entry, name: 'sealed', from: 'sealed', data: { A: 'A' } }] : []),
    ],
  });
}

function start(config: string, ...flags: readonly string[]): Running {
  const agent = startHikyaku(['run', '--config', config, '--kubeconfig', kubeconfig, ...flags], {
    env: { TOKEN: token },
  });
  running.push(agent);
  return agent;
}

async function isThere(id: string): Promise<boolean> {
  return (await readSecret(cluster.admin, id)) !== undefined;
}

test('two agents that start at once on an empty cluster have one identity, and both say which', async () => {
  const config = await write();
  const lines = await Promise.all([start(config), start(config)].map((agent) => agent.logged({ msg: 'identity' })));
  const secret = await readIdentity(cluster.admin);
  const publicKey = await publicKeyOf(secret);
  const fingerprint = fingerprintOf(publicKey);
  for (const line of lines) expect(line).toMatchObject({ publicKey, fingerprint, secret: IDENTITY });
  expect(secret.type).toBe('Opaque');
  expect(secret.labels).toEqual({ 'hikyaku.dev/agent': 'hikyaku', 'app.kubernetes.io/managed-by': 'hikyaku' });
  expect(Object.keys(secret.data).toSorted()).toEqual(['age.agekey', 'service-principal.pem']);

  const publicPem = createPublicKey(createPrivateKey(secret.data['service-principal.pem'] ?? ''));
  await eventually(async () => (await readShown(cluster.admin))('recipient') === `${publicKey}\n`);
  const shown = await readShown(cluster.admin);
  expect(shown('fingerprint')).toBe(`${fingerprint}\n`);
  expect(shown('servicePrincipalPublicKey')).toBe(publicPem.export({ type: 'spki', format: 'pem' }));
  for (const agent of running) expect(agent.output).not.toMatch(/AGE-SECRET-KEY|PRIVATE KEY/);
});

test('an agent that starts again has the same identity, and writes nothing for it', async () => {
  const config = await write();
  const { publicKey } = await start(config).logged({ msg: 'identity' });
  await running[0]?.logged({ msg: 'started' });
  await Promise.all(running.splice(0).map((agent) => agent.stop()));
  const before = await readIdentity(cluster.admin);
  expect((await start(config).logged({ msg: 'identity' }))['publicKey']).toBe(publicKey);
  expect((await readIdentity(cluster.admin)).resourceVersion).toBe(before.resourceVersion);
});

test('what its file says of a key counts for nothing', async () => {
  const [mine, other] = await Promise.all([generateIdentity(), generateIdentity()]);
  const lie = mine.file.replace(mine.recipient, other.recipient);
  await createSecret(cluster.admin, IDENTITY, { 'age.agekey': lie });
  const agent = start(await write());
  expect((await agent.logged({ msg: 'identity' }))['publicKey']).toBe(mine.recipient);
  await eventually(async () => (await readShown(cluster.admin))('recipient') === `${mine.recipient}\n`);
});

test.each([
  ['no entry of age', { 'age.key': 'AGE-SECRET-KEY-1' }, /has no entry ending with \.agekey/],
  ['an entry that is no key', { 'age.agekey': 'nonsense' }, /holds no age identity under age\.agekey/],
  [
    'a damaged key',
    { 'age.agekey': `AGE-SECRET-KEY-1${'Q'.repeat(58)}` },
    /holds no age identity under age\.agekey: line 1 is a damaged identity/,
  ],
])(
  'a Secret with %s is left as it is; what is not sealed is synced, and the log says what to do',
  async (_, data, message) => {
    const { recipient } = await generateIdentity();
    const sealed = await sealToken(doppler, token, { home: recipient });
    const before = await createSecret(cluster.admin, IDENTITY, data, { labels: { 'hikyaku.dev/agent': 'hikyaku' } });
    const agent = start(await write({ recipients: { home: recipient }, sealed }));
    const line = await agent.logged({ level: 'error', msg: 'no identity: nothing that is sealed can be opened' });
    expect(JSON.stringify(line)).toMatch(message);
    expect(JSON.stringify(line)).toMatch(/left as it is\. Put the right one back; or delete it/);
    await eventually(() => isThere('web/open'));
    const failed = await agent.logged({ msg: 'source failed', source: 'sealed' });
    expect(JSON.stringify(failed)).toMatch(message);
    expect(await isThere('web/sealed')).toBe(false);
    expect(await readIdentity(cluster.admin)).toMatchObject({
      uid: before.uid,
      resourceVersion: before.resourceVersion,
    });
  },
);

test('deleted while the agent runs, it comes back with the same key', async () => {
  const agent = start(await write());
  await agent.logged({ msg: 'started' });
  const before = await readIdentity(cluster.admin);
  await deleteSecret(cluster.admin, IDENTITY);
  await agent.logged({ level: 'warn', secret: IDENTITY });
  await eventually(() => isThere(IDENTITY));
  const after = await readIdentity(cluster.admin);
  expect(after.uid).not.toBe(before.uid);
  for (const entry of ['age.agekey', 'service-principal.pem'])
    expect(digestOf(after.data[entry])).toBe(digestOf(before.data[entry]));
  expect(agent.output).toContain('hikyaku identity rotate');
});

test('a key that was added is shown and used without a restart', async () => {
  const first = start(await write());
  await first.logged({ msg: 'started' });
  await first.stop();
  running.length = 0;
  const old = await publicKeyOf(await readIdentity(cluster.admin));
  const { file, recipient } = await generateIdentity();
  // Sealed to the new key only, which the cluster does not have yet.
  const sealed = await sealToken(doppler, token, { home: recipient });
  const agent = start(await write({ recipients: { home: { keys: [recipient, old] } }, sealed }));
  const failed = await agent.logged({ msg: 'source failed', source: 'sealed' });
  expect(JSON.stringify(failed)).toContain('was its identity Secret made anew?');
  await addKeyFile(cluster.admin, 'age-2026-11-25.agekey', file);
  const changed = await agent.logged({ msg: 'identity changed' });
  expect(changed['publicKey']).toBe(`${recipient} ${old}`);
  await eventually(() => isThere('web/sealed'));
  await eventually(async () => (await readShown(cluster.admin))('recipient') === `${recipient}\n${old}\n`);
});

test('a key that is no recipient: the log says what to run, and what other clusters have is left alone', async () => {
  await hikyaku(['sync', '--config', await write(), '--kubeconfig', kubeconfig], { env: { TOKEN: token } });
  expect(await isThere('web/open')).toBe(true);
  const { recipient } = await generateIdentity();
  const sealed = await sealToken(doppler, token, { home: recipient });
  const agent = start(await write({ recipients: { home: recipient }, sealed, clusters: ['home'] }));
  const line = await agent.logged({ msg: 'nothing is sealed to this cluster' });
  const own = await publicKeyOf(await readIdentity(cluster.admin));
  expect(line).toMatchObject({ publicKey: own, recipients: 'home', run: `hikyaku recipients add NAME ${own}` });
  await agent.logged({
    msg: 'not known which cluster this is: entries that are for certain clusters only are left as they are',
    remedy: 'hikyaku recipients add, or start the agent with --cluster NAME',
  });
  await agent.logged({ msg: 'started', secrets: 0 });
  doppler.set('homelab', 'prd', 'A', 'changed');
  await sleep(2_500);
  doppler.set('homelab', 'prd', 'A', 'a');
  expect((await readSecret(cluster.admin, 'web/open'))?.data).toEqual({ A: 'a' });
  expect(await isThere('web/sealed')).toBe(false);
});

test('an identity that makes it another cluster starts it over', async () => {
  const { file, recipient } = await generateIdentity();
  const agent = start(await write({ recipients: { home: recipient }, clusters: ['home'] }));
  await agent.logged({ msg: 'started', secrets: 0 });
  await addKeyFile(cluster.admin, 'age-2026-11-25.agekey', file);
  await agent.logged({ msg: 'started', secrets: 1, recipient: 'home' });
  await eventually(() => isThere('web/open'));
});

test('a person syncs with the key of the cluster, or with a key of his own; a wrong name of the cluster is an error', async () => {
  const mine = await generateIdentity();
  await start(await write()).logged({ msg: 'started' });
  await Promise.all(running.splice(0).map((agent) => agent.stop()));
  const own = await publicKeyOf(await readIdentity(cluster.admin));
  const recipients = { home: own, cabin: { keys: [] }, me: { key: mine.recipient, backup: true } };
  const sealed = await sealToken(doppler, token, { home: own, me: mine.recipient });
  const config = await write({ recipients, sealed, clusters: ['home'] });
  const directory = await mkdtemp(join(tmpdir(), 'hikyaku-identity-'));
  const key = join(directory, 'key.txt');
  await writeFile(key, mine.file);
  const sync = async (...flags: readonly string[]) =>
    await hikyaku(['sync', '--config', config, '--kubeconfig', cluster.kubeconfig, ...flags], {
      env: { TOKEN: token },
    });
  try {
    expectExit(await sync(), 0);
    expect((await readSecret(cluster.admin, 'web/sealed'))?.data).toEqual({ A: 'a' });

    // The cluster has none any more, so that its name and a key have to come from the person.
    await deleteSecret(cluster.admin, IDENTITY);
    const unknown = await sync('--identity', key);
    expectExit(unknown, 1);
    expect(unknown.stdout).toContain('2 entries that are for certain clusters only');
    const without = await sync('--cluster', 'home');
    expectExit(without, 2);
    expect(without.stderr).toMatch(
      /hikyaku-identity does not exist in this cluster; give --identity FILE, set SOPS_AGE_KEY/,
    );
    expectExit(await sync('--cluster', 'home', '--identity', key), 0);
    const nowhere = await sync('--cluster', 'me', '--identity', key);
    expectExit(nowhere, 2);
    expect(nowhere.stderr).toContain('me, which --cluster or HIKYAKU_CLUSTER names, is a backup key, and no cluster');
    expect(await isThere(IDENTITY)).toBe(false);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test('no source reads a file with keys, neither one that is named nor the usual one', async () => {
  const { file } = await generateIdentity();
  const home = await mkdtemp(join(tmpdir(), 'hikyaku-identity-'));
  const usual = join(home, '.config', 'sops', 'age');
  await mkdir(usual, { recursive: true });
  await Promise.all([home, usual].map((folder) => writeFile(join(folder, 'keys.txt'), file)));
  const plan = async (path: string, ...flags: readonly string[]) => {
    const config = join(home, 'hikyaku.yaml');
    const secret = `{ name: open, namespace: web, from: keys, data: { a: keys.txt } }`;
    await writeFile(config, `providers: { keys: { type: file, path: ${path} } }\nsecrets: [${secret}]\n`);
    const args = ['plan', '--config', config, '--kubeconfig', cluster.kubeconfig, ...flags];
    return await hikyaku(args, { env: { HOME: home } });
  };
  try {
    expectExit(await plan(home), 0);
    for (const refused of [await plan(home, '--identity', join(home, 'keys.txt')), await plan(usual)]) {
      expectExit(refused, 1);
      expect(refused.stdout).toContain('belongs to the agent itself');
    }
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});

test('a name that contradicts the key is an error before anything is done', async () => {
  await start(await write()).logged({ msg: 'started' });
  await Promise.all(running.splice(0).map((agent) => agent.stop()));
  const own = await publicKeyOf(await readIdentity(cluster.admin));
  const { recipient } = await generateIdentity();
  const config = await write({ recipients: { home: own, cabin: recipient } });
  const args = ['run', '--config', config, '--kubeconfig', kubeconfig];
  const refused = await hikyaku(args, { env: { TOKEN: token, HIKYAKU_CLUSTER: 'cabin' } });
  expectExit(refused, 2);
  expect(refused.stderr).toContain("this cluster's key is that of home under recipients, and not of cabin");
});

test("another tool's Secret is read where a flag names it, and that is said", async () => {
  const { file, recipient } = await generateIdentity();
  await createSecret(cluster.admin, 'hikyaku/sops-age', { 'keys.agekey': file });
  try {
    const before = await readSecret(cluster.admin, 'hikyaku/sops-age');
    const sealed = await sealToken(doppler, token, { home: recipient });
    const agent = start(await write({ recipients: { home: recipient }, sealed }), '--identity-secret', 'sops-age');
    await agent.logged({ level: 'warn', secret: 'hikyaku/sops-age' });
    await eventually(() => isThere('web/sealed'));
    expect(await isThere(IDENTITY)).toBe(false);
    expect((await readSecret(cluster.admin, 'hikyaku/sops-age'))?.resourceVersion).toBe(before?.resourceVersion);
  } finally {
    await deleteSecret(cluster.admin, 'hikyaku/sops-age');
  }
});

test('a Secret of another namespace is waited for, until its owner lets the agent read it', async () => {
  const { file, recipient } = await generateIdentity();
  await createSecret(cluster.admin, 'web/sops-age', { 'keys.agekey': file });
  const agent = start(await write(), '--identity-secret', 'web/sops-age');
  const waiting = await agent.logged({ msg: 'waiting for rights' });
  expect(JSON.stringify(waiting)).toContain('hikyaku rights role web/sops-age --read');
  const role = await hikyaku(['rights', 'role', 'web/sops-age', '--read']);
  await applyYaml(cluster.admin, role.stdout);
  await agent.logged({ msg: 'identity', publicKey: recipient, secret: 'web/sops-age' });
  await agent.logged({ msg: 'started' });
});

test('a key to sign with is added to a Secret that a person has made, once, when a source needs it', async () => {
  await using sakura = await startFakeSakura();
  const { file } = await generateIdentity();
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': `{"stringData":"${file}"}` };
  const labels = { 'hikyaku.dev/agent': 'hikyaku' };
  const made = await createSecret(
    cluster.admin,
    IDENTITY,
    { 'age.agekey': file, note: 'mine' },
    { labels, annotations },
  );
  await start(await write()).logged({ msg: 'started' });
  expect((await readIdentity(cluster.admin)).resourceVersion).toBe(made.resourceVersion);

  const servicePrincipal = { id: '112800000001', kid: 'a-key' };
  const shop = { type: 'sakura', url: sakura.url, vault: '112800000002', refresh: '1s', servicePrincipal };
  const config = await files.write({
    providers: { shop },
    secrets: [{ name: 'sealed', namespace: 'web', from: 'shop', data: { A: 'A' } }],
  });
  // It is not uploaded yet, so that both are refused.
  await Promise.all([start(config), start(config)].map((agent) => agent.logged({ msg: 'source failed' })));
  const { data, annotations: left, uid } = await readIdentity(cluster.admin);
  expect(uid).toBe(made.uid);
  expect(Object.keys(data).toSorted()).toEqual(['age.agekey', 'note', 'service-principal.pem']);
  expect(digestOf(data['age.agekey'])).toBe(digestOf(file));
  expect(left).toEqual({});
  const publicPem = createPublicKey(createPrivateKey(data['service-principal.pem'] ?? ''));
  const shown = async () => (await readShown(cluster.admin))('servicePrincipalPublicKey');
  await eventually(async () => (await shown()) === publicPem.export({ type: 'spki', format: 'pem' }));
  const { resourceVersion } = await readIdentity(cluster.admin);
  await sleep(2_500);
  expect((await readIdentity(cluster.admin)).resourceVersion).toBe(resourceVersion);
});
