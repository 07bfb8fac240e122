import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import { createNamespace, eventually, readSecret, startCluster } from '@hikyaku/testbed';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { InstalledCluster, writeKubeconfig } from './install.test.kit.ts';
import { countsIn, Desk, entryOf, GitLoop, linesOf } from './tasks.test.kit.ts';

// docs/tasks.md says what each task costs. Here its lines run, in its order, and what was done is counted.

const root = fileURLToPath(new URL('../../..', import.meta.url));
const page = await readFile(join(root, 'docs/tasks.md'), 'utf8');
const counts = countsIn(page);
/** What each may cost: files, commits, commands. */
const AT_MOST: Readonly<Record<string, readonly [number, number, number]>> = {
  'A new Secret': [1, 1, 0],
  'A new namespace': [1, 1, 0],
  'A new cluster': [2, 1, 3],
  'Rotate a token': [1, 1, 2],
  'Remove an app': [1, 1, 0],
  'A cluster is lost': [1, 1, 3],
};

let home: InstalledCluster;
let cabin: InstalledCluster;
let doppler: FakeDoppler;
let person: string;
let desk: Desk;
let loop: GitLoop;
let token: string;

beforeAll(async () => {
  person = await mkdtemp(join(tmpdir(), 'hikyaku-tasks-'));
  doppler = await startFakeDoppler();
  doppler.addConfig('homelab', 'prd', { GREETING: 'hello' });
  const [one, two] = await Promise.all([1, 2].map(() => startCluster({ controllers: false })));
  if (one === undefined || two === undefined) throw new Error('two clusters are needed');
  [home, cabin] = [new InstalledCluster(one), new InstalledCluster(two)];
  for (const { cluster } of [home, cabin])
    for (const name of ['web', 'mail']) await createNamespace(cluster.admin, name);
  const KUBECONFIG = join(person, 'kubeconfig');
  await writeKubeconfig(KUBECONFIG, { home: one, cabin: two });
  const bundle = join(root, 'apps/agent/dist/hikyaku.js');
  const programs = {
    // A person would say yes where it asks.
    hikyaku: `case "$1 $2" in "init "*|"recipients rm") set -- "$@" --yes;; esac\nexec '${process.execPath}' '${bundle}' "$@"`,
    pass: 'cat "$HOME/token"',
    // What it does there stands in `follow`.
    kubectl: 'echo "$@"',
  };
  desk = await Desk.open(person, programs, { KUBECONFIG });
  await newToken();
  await desk.shell(
    `pass | hikyaku init --context home --project homelab --doppler-config prd --secret web/web-env --url ${doppler.url} --backup ../key.txt`,
  );
  await desk.shell('mkdir -p ../.config/sops/age && cp ../key.txt ../.config/sops/age/keys.txt');
  await desk.edit('hikyaku.yaml', (text) => `${text}  - { name: other-env, namespace: web, from: homelab }\n`);
  await desk.shell('git add . && git commit --quiet -m "hikyaku for home" && git push --quiet');
  loop = new GitLoop(join(person, 'origin.git'), join(person, 'clone'));
  loop.add(home);
  await synced(home, 'web/web-env');
});
beforeEach(() => {
  desk.takeCount();
});
afterAll(async () => {
  await loop?.[Symbol.asyncDispose]();
  await home?.[Symbol.asyncDispose]();
  await cabin?.[Symbol.asyncDispose]();
  await doppler?.close();
  await rm(person, { recursive: true, force: true });
});

/** Made at Doppler by hand. */
async function newToken(): Promise<void> {
  token = doppler.serviceToken('homelab', 'prd');
  await writeFile(join(person, 'token'), token);
}

async function valueIn({ cluster }: InstalledCluster, id: string): Promise<string | undefined> {
  loop.check();
  return (await readSecret(cluster.admin, id))?.data['GREETING'];
}

async function synced(site: InstalledCluster, id: string, value = 'hello'): Promise<void> {
  await eventually(async () => (await valueIn(site, id)) === value, 120_000);
}

