import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import { EtcdWrites, expectExit, field, hikyaku, readSecrets, succeeded, TcpProxy } from '@hikyaku/testbed';
import type { Api, Running } from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Stage } from './stage.test.kit.ts';

// Several replicas of the built agent on a real API server, with the rights of deploy/rights-own.yaml: one of them works.

const LEASE_MS = 15_000;
/** A look at a Lease that has run out may come so much later. */
const LOOK_MS = 3_000;
const LEASE = '/apis/coordination.k8s.io/v1/namespaces/hikyaku/leases/hikyaku';
const ROLE = '/apis/rbac.authorization.k8s.io/v1/namespaces/hikyaku/roles/hikyaku-own';
const SECRETS = 40;

let directory: string;
let stage: Stage;
let etcd: EtcdWrites;
let admin: Api;
let doppler: FakeDoppler;
let namespace: string;
let config: string;

// Who brings a server of their own has no etcd to count writes in.
const brought = process.env['HIKYAKU_DEV_KUBECONFIG'] !== undefined;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hikyaku-leader-'));
  stage = await Stage.open('leader', { controllers: false, directory });
  if (!brought) etcd = await EtcdWrites.of(directory);
  ({ admin, doppler } = stage);
});
beforeEach(async () => {
  namespace = await stage.begin();
  doppler.addConfig(namespace, 'lab', { A: 'first' });
  const providers = { lab: stage.source('lab', { hold: 'off', snapshot: false }) };
  const secrets = Array.from({ length: SECRETS }, (_, index) => ({ name: `s${index}`, namespace, from: 'lab' }));
  config = await stage.configs.write({ resync: '1h', hold: 'off', providers, secrets });
});
afterEach(async () => {
  for (const agent of stage.running) agent.process.kill('SIGCONT');
  await stage.end();
});
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

function replica(access = stage.kubeconfig): Running {
  const args = ['run', '--leader-election', '--health', '127.0.0.1:0', '--config', config, '--kubeconfig', access];
  return stage.start(args);
}

/** One that leads, and others that wait. */
async function replicas(others: number): Promise<readonly [Running, ...Running[]]> {
  const leader = replica();
  await leader.logged({ msg: 'leading' });
  const waiting = Array.from({ length: others }, () => replica());
  await Promise.all(waiting.map((agent) => agent.logged({ msg: 'waiting to lead' })));
  await allHold('first');
  return [leader, ...waiting];
}

async function until(holds: () => Promise<void> | void, timeout = 30_000): Promise<void> {
  await vi.waitFor(holds, { timeout, interval: 20 });
}

async function allHold(value: string): Promise<void> {
  await until(async () => {
    const secrets = [...(await readSecrets(admin, namespace)).values()];
    expect(secrets.filter(({ data }) => data['A'] === value)).toHaveLength(SECRETS);
  });
}

function change(value: string): void {
  doppler.set(namespace, 'lab', 'A', value);
}

/** How often Secrets of the namespace were written since. */
async function writesSince(revision: number): Promise<number> {
  const keys = await etcd.since(revision);
  return keys.filter((key) => key.startsWith(`/registry/secrets/${namespace}/`)).length;
}

async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

async function metrics(agent: Running): Promise<string> {
  const { port } = await agent.logged({ msg: 'answering probes' });
  return await (await fetch(`http://127.0.0.1:${String(port)}/metrics`)).text();
}

async function readiness(agent: Running): Promise<readonly [number, string]> {
  const { port } = await agent.logged({ msg: 'answering probes' });
  const response = await fetch(`http://127.0.0.1:${String(port)}/readyz`);
  return [response.status, await response.text()];
}

function timeOf(agent: Running, msg: string): number {
  return Date.parse(String(agent.log.findLast((line) => line['msg'] === msg)?.['time']));
}

test('one of two writes, the other one is ready and asks no source', async () => {
  const [leader, waiting] = await replicas(1);
  await until(async () => expect(await readiness(leader)).toEqual([200, 'ok\n']));
  expect(waiting && (await readiness(waiting))).toEqual([200, 'ok\n']);
  expect(waiting?.log.some(({ msg }) => msg === 'source read')).toBe(false);
});

