import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import { ConfigFiles, hikyaku, installRights, readSecret, startCluster, startHikyaku } from '@hikyaku/testbed';
import type { Cluster, Running } from '@hikyaku/testbed';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';

// What probes are told by the built agent; of several replicas: leader-election.test.ts.

const configs = new ConfigFiles();
let cluster: Cluster;
let doppler: FakeDoppler;
let nas: FakeDoppler;
let kubeconfig: string;

beforeAll(async () => {
  cluster = await startCluster({ controllers: false });
  await installRights(cluster);
  kubeconfig = await cluster.agentKubeconfig();
  doppler = await startFakeDoppler();
  nas = await startFakeDoppler();
});

afterAll(async () => {
  await doppler?.close();
  await nas?.close();
  await cluster?.stop();
  await configs[Symbol.asyncDispose]();
});

async function ask(agent: Running, path: string): Promise<readonly [number, string]> {
  const { port } = await agent.logged({ msg: 'answering probes' });
  const response = await fetch(`http://127.0.0.1:${String(port)}${path}`);
  return [response.status, await response.text()];
}

function source(service: FakeDoppler) {
  service.addConfig('homelab', 'lab', { A: '1' });
  return { type: 'doppler', url: service.url, project: 'homelab', config: 'lab', token: { env: 'TOKEN' } };
}

test('it is ready once each source was read and its Secrets are written, and live also while one hangs', async () => {
  const providers = { lab: source(doppler), nas: { ...source(nas), token: { env: 'NAS_TOKEN' } } };
  const secrets = ['lab', 'nas'].map((from) => ({ name: from, namespace: 'default', from }));
  const config = await configs.write({ providers, secrets });
  nas.fail({ kind: 'hang' });
  const agent = startHikyaku(['run', '--health', '127.0.0.1:0', '--config', config, '--kubeconfig', kubeconfig], {
    env: { TOKEN: doppler.serviceToken('homelab', 'lab'), NAS_TOKEN: nas.serviceToken('homelab', 'lab') },
  });
  try {
    await agent.logged({ msg: 'source read', source: 'lab' });
    expect(await ask(agent, '/readyz')).toEqual([503, 'nas was not read yet\n']);
    expect(await ask(agent, '/healthz')).toEqual([200, 'ok\n']);
    await vi.waitFor(async () => expect(await readSecret(cluster.admin, 'default/lab')).toBeDefined(), 10_000);
    nas.clearFaults();
    await vi.waitFor(async () => expect(await ask(agent, '/readyz')).toEqual([200, 'ok\n']), 60_000);
    expect(await readSecret(cluster.admin, 'default/nas')).toBeDefined();
  } finally {
    await agent.stop();
  }
});

test('a port that is taken is said before anything is done', async () => {
  const { port } = new URL(doppler.url);
  const args = ['run', '--health', `127.0.0.1:${port}`, '--config', await configs.write({ secrets: [] })];
  const { exitCode, stderr } = await hikyaku([...args, '--kubeconfig', kubeconfig]);
  expect([exitCode, stderr]).toEqual([
    2,
    `error: --health: port ${port} cannot be used (EADDRINUSE): choose another one\n`,
  ]);
});
