import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import { generateIdentity } from '@hikyaku/sealing';
import { createNamespace, createSecret, expectExit, field, hikyaku, startCluster, succeeded } from '@hikyaku/testbed';
import type { Cluster, Finished } from '@hikyaku/testbed';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sealToken } from './identity.test.kit.ts';
import { writeKubeconfig } from './install.test.kit.ts';

// `plan`, `lint` and `doctor` over several clusters: the built agent, two real API servers, and a context that leads nowhere.

let folder: string;
let doppler: FakeDoppler;
let home: Cluster;
let cabin: Cluster;
let config: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hikyaku-contexts-'));
  config = join(folder, 'hikyaku.yaml');
  doppler = await startFakeDoppler();
  doppler.addConfig('homelab', 'prd', { A: 'value-a', B: 'value-b' });
  [home, cabin] = await Promise.all([startCluster({ controllers: false }), startCluster({ controllers: false })]);
  await writeKubeconfig(join(folder, 'kubeconfig'), { home, cabin });
  const keys = { home: await giveIdentity(home), cabin: await giveIdentity(cabin) };
  await createNamespace(home.admin, 'web');
  // Its owner has not handed it over.
  await createNamespace(cabin.admin, 'web');
  await createSecret(cabin.admin, 'web/app', { A: 'theirs' });

  const token = doppler.serviceAccountToken();
  const lab = { type: 'doppler', url: doppler.url, project: 'homelab', config: 'prd' };
  const sealed = (to: Readonly<Record<string, string>>) => sealToken(doppler, token, to);
  await writeFile(
    config,
    JSON.stringify({
      recipients: keys,
      providers: {
        lab: { ...lab, token: { sealed: await sealed(keys) } },
        half: { ...lab, token: { sealed: await sealed({ home: keys.home }) } },
      },
      secrets: [
        { name: 'app', namespace: 'web', from: 'lab' },
        { name: 'only', namespace: 'web', clusters: ['home'], from: 'lab', data: { A: 'A' } },
      ],
    }),
  );
});

afterAll(async () => {
  await Promise.all([home?.stop(), cabin?.stop(), doppler?.close()]);
  await rm(folder, { recursive: true, force: true });
});

/** As `hikyaku recipients new` and the agent leave it. */
async function giveIdentity({ admin }: Cluster): Promise<string> {
  const { file, recipient } = await generateIdentity();
  await createNamespace(admin, 'hikyaku');
  const labels = { 'hikyaku.dev/agent': 'hikyaku' };
  await createSecret(admin, 'hikyaku/hikyaku-identity', { 'age.agekey': file }, { labels });
  const data = { recipient: `${recipient}\n`, fingerprint: '' };
  const body = { metadata: { name: 'hikyaku-identity' }, data };
  succeeded(await admin('POST', '/api/v1/namespaces/hikyaku/configmaps', body));
  return recipient;
}

function over(contexts: string, command: string, ...args: readonly string[]): Promise<Finished> {
  const flags = ['--config', config, '--kubeconfig', join(folder, 'kubeconfig'), '--contexts', contexts];
  return hikyaku([command, ...flags, ...args]);
}

test('plan: each cluster with its own entries, in one table; the exit code is the worst', async () => {
  const well = await over('home', 'plan', '--exit-code');
  expectExit(well, 3);

  const done = await over('home,cabin', 'plan');
  expectExit(done, 1);
  expect(done.stdout).toMatch(/^ {2}home: 2 to create\.\n {2}cabin: 1 refused\.\n/);
  expect(done.stdout).toMatch(/CLUSTER +SOURCE +ACTION +KEYS\n {2}✓ home +lab +read/);
  expect(done.stdout).toMatch(/✓ home +web\/app +create +\+2\n {2}! cabin +web\/app +refuse/);
  expect(done.stdout).toContain('kubectl label secret app --namespace web hikyaku.dev/agent=hikyaku');
  expect(done.stdout).toMatch(/✓ home +web\/only +create +\+1/);
  expect(done.stdout).not.toMatch(/cabin +web\/only/);
  expect(done.stdout).not.toContain('value-a');

  const json: unknown = JSON.parse((await over('home,cabin', 'plan', '--json')).stdout);
  expect(json).toMatchObject({
    ok: false,
    clusters: [
      { cluster: 'home', ok: true, agent: 'hikyaku', secrets: [{ action: 'create' }, { action: 'create' }] },
      { cluster: 'cabin', ok: false, secrets: [{ secret: 'web/app', action: 'refuse' }] },
    ],
  });
});