test.skipIf(brought)(
  'after a crash another one of three goes on within one lease, and each change is written once',
  async () => {
    const [leader, ...waiting] = await replicas(2);
    const revision = await etcd.revision();
    const crashedAt = performance.now();
    await leader.stop('SIGKILL');
    change('second');
    const next = await Promise.race(waiting.map(async (agent) => agent.logged({ msg: 'leading' }).then(() => agent)));
    expect(performance.now() - crashedAt).toBeLessThan(LEASE_MS + LOOK_MS);
    await allHold('second');
    await sleep(2_000);
    expect(await writesSince(revision)).toBe(SECRETS);
    expect(
      waiting.filter((agent) => agent !== next).flatMap(({ log }) => log.filter(({ msg }) => msg === 'leading')),
    ).toEqual([]);
  },
);

test.skipIf(brought)('told to stop it hands over at once, and nothing is written by that', async () => {
  const [leader, waiting] = await replicas(1);
  const revision = await etcd.revision();
  const stoppedAt = performance.now();
  await leader.stop('SIGTERM');
  await waiting?.logged({ msg: 'leading' });
  expect(performance.now() - stoppedAt).toBeLessThan(2_000);
  await waiting?.logged({ msg: 'source read' });
  await sleep(1_000);
  expect(await writesSince(revision)).toBe(0);
});

test.skipIf(brought)('one that slept in the middle of its writes writes nothing more when it wakes', async () => {
  const [leader, waiting] = await replicas(1);
  change('second');
  await until(async () => {
    const secrets = [...(await readSecrets(admin, namespace)).values()];
    expect(secrets.some(({ data }) => data['A'] === 'second')).toBe(true);
  });
  leader.process.kill('SIGSTOP');
  await waiting?.logged({ msg: 'leading' });
  change('third');
  await allHold('third');
  const revision = await etcd.revision();
  leader.process.kill('SIGCONT');
  await leader.logged({ msg: 'leading no more' });
  await sleep(3_000);
  expect(await writesSince(revision)).toBe(0);
  change('fourth');
  await allHold('fourth');
  await sleep(1_000);
  expect(await writesSince(revision)).toBe(SECRETS);
});

test('one that leads again says nothing of what was held while it led before, and has gone since', async () => {
  const text = await readFile(config, 'utf8');
  const { secrets, ...rest }: { readonly secrets: readonly object[] } = JSON.parse(text);
  const by = (entries: readonly object[]) =>
    writeFile(config, JSON.stringify({ ...rest, hold: { lostSecrets: '1%' }, secrets: entries }));
  await by(secrets);
  const [leader, waiting] = await replicas(1);
  await by(secrets.slice(1));
  await leader.logged({ secret: `${namespace}/s0`, state: 'held' });
  leader.process.kill('SIGSTOP');
  await waiting?.logged({ secret: `${namespace}/s0`, state: 'held' });
  const approve = ['approve', 'config', '--yes', '--kubeconfig', stage.cluster.kubeconfig];
  await until(async () => expectExit(await hikyaku(approve, { cwd: '/' }), 0));
  await until(async () => expect([...(await readSecrets(admin, namespace)).keys()]).not.toContain('s0'));
  leader.process.kill('SIGCONT');
  await leader.logged({ msg: 'leading no more' });
  if (waiting !== undefined) await waiting.stop();
  await until(async () => {
    const told = await metrics(leader);
    expect(told).toContain('\nhikyaku_leader 1\n');
    expect(told).toContain(`\nhikyaku_secrets{state="synced"} ${SECRETS - 1}\n`);
    expect(told).toContain('\nhikyaku_secrets{state="held"} 0\n');
    expect(told).toContain('\nhikyaku_holds 0\n');
  });
});

