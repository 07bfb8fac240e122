import { writeFile } from 'node:fs/promises';
import { generateIdentity } from '@hikyaku/sealing';
import { createSecret, expectExit, field, patchSecret, succeeded } from '@hikyaku/testbed';
import type { Running } from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { People } from './people.test.kit.ts';
import { lookEverywhere } from './seen.test.kit.ts';

// Events as people see them: the built agent with the rights of deploy/rights-own.yaml, on a real API server.

const EVENTS = '/api/v1/namespaces/hikyaku/events';

interface Seen {
  readonly name: string;
  readonly version: string;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
}

let people: People;

beforeAll(async () => {
  people = await People.start();
});

beforeEach(async () => {
  succeeded(await people.admin('DELETE', EVENTS));
  await people.begin();
});
afterEach(() => people.end());
afterAll(async () => {
  await people?.[Symbol.asyncDispose]();
});

async function events(query = ''): Promise<readonly Seen[]> {
  const items = field(succeeded(await people.admin('GET', EVENTS + query)), 'items');
  return (Array.isArray(items) ? items : []).map((item: unknown) => ({
    name: String(field(item, 'metadata', 'name')),
    version: String(field(item, 'metadata', 'resourceVersion')),
    type: String(field(item, 'type')),
    reason: String(field(item, 'reason')),
    message: String(field(item, 'message')),
  }));
}

async function only(expected: Partial<Record<keyof Seen, unknown>>): Promise<Seen> {
  return await people.until(async () => {
    const all = await events();
    expect(all).toMatchObject([expected]);
    const [first] = all;
    if (first === undefined) throw new Error('there is no Event');
    return first;
  });
}

async function states(count: number, state: string): Promise<void> {
  await people.until(async () => {
    const secrets = Object.values(field(await people.status(), 'secrets') ?? {});
    expect(secrets.filter((one) => field(one, 'state') === state)).toHaveLength(count);
  });
}

async function settled(daemon: Running, ms = 3_000): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
  expect(daemon.log.filter(({ msg }) => msg === 'events not written')).toEqual([]);
}

test('of a Secret that is refused there is one Event, which a restart leaves alone and the owner’s consent turns', async () => {
  const { namespace, admin } = people;
  const config = {
    resync: '2s',
    providers: { lab: people.source('lab', { A: 'value-a' }) },
    secrets: [people.secret('app', { from: 'lab' }), people.secret('fine', { from: 'lab' })],
  };
  await createSecret(admin, `${namespace}/app`, {});
  const first = await people.run(config);
  const told = await only({ type: 'Warning', reason: 'SecretRefused' });
  expect(told.message).toMatch(
    /Secret \S+\/app .*kubectl label secret app --namespace \S+ hikyaku\.dev\/agent=hikyaku/,
  );
  expect(told.message).not.toContain('value-a');
  await states(1, 'refused');
  await settled(first);
  await first.stop();

  const second = await people.run(config);
  await second.logged({ secret: `${namespace}/app`, state: 'refused' });
  await settled(second);
  expect(await events()).toEqual([told]);

  await patchSecret(admin, `${namespace}/app`, { metadata: { labels: { 'hikyaku.dev/agent': 'hikyaku' } } });
  const over = await only({ name: told.name, type: 'Normal', reason: 'Recovered' });
  expect(over.message).toBe(`Secret ${namespace}/app is as it should be`);
  await settled(second);
  expect(await events()).toEqual([over]);
});

test('what has ended while no agent ran is told by the next one', async () => {
  const { namespace, admin } = people;
  const config = {
    providers: { lab: people.source('lab', { A: 'a' }) },
    secrets: [people.secret('app', { from: 'lab' })],
  };
  await createSecret(admin, `${namespace}/app`, {});
  const first = await people.run(config);
  const { name } = await only({ type: 'Warning' });
  await states(1, 'refused');
  await first.stop();
  await patchSecret(admin, `${namespace}/app`, { metadata: { labels: { 'hikyaku.dev/agent': 'hikyaku' } } });
  await people.run(config);
  await only({ name, type: 'Normal', reason: 'Recovered' });
});

