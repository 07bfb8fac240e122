import { createHmac, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { FakeDoppler, WebhookOptions } from '@hikyaku/provider-doppler/testing';
import { startFakeService } from '@hikyaku/provider-webhook/testing';
import {
  ConfigFiles,
  createNamespace,
  EtcdWrites,
  eventually,
  hikyaku,
  installRights,
  readSecret,
  startCluster,
  startHikyaku,
} from '@hikyaku/testbed';
import type { Cluster, Running } from '@hikyaku/testbed';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import {
  BUILD_TIMEOUT_MS,
  buildExample,
} from '../../../packages/provider-webhook/src/protocol/example-server.test.kit.ts';
import { giveKey } from './sealed/cluster-key.ts';
import type { ClusterKey } from './sealed/cluster-key.ts';
import { makeParty, SealDesk } from './seal.test.kit.ts';

const project = 'homelab';
const config = 'prd';
const signingSecret = randomBytes(24).toString('hex');
const HOUR = { refresh: '1h' };

let directory: string;
let cluster: Cluster;
let kubeconfig: string;
let doppler: FakeDoppler;
let files: ConfigFiles;
let clusterKey: ClusterKey;
let namespaces = 0;
let namespace: string;
let env: Record<string, string>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hikyaku-receiver-'));
  cluster = await startCluster({ controllers: false, directory });
  await installRights(cluster);
  kubeconfig = await cluster.agentKubeconfig();
  clusterKey = await giveKey(cluster.admin);
  doppler = await startFakeDoppler({ limits: { secretReads: 10_000 } });
  files = new ConfigFiles();
});

