import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import { listen } from '@hikyaku/provider-utils/testing';
import type { ListeningServer } from '@hikyaku/provider-utils/testing';
import { installRights, startCluster, startHikyaku } from '@hikyaku/testbed';
import type { Cluster } from '@hikyaku/testbed';
import { afterAll, beforeAll, expect, test } from 'vitest';

// A service that never answers, a plug-in that listens to nothing and holds on to a timer: the built agent ends in time all the same.

const DEAF = `
  setInterval(() => {}, 1_000);
  export default {
    type: 'deaf',
    config: { '~standard': { version: 1, vendor: 'deaf', validate: (value) => ({ value }) } },
    describe: () => ({ identity: 'deaf', origins: [] }),
    connect: () => ({
      read: () => new Promise(() => {}),
      [Symbol.asyncDispose]: () => new Promise(() => {}),
    }),
  };
`;

let cluster: Cluster;
let directory: string;
let silent: ListeningServer;
let asked = 0;

beforeAll(async () => {
  cluster = await startCluster({ controllers: false });
  await installRights(cluster);
  directory = await mkdtemp(join(tmpdir(), 'hikyaku-stop-'));
  silent = await listen(() => asked++);
});

afterAll(async () => {
  await silent?.close();
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  await cluster?.stop();
});

test('SIGTERM ends it within seconds, with 0', async () => {
  await writeFile(join(directory, 'deaf.mjs'), DEAF);
  const path = join(directory, 'hikyaku.yaml');
  const providers = {
    deaf: { type: './deaf.mjs' },
    silent: { type: 'doppler', url: silent.url, project: 'p', config: 'c', token: { env: 'TOKEN' } },
  };
  const secrets = ['deaf', 'silent'].map((from) => ({ name: from, namespace: 'default', from }));
  await writeFile(path, JSON.stringify({ providers, secrets }));
  const agent = startHikyaku(['run', '--config', path, '--kubeconfig', await cluster.agentKubeconfig()], {
    env: { TOKEN: 'dp.st.prd.x' },
  });
  await agent.logged({ msg: 'started' });
  await expect.poll(() => asked, { timeout: 10_000 }).toBeGreaterThan(0);
  const before = performance.now();
  const { exitCode } = await agent.stop();
  expect(exitCode).toBe(0);
  expect(performance.now() - before).toBeLessThan(6_000);
});

test('SIGTERM at any moment, also while it loads, waits to lead or takes another config, leaves no trace', async () => {
  const doppler = await startFakeDoppler({ limits: { secretReads: 1_000_000 } });
  try {
    doppler.addConfig('homelab', 'lab', { A: '1' });
    const lab = { type: 'doppler', url: doppler.url, project: 'homelab', config: 'lab' };
    const text = (turn: number) =>
      JSON.stringify({
        providers: { lab: { ...lab, refresh: `${turn + 1}h` } },
        secrets: [{ name: 'x', namespace: 'default', from: 'lab' }],
      });
    const path = join(directory, 'moments.yaml');
    const kubeconfig = await cluster.agentKubeconfig();
    for (let turn = 0; turn < 24; turn++) {
      await writeFile(path, text(turn));
      const flags = turn % 2 === 0 ? [] : ['--leader-election'];
      const agent = startHikyaku(['run', '--config', path, '--kubeconfig', kubeconfig, ...flags], {
        env: { DOPPLER_TOKEN: doppler.serviceToken('homelab', 'lab') },
      });
      if (turn % 4 >= 2) {
        await agent.logged({ msg: 'started' });
        await writeFile(path, text(turn + 1));
      }
      await sleep(turn * 75);
      const before = performance.now();
      const { exitCode, stderr } = await agent.stop();
      // Before Node itself has begun nobody hears the signal.
      expect([0, 143]).toContain(exitCode);
      expect(stderr).toBe('');
      expect(performance.now() - before).toBeLessThan(6_000);
    }
  } finally {
    await doppler.close();
  }
});