test('plan: a context that leads nowhere says why, and the others are shown', async () => {
  const done = await over('home,nowhere', 'plan', '--json');
  expectExit(done, 2);
  const json: unknown = JSON.parse(done.stdout);
  expect(json).toMatchObject({
    ok: false,
    clusters: [
      { cluster: 'home', ok: true },
      { cluster: 'nowhere', ok: false },
    ],
  });
  expect(field(json, 'clusters', 1, 'problem')).toMatch(/nowhere/);
  const text = await over('home,nowhere', 'plan');
  expect(text.stdout).toMatch(/✗ nowhere\n {4}.*nowhere/);
  expect(text.stdout).toMatch(/✓ home +web\/app +create/);
});

test('lint: each cluster is told what is about it, and what several have in common stands there once', async () => {
  const both = await over('home,cabin', 'lint');
  expectExit(both, 0);
  expect(both.stdout).toMatch(/^· home: 1 finding\n· cabin: 1 finding\n\nhome, cabin\nW .*\(NO_BACKUP\)/);
  // Nobody uses it there, so that it is no matter that cabin could not open it.
  expect(both.stdout).not.toContain('CANNOT_OPEN');

  const before = JSON.parse(await readFile(config, 'utf8')) as { readonly secrets: readonly object[] };
  const more = { name: 'more', namespace: 'web', from: 'half' };
  await writeFile(config, JSON.stringify({ ...before, secrets: [...before.secrets, more] }));
  try {
    const done = await over('home,cabin,nowhere', 'lint', '--json');
    expectExit(done, 2);
    const json: unknown = JSON.parse(done.stdout);
    const codes = (at: number) =>
      (field(json, 'clusters', at, 'findings') as readonly object[]).map((one) => field(one, 'code'));
    expect([codes(0), codes(1)]).toEqual([['NO_BACKUP'], ['NO_BACKUP', 'CANNOT_OPEN']]);
    expect(field(json, 'clusters', 2, 'problem')).toMatch(/nowhere/);
    expectExit(await over('home', 'lint'), 0);
    expectExit(await over('home,cabin', 'lint'), 1);
  } finally {
    await writeFile(config, JSON.stringify(before));
  }
});

test('doctor: findings of several clusters stand there once, and one that cannot be reached hides none', async () => {
  const done = await over('home,cabin,nowhere', 'doctor', '--json');
  expectExit(done, 1);
  const json: unknown = JSON.parse(done.stdout);
  const codes = (at: number) =>
    (field(json, 'clusters', at, 'findings') as readonly object[]).map((one) => field(one, 'code'));
  expect(codes(0)).toContain('OBJECT_MISSING');
  expect(codes(1)).toContain('OBJECT_MISSING');
  expect(codes(2)).toContain('KUBECONFIG_UNUSABLE');

  const text = await over('home,cabin', 'doctor');
  expectExit(text, 1);
  expect(text.stdout).toMatch(/^In home, agent hikyaku; cabin, agent hikyaku:\n/);
  expect(text.stdout).toMatch(/✓ home, cabin +config /);
  expect(text.stdout).toContain('kubectl --context cabin');
});

test('--context, --cluster and --against do not go with it', async () => {
  for (const args of [
    ['plan', '--context', 'home'],
    ['plan', '--cluster', 'home'],
    ['plan', '--against', 'HEAD'],
  ]) {
    const [command = '', ...more] = args;
    const done = await over('home', command, ...more);
    expectExit(done, 2);
    expect(done.stderr).toMatch(/--contexts/);
  }
});
