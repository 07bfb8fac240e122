import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SecretValue } from '@hikyaku/core';
import { type FakeDoppler, startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import { fingerprintOf, generateIdentity, seal } from '@hikyaku/sealing';
import {
  type Cluster,
  createNamespace,
  expectExit,
  field,
  type Finished,
  hikyaku,
  installRights,
  patchSecret,
  readSecret,
  type Running,
  startCluster,
  startHikyaku,
  succeeded,
} from '@hikyaku/testbed';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

// A key of a cluster is replaced while its agent goes on: the built command on a real API server, the agent with its own rights alone.

const IDENTITY = 'hikyaku/hikyaku-identity';
const CONFIG_MAP = '/api/v1/namespaces/hikyaku/configmaps/hikyaku-identity';
const printed: string[] = [];
let cluster: Cluster;
let doppler: FakeDoppler;
let folder: string;
let agentKubeconfig: string;
let me: { readonly file: string; readonly recipient: string };
let first: string;
let second: string;
let token: string;
let agent: Running;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hikyaku-rotation-'));
  cluster = await startCluster();
  await installRights(cluster);
  agentKubeconfig = await cluster.agentKubeconfig();
  await createNamespace(cluster.admin, 'web');
  doppler = await startFakeDoppler({ limits: { secretReads: 1_000_000 } });
  doppler.addConfig('homelab', 'prd', { PASSWORD: 'at first' });
  token = doppler.serviceToken('homelab', 'prd');
  me = await generateIdentity();
  await writeFile(join(folder, 'me.txt'), me.file, { mode: 0o600 });
  git('init', '--quiet');
});
afterAll(async () => {
  if (agent !== undefined) await stop();
  await doppler?.close();
  await cluster?.stop();
  await rm(folder, { recursive: true, force: true });
  const secrets = [token, 'AGE-SECRET-KEY'].filter((secret) => printed.join('\n').includes(secret));
  if (secrets.length > 0) throw new Error('a secret was printed');
});

const path = () => join(folder, 'hikyaku.yaml');

function git(...args: readonly string[]): void {
  const person = ['-c', 'user.name=Ann', '-c', 'user.email=ann@example.com', '-c', 'commit.gpgSign=false'];
  execFileSync('git', ['-C', folder, ...person, ...args], { stdio: 'pipe' });
}

function commit(): void {
  git('add', 'hikyaku.yaml');
  git('commit', '--quiet', '--message', 'x');
}

/** With the kubeconfig of an administrator, as a person. */
async function run(...args: readonly string[]): Promise<Finished> {
  const finished = await hikyaku([...args, '--config', path(), '--kubeconfig', cluster.kubeconfig], { cwd: folder });
  printed.push(finished.stdout, finished.stderr);
  return finished;
}

async function start(): Promise<void> {
  agent = startHikyaku(['run', '--config', path(), '--kubeconfig', agentKubeconfig, '--log-level', 'debug']);
  await agent.logged({ msg: 'started' });
}

/** All along no request to the source has failed. */
async function stop(): Promise<void> {
  const failed = agent.log.filter(({ msg }) => msg === 'source failed' || msg === 'not synced');
  if (failed.length > 0) throw new Error(`the agent did not go on: ${JSON.stringify(failed)}`);
  const { stdout, stderr } = await agent.stop();
  printed.push(stdout, stderr);
}

/** What is changed at the source arrives: the agent opens its credential. */
async function syncs(): Promise<void> {
  const value = randomBytes(12).toString('hex');
  doppler.set('homelab', 'prd', 'PASSWORD', value);
  await vi.waitFor(async () => expect((await readSecret(cluster.admin, 'web/app'))?.data['PASSWORD']).toBe(value), {
    timeout: 30_000,
  });
}

async function entries(): Promise<readonly string[]> {
  return Object.keys((await readSecret(cluster.admin, IDENTITY))?.data ?? {})
    .filter((name) => name.endsWith('.agekey'))
    .toSorted();
}

async function published(): Promise<readonly string[]> {
  const map = succeeded(await cluster.admin('GET', CONFIG_MAP));
  return String(field(map, 'data', 'recipient'))
    .split('\n')
    .filter(Boolean);
}