describe('a Lease that cannot be had', () => {
  const ways: readonly [string, string, () => Promise<() => Promise<unknown>>][] = [
    [
      'as somebody deleted it',
      'NOT_FOUND',
      async () => {
        succeeded(await admin('DELETE', LEASE));
        const lease = { metadata: { name: 'hikyaku' } };
        return async () => succeeded(await admin('POST', LEASE.slice(0, LEASE.lastIndexOf('/')), lease));
      },
    ],
    [
      'as the right was taken away',
      'FORBIDDEN',
      async () => {
        const role = succeeded(await admin('GET', ROLE));
        const rules = field(role, 'rules');
        const resourcesOf = (rule: unknown) => JSON.stringify(field(rule, 'resources'));
        const rest = Array.isArray(rules) ? rules.filter((rule) => resourcesOf(rule) !== '["leases"]') : [];
        const patch = { 'content-type': 'application/merge-patch+json' };
        succeeded(await admin('PATCH', ROLE, { rules: rest }, patch));
        return async () => succeeded(await admin('PATCH', ROLE, { rules }, patch));
      },
    ],
  ];

  test.each(ways)('%s: nobody leads, it is said once, and one leads again when it can', async (_, code, take) => {
    const [leader, waiting] = await replicas(1);
    const giveBack = await take();
    try {
      await leader.logged({ msg: 'leading no more' });
      change('second');
      // Each looks when its own turn comes.
      for (const agent of [leader, waiting]) await agent?.logged({ msg: 'lease cannot be had' });
      await sleep(2_000);
      for (const agent of [leader, waiting]) {
        const lines = (agent?.log ?? []).filter(
          ({ msg, error }) => msg === 'lease cannot be had' && field(error, 'code') === code,
        );
        // The look and the watch are refused each, the watch only when it begins anew.
        const words = lines.map(({ error }) => field(error, 'message'));
        expect(words.length).toBeGreaterThan(0);
        expect(words).toEqual([...new Set(words)]);
      }
    } finally {
      await giveBack();
    }
    await allHold('second');
  });
});

test.each(['get', 'watch', 'update'])('without the right to %s the Lease that is said', async (verb) => {
  const role = succeeded(await admin('GET', ROLE));
  const before = field(role, 'rules');
  const rules = (Array.isArray(before) ? before : []).map((rule: unknown) => {
    const verbs = field(rule, 'verbs');
    const isLease = JSON.stringify(field(rule, 'resources')) === '["leases"]';
    return {
      ...(rule as object),
      ...(isLease && Array.isArray(verbs) && { verbs: verbs.filter((one) => one !== verb) }),
    };
  });
  expect(rules).not.toEqual(before);
  const patch = { 'content-type': 'application/merge-patch+json' };
  succeeded(await admin('PATCH', ROLE, { rules }, patch));
  try {
    const { error } = await replica().logged({ msg: 'lease cannot be had' });
    expect(field(error, 'code')).toBe('FORBIDDEN');
  } finally {
    succeeded(await admin('PATCH', ROLE, { rules: before }, patch));
  }
});

test('with the rights that are installed nothing is said', async () => {
  const [leader, waiting] = await replicas(1);
  await sleep(2_000);
  expect([leader, waiting].flatMap((agent) => agent?.log.filter(({ msg }) => msg === 'lease cannot be had'))).toEqual(
    [],
  );
});

test('one that is cut off from the API server stops before the other one begins', async () => {
  const { port } = new URL(stage.cluster.url);
  await using proxy = await TcpProxy.start(() => Number(port));
  const path = join(directory, `cut-${namespace}`);
  await writeFile(
    path,
    (await readFile(stage.kubeconfig, 'utf8')).replaceAll(stage.cluster.url, `https://127.0.0.1:${proxy.port}`),
  );
  const leader = replica(path);
  await leader.logged({ msg: 'leading' });
  await allHold('first');
  const waiting = replica();
  await waiting.logged({ msg: 'waiting to lead' });
  // Nothing goes through any more, and nobody says so.
  proxy.mode = 'silent';
  change('second');
  await waiting.logged({ msg: 'leading' });
  expect(timeOf(leader, 'leading no more')).toBeLessThan(timeOf(waiting, 'leading'));
  await allHold('second');
  proxy.cut();
  proxy.mode = 'open';
  await sleep(3_000);
  expect(leader.log.filter(({ msg }) => msg === 'leading')).toHaveLength(1);
});
