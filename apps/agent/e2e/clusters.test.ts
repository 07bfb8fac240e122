import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import { generateIdentity, open, parseIdentities } from '@hikyaku/sealing';
import {
  createNamespace,
  eventually,
  expectExit,
  hikyaku,
  installRights,
  readSecrets,
  startCluster,
  startHikyaku,
} from '@hikyaku/testbed';
import type { Cluster, Running } from '@hikyaku/testbed';
import { LeakSearch } from '../../../tools/testbed/src/leak-search.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { publicKeyOf, readIdentity, sealToken } from './identity.test.kit.ts';

const NAMES = ['home', 'cabin', 'lab'] as const;
type Name = (typeof NAMES)[number];

interface Site {
  readonly cluster: Cluster;
  readonly kubeconfig: string;
  /** Of Doppler, for this cluster alone. */
  readonly token: string;
}

let doppler: FakeDoppler;
let sites: Readonly<Record<Name, Site>>;
let folder: string;
let file: string;
const agents = new Map<Name, Running>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hikyaku-clusters-'));
  file = join(folder, 'hikyaku.yaml');
  doppler = await startFakeDoppler();
  doppler.addConfig('homelab', 'prd', { A: 'a' });
  const [home, cabin, lab] = await Promise.all(NAMES.map(makeSite));
  if (home === undefined || cabin === undefined || lab === undefined) throw new Error('three sites are needed');
  sites = { home, cabin, lab };
});
afterAll(async () => {
  await Promise.all([...agents.values()].map((agent) => agent.stop()));
  for (const name of NAMES) await sites?.[name].cluster.stop();
  await doppler?.close();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

async function makeSite(): Promise<Site> {
  const cluster = await startCluster({ controllers: false });
  await installRights(cluster);
  await createNamespace(cluster.admin, 'web');
  return {
    cluster,
    kubeconfig: await cluster.agentKubeconfig(),
    token: doppler.serviceToken('homelab', 'prd'),
  };
}

/** The same file for all of them. */
async function start(name: Name): Promise<Running> {
  await agents.get(name)?.stop();
  const agent = startHikyaku(['run', '--config', file, '--kubeconfig', sites[name].kubeconfig]);
  agents.set(name, agent);
  return agent;
}

async function secretsOf(name: Name): Promise<readonly string[]> {
  return [...(await readSecrets(sites[name].cluster.admin, 'web')).keys()].toSorted();
}

async function git(...args: readonly string[]): Promise<string> {
  const who = ['-c', 'user.name=operator', '-c', 'user.email=operator@example.com', '-c', 'commit.gpgsign=false'];
  return (await promisify(execFile)('git', [...who, ...args], { cwd: folder })).stdout;
}

function indented(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => `            ${line}`)
    .join('\n');
}

test('one file for three clusters: each does its own part with its own token, and the third one comes with one commit', async () => {
  const me = await generateIdentity();
  await writeFile(file, 'providers: {}\nsecrets: []\n');
  // Their agents are there before anything is sealed, and say their keys.
  const keys = new Map<Name, string>();
  for (const name of NAMES) {
    const line = await (await start(name)).logged({ msg: 'identity' });
    keys.set(name, String(line['publicKey']));
    await agents.get(name)?.logged({ msg: 'started' });
  }
  expect(new Set(keys.values()).size).toBe(3);
  for (const name of NAMES)
    expect(await publicKeyOf(await readIdentity(sites[name].cluster.admin))).toBe(keys.get(name));

  const sealed = async (name: Name) =>
    await sealToken(doppler, sites[name].token, { me: me.recipient, [name]: keys.get(name) ?? '' });
  await writeFile(
    file,
    `# One file for every cluster.
recipients:
  me: { key: ${me.recipient}, backup: true }
  home: ${keys.get('home')}
  cabin: ${keys.get('cabin')}
providers:
  homelab:
    type: doppler
    url: ${doppler.url}
    project: homelab
    config: prd
    refresh: 1s
    token:
      perCluster:
        home:
          sealed: |
${indented(await sealed('home'))}
        cabin:
          sealed: |
${indented(await sealed('cabin'))}
secrets:
  - { name: everywhere, namespace: web, from: homelab, data: { A: A } }
  - { name: only-home, namespace: web, clusters: [home], from: homelab, data: { A: A } }
  - { name: not-home, namespace: web, clusters: [cabin], from: homelab, data: { A: A } }
`,
  );
  await git('init', '--quiet');
  await git('add', '.');
  await git('commit', '--quiet', '--message', 'two clusters');

  await Promise.all(NAMES.map(start));
  for (const name of ['home', 'cabin'] as const) await agents.get(name)?.logged({ msg: 'started', recipient: name });
  await eventually(async () => (await secretsOf('home')).join() === 'everywhere,only-home');
  await eventually(async () => (await secretsOf('cabin')).join() === 'everywhere,not-home');
  // The third one can open nothing yet, and says what to do.
  const unlisted = await agents.get('lab')?.logged({ msg: 'nothing is sealed to this cluster' });
  expect(unlisted).toMatchObject({ run: `hikyaku recipients add NAME ${keys.get('lab')}` });
  await agents.get('lab')?.logged({ msg: 'source failed', source: 'homelab' });
  expect(await secretsOf('lab')).toEqual([]);

  // The commit that adds it.
  const operator = { cwd: folder, env: { HOME: folder, SOPS_AGE_KEY: me.file } };
  expectExit(await hikyaku(['recipients', 'add', 'lab', keys.get('lab') ?? '', '--yes'], operator), 0);
  const token = { ...operator, input: `${sites.lab.token}\n` };
  expectExit(await hikyaku(['seal', 'homelab.token', '--cluster', 'lab'], token), 0);
  await writeFile(file, (await readFile(file, 'utf8')).replace('clusters: [cabin]', 'clusters: [cabin, lab]'));
  await git('commit', '--quiet', '--all', '--message', 'the lab');
  expect((await git('show', '--name-only', '--format=')).trim()).toBe('hikyaku.yaml');

  const untouched = new Map<Name, string>();
  for (const name of ['home', 'cabin'] as const) untouched.set(name, await versionsOf(name));
  await Promise.all(NAMES.map(start));
  for (const name of NAMES) await agents.get(name)?.logged({ msg: 'started', recipient: name });
  await eventually(async () => (await secretsOf('lab')).join() === 'everywhere,not-home');
  for (const name of ['home', 'cabin'] as const) {
    await agents.get(name)?.logged({ msg: 'source read' });
    expect(await versionsOf(name)).toBe(untouched.get(name));
  }

  // Nothing secret has travelled: neither in the file nor in the history, nor in what the agents say.
  const search = new LeakSearch();
  search.add('the key of me', keyIn(me.file));
  for (const name of NAMES) {
    const { data } = await readIdentity(sites[name].cluster.admin);
    search.add(`the token of ${name}`, sites[name].token.split('.').at(-1) ?? '');
    search.add(`the key of ${name}`, keyIn(data['age.agekey'] ?? ''));
    search.add(`the signing key of ${name}`, (data['service-principal.pem'] ?? '').split('\n')[5] ?? '');
  }
  expect(search.find(sites.home.token, 'the token itself')).toHaveLength(1);
  expect(search.find(await git('log', '--patch'), 'the history')).toEqual([]);
  for (const [name, { output }] of agents) expect(search.find(output, name)).toEqual([]);

  // Each opens its own token only.
  const text = await readFile(file, 'utf8');
  const values = text.match(/-----BEGIN AGE[^]*?END AGE ENCRYPTED FILE-----/g) ?? [];
  expect(values).toHaveLength(3);
  for (const name of NAMES) {
    const identities = parseIdentities((await readIdentity(sites[name].cluster.admin)).data['age.agekey'] ?? '');
    const opened = await Promise.all(values.map((value) => open(value, identities).catch(() => undefined)));
    const tokens = opened.flatMap((one) => one?.value.text() ?? []);
    expect(tokens.length).toBe(1);
    expect(tokens[0] === sites[name].token).toBe(true);
  }

  // Which is why one of them can be revoked.
  doppler.revoke(sites.cabin.token);
  doppler.set('homelab', 'prd', 'A', 'changed');
  for (const name of ['home', 'lab'] as const) await eventually(async () => (await valueIn(name)) === 'changed');
  await agents.get('cabin')?.logged({ msg: 'source failed', source: 'homelab' });
  expect(await valueIn('cabin')).toBe('a');
}, 300_000);

function keyIn(keyFile: string): string {
  return (parseIdentities(keyFile)[0] ?? '').replace('AGE-SECRET-KEY-', '');
}

async function versionsOf(name: Name): Promise<string> {
  const secrets = await readSecrets(sites[name].cluster.admin, 'web');
  return [...secrets].map(([id, { resourceVersion }]) => `${id} ${resourceVersion}`).join();
}

async function valueIn(name: Name): Promise<string | undefined> {
  return (await readSecrets(sites[name].cluster.admin, 'web')).get('everywhere')?.data['A'];
}