test('kubectl describe of the status object finds what is told of a source', async () => {
  const { admin } = people;
  await people.run({
    providers: { lab: { ...people.source('lab', {}), token: { env: 'NOT_SET' } } },
    secrets: [people.secret('app', { from: 'lab' })],
  });
  await people.until(async () =>
    expect(await events()).toContainEqual(expect.objectContaining({ type: 'Warning', reason: 'SourceInvalidConfig' })),
  );
  const object = succeeded(await admin('GET', '/api/v1/namespaces/hikyaku/configmaps/hikyaku-status'));
  const selector = encodeURIComponent(
    `involvedObject.kind=ConfigMap,involvedObject.name=hikyaku-status,involvedObject.uid=${String(field(object, 'metadata', 'uid'))}`,
  );
  expect(await events(`?fieldSelector=${selector}`)).toContainEqual(
    expect.objectContaining({
      reason: 'SourceInvalidConfig',
      message: expect.stringContaining('wants the environment variable NOT_SET'),
    }),
  );
});

test('a thousand Secrets that fail at once are one Event, also after a restart, and one write more when it is over', async () => {
  const { namespace, admin } = people;
  const missing = `${namespace}-later`;
  const config = {
    providers: { lab: people.source('lab', { A: 'a' }, { refresh: '1h' }) },
    secrets: Array.from({ length: 1_000 }, (_, index) => ({ name: `s${index}`, namespace: missing, from: 'lab' })),
  };
  const first = await people.run(config);
  const told = await only({ type: 'Warning', reason: 'SecretWaiting' });
  expect(told.message).toMatch(/^1000 Secrets \(\S+-later\/s0, .*hikyaku status; the first: .*namespace/);
  await states(1_000, 'waiting');
  await first.stop();
  const second = await people.run(config);
  await settled(second, 12_000);
  expect(await events()).toEqual([told]);
  const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: missing } };
  succeeded(await admin('POST', '/api/v1/namespaces', body));
  await only({ name: told.name, type: 'Normal', reason: 'Recovered' });
});

test('of what is well from the beginning there is none', async () => {
  const daemon = await people.run({
    resync: '1s',
    providers: { lab: people.source('lab', { A: 'a' }) },
    secrets: [people.secret('app', { from: 'lab' })],
  });
  await states(1, 'synced');
  await settled(daemon);
  expect(await events()).toEqual([]);
});

test('where it is not known which cluster this is all say so, and what to do; and that it is over', async () => {
  const { recipient } = await generateIdentity();
  const config = {
    resync: '1h',
    recipients: { other: recipient },
    providers: { lab: people.source('lab', { A: 'a' }) },
    secrets: [people.secret('app', { from: 'lab' }), people.secret('there', { from: 'lab', clusters: ['other'] })],
  };
  const daemon = await people.run(config, '--health', '127.0.0.1:0', '--page', '0');
  const told = await only({ type: 'Warning', reason: 'ClusterUnknown' });
  expect(told.message).toMatch(
    /an entry of the config .*hikyaku recipients add, or start the agent with --cluster NAME$/,
  );
  const { table, json, page, metrics, log } = await lookEverywhere(people, daemon);
  expect(table).toMatch(/! .*it is not known which cluster this is/);
  expect(JSON.parse(json)).toMatchObject({ ok: false, clusters: [{ config: { undecided: 1 } }] });
  expect(page).toMatch(/id="need-cluster"[\s\S]*--cluster NAME/);
  expect(metrics).toContain('\nhikyaku_config_undecided_entries 1\n');
  expect(log).toContain('hikyaku recipients add, or start the agent with --cluster NAME');

  const args = daemon.process.spawnargs;
  await writeFile(
    args[args.indexOf('--config') + 1] ?? '',
    JSON.stringify({ ...config, secrets: [config.secrets[0]] }),
  );
  const over = await only({ name: told.name, type: 'Normal', reason: 'Recovered' });
  expect(over.message).toBe('all entries of the config are decided on');
  expectExit(await people.as('asker', 'status', '--timeout', '30s'), 0);
  const after = await lookEverywhere(people, daemon);
  expect(after.page).not.toContain('need-cluster');
  expect(after.metrics).toContain('\nhikyaku_config_undecided_entries 0\n');
});
