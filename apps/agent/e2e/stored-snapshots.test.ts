import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import {
  type Api,
  deleteSecret,
  expectExit,
  field,
  hikyaku,
  patchSecret,
  readSecret,
  type Running,
  secretPath,
  snapshotSecretOf,
  succeeded,
} from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { Stage } from './stage.test.kit.ts';

// What survives a restart, with the built agent on a real API server and the rights of deploy/rights-own.yaml alone.

const printed: string[] = [];
const made: string[] = [];
let stage: Stage;
let admin: Api;
let doppler: FakeDoppler;
let namespace: string;
let values: Record<string, string>;

beforeAll(async () => {
  stage = await Stage.open('stored', { controllers: false });
  ({ admin, doppler } = stage);
});
beforeEach(async () => {
  namespace = await stage.begin();
  values = { USER: secret(), PASSWORD: secret(), UNUSED: secret() };
  doppler.addConfig(namespace, 'lab', values);
});
afterEach(async () => {
  for (const { stdout, stderr } of await stage.end()) printed.push(stdout, stderr);
  if (made.some((value) => printed.join('\n').includes(value))) throw new Error('a value was printed');
});
afterAll(() => stage?.[Symbol.asyncDispose]());

function secret(): string {
  const value = randomBytes(24).toString('hex');
  made.push(value);
  return value;
}

const id = () => `${namespace}/db`;
const wanted = () => ({ user: values['USER'], password: values['PASSWORD'] });

async function args(more: object = {}): Promise<readonly string[]> {
  const entry = { name: 'db', namespace, from: 'lab', data: { user: 'USER', password: 'PASSWORD' } };
  const providers = { lab: stage.source('lab', more) };
  const path = await stage.configs.write({ hold: 'off', providers, secrets: [entry] });
  return ['--config', path, '--kubeconfig', stage.kubeconfig];
}

async function sync(more: object = {}): Promise<void> {
  const finished = await hikyaku(['sync', ...(await args(more))], { env: stage.env });
  printed.push(finished.stdout, finished.stderr);
  expectExit(finished, 0);
}

async function run(more: object = {}): Promise<Running> {
  const agent = stage.start(['run', ...(await args(more)), '--log-level', 'debug']);
  await agent.logged({ msg: 'started' });
  return agent;
}

function providerIsDown(): void {
  doppler.fail({ kind: '500', times: 1_000_000, project: namespace });
}

async function becomes(data: object): Promise<void> {
  await vi.waitFor(async () => expect((await readSecret(admin, id()))?.data).toEqual(data), { timeout: 20_000 });
}

test('a Secret that somebody deleted is made again, though the provider is down since before the start', async () => {
  await sync();
  await deleteSecret(admin, id());
  providerIsDown();
  const agent = await run();
  await becomes(wanted());
  expect(await agent.logged({ source: 'lab', msg: 'source failed' })).toMatchObject({ stored: true });

  doppler.clearFaults();
  values['PASSWORD'] = secret();
  doppler.set(namespace, 'lab', 'PASSWORD', values['PASSWORD']);
  await becomes(wanted());
  await agent.logged({ source: 'lab', msg: 'source recovered' });
});

test('a Secret that somebody changed is repaired, though the provider is down since before the start', async () => {
  await sync();
  await patchSecret(admin, id(), { stringData: { password: 'evil', extra: 'x' } });
  providerIsDown();
  await run();
  await becomes(wanted());
});

test('a one-shot sync repairs it too, and still says that the provider is down', async () => {
  await sync();
  await deleteSecret(admin, id());
  providerIsDown();
  const finished = await hikyaku(['sync', ...(await args())], { env: stage.env });
  printed.push(finished.stdout, finished.stderr);
  expectExit(finished, 1);
  await becomes(wanted());
});

test('what was written after the snapshot was kept is not set back to it', async () => {
  await sync();
  const slot = secretPath(String(await snapshotSecretOf(admin, 'lab')));
  const before = succeeded(await admin('GET', slot));
  values['PASSWORD'] = secret();
  doppler.set(namespace, 'lab', 'PASSWORD', values['PASSWORD']);
  await sync();
  await becomes(wanted());

  const live = succeeded(await admin('GET', slot));
  const metadata = { ...Object(field(live, 'metadata')) };
  succeeded(await admin('PUT', slot, { ...Object(before), metadata }));
  providerIsDown();
  const agent = await run();
  const line = await agent.logged({ secret: id(), msg: 'not synced' });
  expect(line).toMatchObject({ state: 'waiting' });
  expect(String(line['messages'])).toContain('lab has not been read since the start');
  await becomes(wanted());
});

test('only the keys in use are kept, compressed, in a Secret of the agent', async () => {
  await sync();
  const live = await readSecret(admin, String(await snapshotSecretOf(admin, 'lab')));
  expect(live?.labels).toMatchObject({ 'hikyaku.dev/agent': 'hikyaku' });
  const text = await snapshotText();
  expect(text).toContain(values['PASSWORD']);
  expect(text).not.toContain(values['UNUSED']);
});

test('with `snapshot: false` nothing is kept, and what was kept before is dropped', async () => {
  await sync();
  expect(await snapshotText()).toBeDefined();
  const agent = await run({ snapshot: false });
  await vi.waitFor(async () => expect(await snapshotText()).toBeUndefined(), { timeout: 20_000 });
  await agent.stop();

  await deleteSecret(admin, id());
  providerIsDown();
  const again = await run({ snapshot: false });
  await again.logged({ secret: id(), msg: 'not synced' });
  expect(await readSecret(admin, id())).toBeUndefined();
});

test('what is more than there is room for is not kept: a warning says so, and it is synced all the same', async () => {
  const files = await mkdtemp(join(tmpdir(), 'hikyaku-large-'));
  const names = ['first', 'second'];
  for (const name of names) await writeFile(join(files, name), randomBytes(600_000));
  const path = await stage.configs.write({
    providers: { lab: { type: 'file', path: files } },
    secrets: names.map((name) => ({ name, namespace, from: 'lab', data: { [name]: name } })),
  });
  const flags = ['--config', path, '--kubeconfig', stage.kubeconfig, '--file-root', files, '--log-level', 'warn'];
  const finished = await hikyaku(['sync', ...flags]);
  await rm(files, { recursive: true });
  expectExit(finished, 0);
  expect(finished.stderr).toMatch(
    /"source":"lab","problem":"its keys in use take 12\d{5} bytes .*"msg":"snapshot not kept"/,
  );
  expect(await snapshotText()).toBeUndefined();
  for (const name of names) expect(await readSecret(admin, `${namespace}/${name}`)).toBeDefined();
});

/** What is kept of the source, `undefined` when nothing is. */
async function snapshotText(): Promise<string | undefined> {
  const kept = await snapshotSecretOf(admin, 'lab');
  if (kept === undefined) return undefined;
  const base64 = field((await admin('GET', secretPath(kept))).body, 'data', 'lab');
  return gunzipSync(Buffer.from(String(base64), 'base64')).toString();
}