afterAll(async () => {
  await files?.[Symbol.asyncDispose]();
  await doppler?.close();
  await cluster?.stop();
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

beforeEach(async () => {
  namespace = `app-${++namespaces}`;
  await createNamespace(cluster.admin, namespace);
  doppler.addConfig(project, config, { GREETING: 'first' });
  doppler.clearFaults();
  doppler.resetCounters();
  env = { DOPPLER_TOKEN: doppler.serviceToken(project, config), HOOK: signingSecret };
});

const homelab = () => ({ type: 'doppler', url: doppler.url, project, config, ...HOUR });
const listening = () => ({ ...homelab(), notices: { secret: { env: 'HOOK' } } });

function configOf(providers: Readonly<Record<string, object>>): object {
  const secrets = Object.keys(providers).map((from) => ({ name: from, namespace, from }));
  return { hold: 'off', providers, secrets };
}

async function start(path: string, { port = 0, flags = [] as readonly string[] } = {}): Promise<Receiving> {
  const receiver = ['--receiver', `127.0.0.1:${port}`];
  const agent = startHikyaku(
    ['run', '--config', path, '--kubeconfig', kubeconfig, '--log-level', 'debug', ...receiver, ...flags],
    { env },
  );
  const { port: taken } = await agent.logged({ msg: 'taking notices' });
  return {
    agent,
    url: (source) => `http://127.0.0.1:${String(taken)}/notices/${source}`,
    [Symbol.asyncDispose]: async () => void (await agent.stop()),
  };
}

interface Receiving extends AsyncDisposable {
  readonly agent: Running;
  readonly url: (source: string) => string;
}

async function valueIs(name: string, key: string, value: string): Promise<void> {
  await eventually(async () => (await readSecret(cluster.admin, `${namespace}/${name}`))?.data[key] === value);
}

function hook(url: string, more: Partial<WebhookOptions> = {}): Promise<readonly number[]> {
  return doppler.sendWebhook({ url, project, config, signingSecret, ...more });
}

const reads = () => doppler.requests.length;

test("Doppler's webhook is in the Secret within moments, though the next refresh is an hour away", async () => {
  await using receiving = await start(await files.write(configOf({ homelab: listening() })));
  await valueIs('homelab', 'GREETING', 'first');
  for (const mode of ['once', 'twice', 'late'] as const) {
    doppler.set(project, config, 'GREETING', mode);
    const startedAt = performance.now();
    expect(await hook(receiving.url('homelab'), { mode })).toEqual(mode === 'twice' ? [202, 202] : [202]);
    await valueIs('homelab', 'GREETING', mode);
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  }
  // A custom payload takes the place of Doppler's, and is as good.
  doppler.set(project, config, 'GREETING', 'custom');
  expect(await hook(receiving.url('homelab'), { payload: 'anything' })).toEqual([202]);
  await valueIs('homelab', 'GREETING', 'custom');
});

test('what is not genuine is refused and counted, and nothing is read for it', async () => {
  await using receiving = await start(await files.write(configOf({ homelab: listening(), other: homelab() })));
  const { agent, url } = receiving;
  await valueIs('other', 'GREETING', 'first');
  const before = reads();
  for (let count = 0; count < 3; count++) expect(await hook(url('homelab'), { mode: 'wrongly-signed' })).toEqual([401]);
  const { signingSecret: _, ...unsigned } = { signingSecret, url: url('homelab'), project, config };
  expect(await doppler.sendWebhook(unsigned)).toEqual([401]);
  expect(await agent.logged({ msg: 'notice refused', source: 'homelab' })).toMatchObject({ refused: 1 });
  expect(await hook(url('homelab'), { payload: 'x'.repeat(65 * 1024) })).toEqual([413]);
  expect(await hook(url('homelab'), { payload: 'x'.repeat(64 * 1024) })).toEqual([202]);
  // A source without a secret listens to nobody.
  expect(await hook(url('other'))).toEqual([404]);
  await eventually(async () => reads() === before + 1);
  expect(agent.output).not.toContain(signingSecret);
});

test(
  'the example server of the protocol says that it has changed, by Standard Webhooks',
  async () => {
    await using example = await buildExample();
    const port = await freePort();
    const secret = `whsec_${randomBytes(32).toString('base64')}`;
    const notices = { url: `http://127.0.0.1:${port}/notices/nas`, secret };
    await using nas = await example.start({ GREETING: 'first' }, notices);
    env = { NAS_TOKEN: nas.token, HOOK: secret };
    const source = { type: 'webhook', protocol: 'hikyaku', url: nas.url, token: { env: 'NAS_TOKEN' }, ...HOUR };
    const path = await files.write(configOf({ nas: { ...source, notices: { secret: { env: 'HOOK' } } } }));
    await using receiving = await start(path, { port });
    await valueIs('nas', 'GREETING', 'first');

    const changes = [{ name: 'GREETING', valueBase64: Buffer.from('second').toString('base64') }];
    await fetch(`${nas.url}/v1/write`, {
      method: 'POST',
      headers: { authorization: `Bearer ${nas.token}` },
      body: JSON.stringify({ changes }),
    });
    await valueIs('nas', 'GREETING', 'second');
    await receiving.agent.logged({ msg: 'notice', source: 'nas' });
  },
  BUILD_TIMEOUT_MS,
);

test('any other service may sign as GitHub does, with the secret of now or the next one', async () => {
  await using service = await startFakeService({ secrets: { GREETING: 'first' } });
  const readAll = { url: '/secrets', result: '$.items', name: '$.name', value: '$.base64', decode: 'base64' };
  const notices = { secret: { env: 'HOOK' }, next: { env: 'NEXT' }, header: 'X-Hub-Signature-256' };
  env = { HOOK: signingSecret, NEXT: 'another one' };
  const path = await files.write(configOf({ nas: { type: 'webhook', url: service.url, readAll, ...HOUR, notices } }));
  await using receiving = await start(path);
  await valueIs('nas', 'GREETING', 'first');
  for (const [by, wanted] of [
    [signingSecret, 202],
    ['another one', 202],
    ['a third one', 401],
  ] as const) {
    service.set('GREETING', by);
    const body = '{"action":"updated"}';
    const signature = `sha256=${createHmac('sha256', by).update(body).digest('hex')}`;
    const headers = { 'x-hub-signature-256': signature };
    const { status } = await fetch(receiving.url('nas'), { method: 'POST', headers, body });
    expect(status, by).toBe(wanted);
    if (wanted === 202) await valueIs('nas', 'GREETING', by);
  }
});

test('a notice is answered before anything is read for it', async () => {
  await using receiving = await start(await files.write(configOf({ homelab: listening() })));
  await valueIs('homelab', 'GREETING', 'first');
  doppler.set(project, config, 'GREETING', 'second');
  doppler.fail({ kind: 'slow', delayMs: 20_000 });
  const since = performance.now();
  expect(await hook(receiving.url('homelab'))).toEqual([202]);
  expect(performance.now() - since).toBeLessThan(20_000);
  await eventually(async () => reads() === 2);
  expect((await readSecret(cluster.admin, `${namespace}/homelab`))?.data['GREETING']).toBe('first');
});

test('a notice during a read forces another one: what changed meanwhile is not missed', async () => {
  await using receiving = await start(await files.write(configOf({ homelab: listening() })));
  await valueIs('homelab', 'GREETING', 'first');
  doppler.fail({ kind: 'slow', delayMs: 200 });
  expect(await hook(receiving.url('homelab'))).toEqual([202]);
  await eventually(async () => reads() === 2);
  // The answer that is under way was made before.
  doppler.set(project, config, 'GREETING', 'meanwhile');
  expect(await hook(receiving.url('homelab'))).toEqual([202]);
  await valueIs('homelab', 'GREETING', 'meanwhile');
  expect(reads()).toBe(3);
});

test('a flood costs few reads, the last notice is read after, and what the service asks for is obeyed', async () => {
  await using receiving = await start(await files.write(configOf({ homelab: listening() })));
  const url = receiving.url('homelab');
  await valueIs('homelab', 'GREETING', 'first');
  for (let round = 0; round < 20; round++) {
    doppler.set(project, config, 'GREETING', `round ${round}`);
    await Promise.all(Array.from({ length: 25 }, () => hook(url)));
  }
  await valueIs('homelab', 'GREETING', 'round 19');
  expect(reads()).toBeLessThan(15);

  doppler.fail({ kind: '429', retryAfter: 3 });
  doppler.resetCounters();
  await hook(url);
  await eventually(async () => reads() === 1);
  const refusedAt = performance.now();
  doppler.set(project, config, 'GREETING', 'after a while');
  for (let count = 0; count < 10; count++) await hook(url);
  await valueIs('homelab', 'GREETING', 'after a while');
  expect(performance.now() - refusedAt).toBeGreaterThan(2_500);
  expect(reads()).toBe(2);
});

test('a secret that cannot be had is said at the start; its notices are sent again, and the others are taken', async () => {
  const missing = { ...homelab(), notices: { secret: { env: 'MISSING' } } };
  const noWhsec = { type: 'file', path: '.', ...HOUR, notices: { secret: { env: 'HOOK' } } };
  const path = await files.write(configOf({ homelab: listening(), missing, folder: noWhsec }));
  await using receiving = await start(path);
  const { agent, url } = receiving;
  const said = await agent.logged({ msg: 'notices cannot be checked', source: 'missing' });
  expect(JSON.stringify(said)).toContain('notices.secret of source missing wants the environment variable MISSING');
  expect(JSON.stringify(await agent.logged({ msg: 'notices cannot be checked', source: 'folder' }))).toContain(
    'is no secret of Standard Webhooks',
  );
  expect(await hook(url('missing'))).toEqual([503]);
  expect(await hook(url('folder'))).toEqual([503]);
  expect(await hook(url('homelab'))).toEqual([202]);
  await valueIs('missing', 'GREETING', 'first');
});

test('a config that changes is followed', async () => {
  const path = await files.write(configOf({ homelab: listening(), other: homelab() }));
  await using receiving = await start(path);
  expect(await hook(receiving.url('other'))).toEqual([404]);
  await writeFile(path, JSON.stringify(configOf({ homelab: homelab(), other: listening() })));
  await receiving.agent.logged({ msg: 'config changed' });
  await eventually(async () => (await hook(receiving.url('other')))[0] === 202);
  expect(await hook(receiving.url('homelab'))).toEqual([404]);
});

test('no secret, no start; and a port that is taken is a mistake that says so', async () => {
  const command = ['run', '--kubeconfig', kubeconfig, '--config'];
  const without = await hikyaku([...command, await files.write(configOf({ homelab: homelab() })), '--receiver', '0'], {
    env,
  });
  expect(without).toMatchObject({ exitCode: 2 });
  expect(without.stderr).toContain('--receiver: no source of the config takes notices');

  const path = await files.write(configOf({ homelab: listening() }));
  await using receiving = await start(path);
  const port = new URL(receiving.url('homelab')).port;
  const taken = await hikyaku([...command, path, '--receiver', `127.0.0.1:${port}`], { env });
  expect(taken).toMatchObject({ exitCode: 2 });
  expect(taken.stderr).toContain(`--receiver: port ${port} cannot be used (EADDRINUSE)`);
});

test('plan and sync need no secret of notices', async () => {
  const path = await files.write(configOf({ homelab: listening() }));
  delete env['HOOK'];
  expect(await hikyaku(['sync', '--kubeconfig', kubeconfig, '--config', path], { env })).toMatchObject({ exitCode: 0 });
  await valueIs('homelab', 'GREETING', 'first');
});

test('a secret of notices is sealed like any other, and the next one is moved as it is', async () => {
  const words = [
    'recipients:',
    `  home: ${clusterKey.recipient}`,
    `  me: { key: ${(await makeParty('me')).recipient}, backup: true }`,
    'providers:',
    '  homelab:',
    '    type: doppler',
    `    url: ${doppler.url}`,
    `    project: ${project}`,
    `    config: ${config}`,
    'secrets:',
    `  - { name: homelab, namespace: ${namespace}, from: homelab }`,
  ];
  await using desk = await SealDesk.open(`${words.join('\n')}\n`);
  for (const [field, value] of [
    ['secret', 'the one before'],
    ['next', signingSecret],
  ] as const) {
    const sealed = await desk.run(['seal', `homelab.notices.${field}`], { input: value });
    expect(sealed).toMatchObject({ exitCode: 0 });
    expect(sealed.stderr).toContain('used as       doppler/notices.secret');
  }
  const { providers, ...rest } = parse(await desk.read()) as SealedHook;
  const { homelab: source } = providers;
  await desk.write(
    stringify({ ...rest, providers: { homelab: { ...source, notices: { secret: source.notices.next } } } }),
  );
  expect(await desk.run(['lint'])).toMatchObject({ exitCode: 0 });

  await using receiving = await start(desk.path);
  expect(await hook(receiving.url('homelab'))).toEqual([202]);
  await valueIs('homelab', 'GREETING', 'first');
});

test('a replica that does not lead passes notices on, a flood by few writes', async () => {
  const path = await files.write(configOf({ homelab: listening() }));
  const flags = ['--leader-election'];
  await using leading = await start(path, { flags });
  await leading.agent.logged({ msg: 'leading' });
  await valueIs('homelab', 'GREETING', 'first');
  await using waiting = await start(path, { flags });
  await waiting.agent.logged({ msg: 'waiting to lead' });
  doppler.set(project, config, 'GREETING', 'by way of the other');
  expect(await hook(waiting.url('homelab'))).toEqual([202]);
  await valueIs('homelab', 'GREETING', 'by way of the other');

  const etcd = await EtcdWrites.of(directory);
  const from = await etcd.revision();
  const startedAt = performance.now();
  for (let round = 0; round < 40; round++)
    await Promise.all(Array.from({ length: 10 }, () => hook(waiting.url('homelab'))));
  doppler.set(project, config, 'GREETING', 'last');
  await hook(waiting.url('homelab'));
  await valueIs('homelab', 'GREETING', 'last');
  const written = (await etcd.since(from)).filter((key) => key.endsWith('/hikyaku/hikyaku-request'));
  expect(written.length).toBeLessThanOrEqual((performance.now() - startedAt) / 2_000 + 2);
  expect(waiting.agent.log.some(({ msg }) => msg === 'leading')).toBe(false);
});

interface SealedHook {
  readonly providers: { readonly homelab: { readonly notices: { readonly next: unknown } } };
}

/** A port that nobody uses now. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new TypeError('no port');
  return address.port;
}
