import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  applyYaml,
  createNamespace,
  eventually,
  parseManifests,
  readInstallFile,
  readSecret,
  startCluster,
  startHikyaku,
} from '@hikyaku/testbed';
import type { Cluster, Running } from '@hikyaku/testbed';
import { afterAll, beforeAll, expect, test } from 'vitest';

// docs/install.md says that no order has to be kept: here the worst one.

const POLICIES = ['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding'];
const objects = parseManifests(await readInstallFile('rights-own.yaml'));

let cluster: Cluster;
let folder: string;
let agent: Running | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hikyaku-order-'));
  await mkdir(join(folder, 'secrets'));
  await writeFile(join(folder, 'secrets/key'), 'value');
  await writeFile(
    join(folder, 'hikyaku.yaml'),
    'providers: { app: { type: file, path: secrets } }\nsecrets: [{ name: app-env, namespace: later, from: app }]\n',
  );
  cluster = await startCluster({ controllers: false });
});
afterAll(async () => {
  await agent?.stop();
  await cluster?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function apply(isWanted: (kind: string) => boolean): Promise<void> {
  const wanted = objects.filter(({ kind }) => isWanted(kind));
  await applyYaml(cluster.admin, wanted.map((object) => `---\n${JSON.stringify(object)}\n`).join(''));
}

async function start(): Promise<Running> {
  const env = { KUBECONFIG: await cluster.agentKubeconfig() };
  return startHikyaku(['run', '--config', join(folder, 'hikyaku.yaml')], { env });
}

test('the agent before its roles, its roles before the policies, these before the grants, and all before the namespace', async () => {
  await apply((kind) => kind === 'Namespace' || kind === 'ServiceAccount');
  agent = await start();
  await agent.logged({ msg: 'waiting for rights' }, { timeoutMs: 120_000 });

  await apply((kind) => !POLICIES.includes(kind));
  // It ends, as its Pod would be started again.
  const { exitCode, stderr, stdout } = await agent.finished;
  expect(exitCode).toBe(2);
  expect(stdout + stderr).toContain('the ValidatingAdmissionPolicy hikyaku-own is missing');

  await apply((kind) => POLICIES.includes(kind));
  await eventually(async () => {
    agent = await start();
    return await agent.logged({ msg: 'waiting for rights' }, { timeoutMs: 30_000 }).then(
      () => true,
      () => false,
    );
  }, 120_000);

  await applyYaml(cluster.admin, await readInstallFile('grants.yaml'));
  await agent.logged({ msg: 'started' }, { timeoutMs: 120_000 });
  await agent.logged({ msg: 'not synced', secret: 'later/app-env', state: 'waiting' }, { timeoutMs: 120_000 });

  await createNamespace(cluster.admin, 'later');
  await eventually(async () => (await readSecret(cluster.admin, 'later/app-env'))?.data['key'] === 'value', 120_000);
}, 600_000);