/** The lines that the page shows for this task, in order. */
async function follow(title: string): Promise<void> {
  for (const line of linesOf(page, title)) {
    await desk.type(line);
    if (line === 'kubectl --context cabin apply -k .') await cabin.apply(desk.folder);
  }
}

/** What was done is what the page says, and no more than may be. */
function expectCount(title: string): void {
  const count = desk.takeCount();
  expect(count).toEqual(counts.get(title));
  const most = AT_MOST[title] ?? [];
  expect([count.files, count.commits, count.commands].every((number, index) => number <= (most[index] ?? 0))).toBe(
    true,
  );
}

test('the page has the six tasks, and no others', () => {
  expect([...counts.keys()]).toEqual(Object.keys(AT_MOST));
});

test('a new Secret is one file and one commit', async () => {
  await desk.edit('hikyaku.yaml', (text) => text + entryOf(page, 'A new Secret'));
  await follow('A new Secret');
  await synced(home, 'mail/mail-env');
  expectCount('A new Secret');
});

test('a new namespace is one file and one commit, and may come later', async () => {
  const before = /^ {2}- name: web-env\n(?: {4}.*\n)+/m;
  await desk.edit('hikyaku.yaml', (text) => text.replace(before, entryOf(page, 'A new namespace')));
  await follow('A new namespace');
  await home.agent?.logged({ msg: 'not synced', secret: 'shop/web-env', state: 'waiting' }, { timeoutMs: 120_000 });
  await createNamespace(home.cluster.admin, 'shop');
  await synced(home, 'shop/web-env');
  expectCount('A new namespace');
});

test('a new cluster is one commit and two commands', async () => {
  await createNamespace(cabin.cluster.admin, 'shop');
  await follow('A new cluster');
  loop.add(cabin);
  for (const id of ['web/web-env', 'shop/web-env', 'mail/mail-env']) await synced(cabin, id);
  expectCount('A new cluster');
});

test('a token is rotated by one command and one commit', async () => {
  const before = token;
  await newToken();
  await taken([home, cabin], () => follow('Rotate a token'));
  doppler.revoke(before);
  doppler.set('homelab', 'prd', 'GREETING', 'hello again');
  await desk.shell('hikyaku refresh --context home && hikyaku refresh --context cabin');
  for (const site of [home, cabin]) await synced(site, 'web/web-env', 'hello again');
  expectCount('Rotate a token');
});

/** Until the agents have taken the config that the task brings. */
async function taken(sites: readonly InstalledCluster[], task: () => Promise<void>): Promise<void> {
  const lines = sites.map(({ agent }) => agent?.log.length ?? 0);
  await task();
  for (const [index, { agent }] of sites.entries())
    await agent?.logged({ msg: 'config changed' }, { from: lines[index] ?? 0, timeoutMs: 120_000 });
}

test('an app is removed by one file and one commit', async () => {
  await desk.edit('hikyaku.yaml', (text) => text.replace(entryOf(page, 'A new Secret'), ''));
  await follow('Remove an app');
  for (const { cluster } of [home, cabin])
    await eventually(async () => (await readSecret(cluster.admin, 'mail/mail-env')) === undefined, 120_000);
  expect(await valueIn(home, 'web/web-env')).toBe('hello again');
  expectCount('Remove an app');
});

test('a lost cluster is one commit and three commands', async () => {
  loop.remove(cabin); // nobody brings it anything any more
  const stolen = token;
  await newToken();
  await taken([home], () => follow('A cluster is lost'));
  doppler.revoke(stolen);
  doppler.set('homelab', 'prd', 'GREETING', 'hello honest people');
  await desk.shell('hikyaku refresh --context home');
  await synced(home, 'web/web-env', 'hello honest people');
  expect(await valueIn(cabin, 'web/web-env')).toBe('hello again');
  expect(await readFile(join(person, 'cabin.md'), 'utf8')).toContain('cabin');
  expectCount('A cluster is lost');
});
