import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFakeProtocol } from '@hikyaku/provider-webhook/testing';
import type { FakeProtocol } from '@hikyaku/provider-webhook/testing';
import { createNamespace, field, installRights, readSecret, startCluster, startHikyaku } from '@hikyaku/testbed';
import type { Api, Cluster, Running } from '@hikyaku/testbed';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { LeakSearch } from '../../../tools/testbed/src/leak-search.ts';
import { fileTrials } from './provider-faults/file.ts';
import { kubernetesTrials } from './provider-faults/kubernetes.ts';
import { protocolTrials } from './provider-faults/protocol.ts';
import { sakuraTrials } from './provider-faults/sakura.ts';
import type { Trial, Values } from './provider-faults/trial.ts';
import { webhookTrials } from './provider-faults/webhook.ts';

// What can go wrong with a source, to the built agent on a real API server with the rights of deploy/rights-own.yaml alone. One daemon
// with a source for each fault, and a healthy one. Nothing but the providers' own care is in the way of a loss: `hold: off`. Doppler has a
// file of its own, and the faults that the packages' tests have beside these are more.

const values: Values = { FIRST: value(), SECOND: value() };
const work = await mkdtemp(join(tmpdir(), 'hikyaku-faults-'));
const trials: readonly Trial[] = await allTrials();
const changed = new Map(trials.map(({ name }) => [name, { ...values, FIRST: value() }]));

describe('a daemon with one source per fault, and one that is healthy', () => {
  const stories = new Map<string, Promise<void>>();
  let cluster: Cluster;
  let admin: Api;
  let healthy: FakeProtocol;
  let daemon: Running;

  beforeAll(async () => {
    healthy = await startFakeProtocol({ secrets: { ...values } });
    cluster = await startCluster({ controllers: false });
    admin = cluster.admin;
    await installRights(cluster);
    await createNamespace(admin, 'faults');
    const path = await writeConfig(healthy.url);
    daemon = startHikyaku(
      ['run', '--config', path, '--kubeconfig', await cluster.agentKubeconfig(), '--log-level', 'trace'],
      { env: Object.assign({}, ...trials.map(({ env }) => env)) },
    );
    await Promise.all(['healthy', ...trials.map(({ name }) => name)].map((name) => becomes(name, values)));
    for (const trial of trials) {
      const story = tell(trial);
      // Its own test says so.
      story.catch(() => {});
      stories.set(trial.name, story);
    }
  });

  afterAll(async () => {
    await Promise.allSettled(stories.values());
    await daemon?.stop();
    await Promise.all(trials.map((trial) => trial[Symbol.asyncDispose]()));
    await healthy?.close();
    await cluster?.stop();
    await rm(work, { recursive: true, force: true });
  });

  async function tell({ name, code, begin, end }: Trial): Promise<void> {
    const later = changed.get(name) ?? values;
    const before = await readSecret(admin, `faults/${name}`);
    await begin(later);
    const line = await daemon.logged({ source: name, msg: 'source failed' }, { timeoutMs: 60_000 });
    expect(field(line, 'error', 'code')).toBe(code);

    // The others go on meanwhile.
    healthy.set(`SEEN_${name}`, 'yes');
    await until(async () => expect(await dataOf('healthy')).toHaveProperty([`SEEN_${name}`]));
    expect(await readSecret(admin, `faults/${name}`)).toEqual(before);

    await end(later);
    await becomes(name, later);
    await daemon.logged({ source: name, msg: 'source recovered' });
  }

  async function becomes(name: string, data: Values): Promise<void> {
    await until(async () => expect(await dataOf(name)).toEqual(data));
  }

  async function dataOf(name: string): Promise<Readonly<Record<string, string>> | undefined> {
    return (await readSecret(admin, `faults/${name}`))?.data;
  }

  test.each(trials)(
    '$name is $code: the Secret keeps its last good data, the others go on, and it recovers by itself',
    async ({ name }) => {
      await expect(stories.get(name)).resolves.toBeUndefined();
    },
  );

  test('no value and no credential is printed, at any log level and in any form', async () => {
    await Promise.allSettled(stories.values());
    const leaks = new LeakSearch();
    for (const { FIRST, SECOND } of [values, ...changed.values()])
      for (const text of [FIRST, SECOND]) leaks.add('value', text);
    for (const { name, credentials = [] } of trials)
      for (const text of credentials) leaks.add(`credential of ${name}`, text);
    expect(leaks.find(daemon.output, 'output')).toEqual([]);
    expect(daemon.log).toContainEqual(expect.objectContaining({ level: 'debug', msg: 'sakura answered' }));
  });
});

function value(): string {
  return randomBytes(24).toString('hex');
}

async function allTrials(): Promise<readonly Trial[]> {
  const outside = join(work, 'outside');
  const root = join(work, 'config');
  await Promise.all([outside, root].map((path) => mkdir(path)));
  const all = await Promise.all([
    sakuraTrials(values),
    webhookTrials(values),
    protocolTrials(values),
    fileTrials(values, root, outside),
    kubernetesTrials(values),
  ]);
  return all.flat();
}

/** Each source fills a Secret of its name. */
async function writeConfig(healthy: string): Promise<string> {
  const path = join(work, 'config', 'hikyaku.yaml');
  const common = { refresh: '1s', hold: 'off' };
  const sources = trials.map(({ name, settings }) => [name, { ...settings, ...common }] as const);
  const secrets = trials.map(({ name, dataFrom = {} }) => ({
    name,
    namespace: 'faults',
    dataFrom: [{ from: name, ...dataFrom }],
  }));
  await writeFile(
    path,
    JSON.stringify({
      resync: '1h',
      providers: {
        ...Object.fromEntries(sources),
        healthy: { type: 'webhook', protocol: 'hikyaku', url: healthy, ...common },
      },
      secrets: [...secrets, { name: 'healthy', namespace: 'faults', from: 'healthy' }],
    }),
  );
  return path;
}

async function until(holds: () => Promise<void>): Promise<void> {
  await vi.waitFor(holds, { timeout: 60_000, interval: 100 });
}
