import { setTimeout as sleep } from 'node:timers/promises';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import {
  ConfigFiles,
  createNamespace,
  eventually,
  installRights,
  readSecrets,
  startCluster,
  startHikyaku,
  V8_FLAGS,
} from '@hikyaku/testbed';
import type { Cluster } from '@hikyaku/testbed';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sealToken } from './identity.test.kit.ts';

const SOURCES = 5;
const ROUNDS = 5;

let cluster: Cluster;
let kubeconfig: string;
let doppler: FakeDoppler;
let token: string;
let files: ConfigFiles;

beforeAll(async () => {
  cluster = await startCluster({ controllers: false });
  await installRights(cluster);
  kubeconfig = await cluster.agentKubeconfig();
  doppler = await startFakeDoppler({ limits: { reads: 1e6, secretReads: 1e6 } });
  doppler.addConfig('homelab', 'prd', { A: 'a' });
  token = doppler.serviceToken('homelab', 'prd');
  files = new ConfigFiles();
});
afterAll(async () => {
  await files?.[Symbol.asyncDispose]();
  await doppler?.close();
  await cluster?.stop();
});

async function write(namespace: string, recipients: object, credential: () => Promise<object>): Promise<string> {
  const names = Array.from({ length: SOURCES }, (_, index) => `s-${index}`);
  const source = { type: 'doppler', url: doppler.url, project: 'homelab', config: 'prd', refresh: '1s' };
  const sources = await Promise.all(
    names.map(async (name) => [name, { ...source, token: await credential() }] as const),
  );
  return await files.write({
    recipients,
    providers: Object.fromEntries(sources),
    secrets: names.map((name) => ({ name, namespace, from: name, data: { A: 'A' } })),
  });
}

/** What a daemon holds when everything is right and was read several times more, MiB. */
async function residentMiB(config: string, namespace: string): Promise<number> {
  const agent = startHikyaku(['run', '--config', config, '--kubeconfig', kubeconfig], {
    env: { TOKEN: token },
    nodeFlags: V8_FLAGS,
  });
  try {
    await agent.logged({ msg: 'started' });
    await eventually(async () => (await readSecrets(cluster.admin, namespace)).size === SOURCES);
    const samples: number[] = [];
    for (let second = 0; second < 8; second++) {
      await sleep(1_000);
      if (second >= 3) samples.push(await agent.residentMiB());
    }
    return median(samples);
  } finally {
    await agent.stop();
  }
}

test('five sealed values cost the agent less than 5 MiB of memory', async () => {
  await createNamespace(cluster.admin, 'plain');
  await createNamespace(cluster.admin, 'sealed');
  const plain = await write('plain', {}, async () => ({ env: 'TOKEN' }));
  const first = startHikyaku(['run', '--config', plain, '--kubeconfig', kubeconfig], { env: { TOKEN: token } });
  const { publicKey } = await first.logged({ msg: 'identity' });
  await first.stop();
  const home = String(publicKey);
  const sealed = await write('sealed', { home }, async () => ({ sealed: await sealToken(doppler, token, { home }) }));

  const without: number[] = [];
  const withFive: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    without.push(await residentMiB(plain, 'plain'));
    withFive.push(await residentMiB(sealed, 'sealed'));
  }
  // Where the machine does not tell, there is nothing to compare.
  if (median(without) === 0) return;
  console.info(
    `resident: ${median(without).toFixed(1)} MiB, with five sealed values ${median(withFive).toFixed(1)} MiB`,
  );
  expect(median(withFive) - median(without)).toBeLessThan(5);
}, 300_000);

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}