async function lint(): Promise<readonly string[]> {
  const findings = field(JSON.parse((await run('lint', '--json')).stdout), 'findings');
  return Array.isArray(findings) ? findings.map((finding) => String(field(finding, 'code'))) : [];
}

async function rewrap(): Promise<void> {
  expectExit(await run('rewrap', '--yes', '--identity', join(folder, 'me.txt')), 0);
}

describe('the key of a cluster', () => {
  test('is shown by its agent, and by hikyaku identity with what to do about it', async () => {
    await writeFile(path(), `recipients: { me: { key: ${me.recipient}, backup: true } }\nproviders: {}\nsecrets: []\n`);
    await start();
    [first = ''] = await published();
    await stop();
    const { stdout, exitCode } = await run('identity');
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`  key         ${first} ${fingerprintOf(first)}\n`);
    expect(stdout).toContain(`  Secret      ${IDENTITY}: age.agekey\n  ConfigMap   ${IDENTITY}: shows it\n`);
    expect(stdout).toContain(`does not have it: hikyaku recipients add NAME ${first}\n`);
    const finished = await run('identity', 'rotate');
    expectExit(finished, 1);
    expect(finished.stderr).toContain(`no recipient in ${path()} has the key of`);
  });

  test('opens what is sealed to it', async () => {
    const recipients = new Map([
      ['cabin', [first]],
      ['me', [me.recipient]],
    ]);
    const binding = { use: 'doppler/token', to: [doppler.url] };
    const sealed = await seal(SecretValue.of(token), { recipients, binding, now: Date.now() });
    await writeFile(
      path(),
      `resync: 10s
recipients:
  # by the lake
  cabin: ${first} # made there
  me: { key: ${me.recipient}, backup: true }
providers:
  doppler:
    type: doppler
    url: ${doppler.url}
    project: homelab
    config: prd
    refresh: 1s
    token:
      sealed: |
${sealed.trimEnd().replaceAll(/^/gm, '        ')}
secrets:
  - { name: app, namespace: web, from: doppler }
`,
    );
    commit();
    await start();
    await syncs();
    expect((await run('identity')).stdout).toContain(`cabin in ${path()}\n`);
    expect((await run('identity', 'prune', '--yes')).stdout).toContain('"cabin" has one key, nothing to drop\n');
    expect(await lint()).toEqual([]);
  });

  test('is shown to somebody who may not read Secrets by what its agent shows', async () => {
    const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/hikyaku';
    const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get'] }];
    const subjects = [{ kind: 'ServiceAccount', name: 'viewer', namespace: 'hikyaku' }];
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'viewer' };
    const metadata = { name: 'viewer' };
    succeeded(await cluster.admin('POST', '/api/v1/namespaces/hikyaku/serviceaccounts', { metadata }));
    succeeded(await cluster.admin('POST', `${rbac}/roles`, { metadata, rules }));
    succeeded(await cluster.admin('POST', `${rbac}/rolebindings`, { metadata, subjects, roleRef }));
    const kubeconfig = await cluster.agentKubeconfig('hikyaku', 'viewer');
    const finished = await hikyaku(['identity', '--config', path(), '--kubeconfig', kubeconfig]);
    expectExit(finished, 0);
    expect(finished.stdout).toContain(`  key         ${first} `);
    expect(finished.stdout).toContain('may not be read with this account');
    const refused = await hikyaku(['identity', 'rotate', '--config', path(), '--kubeconfig', kubeconfig]);
    expectExit(refused, 1);
    expect(refused.stderr).toBe(`error: Secret ${IDENTITY}: this account may not read it\n`);
  });

  test('gets a second one beside it, which the running agent takes by itself', async () => {
    const finished = await run('identity', 'rotate');
    expectExit(finished, 0);
    expect(finished.stdout).toContain('hikyaku rewrap');
    const [newest = '', ...older] = await published();
    expect(older).toEqual([first]);
    second = newest;
    expect(await entries()).toEqual([expect.stringMatching(/^age-\d{4}-\d\d-\d\d\.agekey$/), 'age.agekey']);
    const text = await readFile(path(), 'utf8');
    expect(text).toContain('  # by the lake\n');
    expect(text.replaceAll(/\s+/g, ' ')).toMatch(new RegExp(`cabin: .*${second}.*${first}`));
    await agent.logged({ msg: 'identity changed' }, { timeoutMs: 70_000 });
    await syncs();
    expect(await lint()).toEqual(['TWO_KEYS', 'NEW_KEY_CANNOT_OPEN']);
  });

  test('is not dropped while only it opens something, and not asked for twice', async () => {
    const finished = await run('identity', 'prune', '--yes');
    expectExit(finished, 1);
    expect(finished.stderr).toContain(`only an older key of "cabin" opens providers.doppler.token (${path()}:`);
    const again = await run('identity', 'rotate');
    expectExit(again, 0);
    expect(again.stdout).toContain('has a new key already');
    expect(await entries()).toHaveLength(2);
    expect(await published()).toEqual([second, first]);
  });

  test('a rotation that stopped before the config was written goes on there', async () => {
    const rotated = await readFile(path(), 'utf8');
    git('checkout', '--quiet', '.');
    expect((await run('identity')).stdout).toContain('hikyaku identity rotate adds it');
    expectExit(await run('identity', 'prune', '--yes'), 1);
    expectExit(await run('identity', 'rotate'), 0);
    expect(await readFile(path(), 'utf8')).toBe(rotated);
    expect(await entries()).toHaveLength(2);
  });

  test('is dropped once the newer one opens everything, is committed, and somebody has said yes', async () => {
    await rewrap();
    expect(await lint()).toEqual(['TWO_KEYS']);
    const early = await run('identity', 'prune', '--yes');
    expectExit(early, 1);
    expect(early.stderr).toContain('is not committed as it is');
    commit();
    await stop();
    await start();
    await syncs();
    const unasked = await run('identity', 'prune');
    expectExit(unasked, 2);
    expect(unasked.stderr).toContain('--yes');
    expect(await entries()).toHaveLength(2);

    const finished = await run('identity', 'prune', '--yes');
    expectExit(finished, 0);
    expect(finished.stdout).toContain(`- ${first}`);
    expect(await entries()).toEqual([expect.stringMatching(/^age-/)]);
    expect(await published()).toEqual([second]);
    const text = await readFile(path(), 'utf8');
    expect(text).not.toContain(first);
    expect(text).toContain('  # by the lake\n');
    await agent.logged({ msg: 'identity changed' }, { timeoutMs: 70_000 });
    await syncs();
  });

  test('and opens nothing of the next revision', async () => {
    expect(await lint()).toEqual(['OLD_KEY_CAN_OPEN']);
    await rewrap();
    expect(await lint()).toEqual(['STILL_KNOWN']);
    commit();
    await stop();
    await start();
    await syncs();
    expect((await run('identity', 'prune', '--yes')).stdout).toContain('nothing to drop');
  });

  test('two who rotate at once make one new key', async () => {
    const both = await Promise.all([run('identity', 'rotate'), run('identity', 'rotate')]);
    expect(both.some(({ exitCode }) => exitCode === 0)).toBe(true);
    expect(await entries()).toHaveLength(2);
    expectExit(await run('identity', 'rotate'), 0);
    const keys = await published();
    expect(keys).toHaveLength(2);
    expect(keys[1]).toBe(second);
    expect((await run('identity', '--json')).stdout).toContain('"recipient": "cabin"');
  });

  test('that the config has and the cluster has lost stops both commands', async () => {
    const newest = (await entries()).at(-1);
    const text = await readFile(path(), 'utf8');
    await patchSecret(cluster.admin, IDENTITY, { data: { [String(newest)]: null } });
    for (const command of ['rotate', 'prune']) {
      const finished = await run('identity', command, ...(command === 'prune' ? ['--yes'] : []));
      expectExit(finished, 1);
      expect(finished.stderr).toContain('put back from a backup?');
    }
    expect(await entries()).toHaveLength(1);
    expect(await readFile(path(), 'utf8')).toBe(text);
  });
});
