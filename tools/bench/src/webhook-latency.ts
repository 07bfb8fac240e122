import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import { mintToken, startHikyaku, succeeded, V8_FLAGS } from '@hikyaku/testbed';
import type { Cluster } from '@hikyaku/testbed';

export const LATENCY_SECRETS = 200;
/** As many rounds as go into this time, at most 100. */
const ROUNDS = 100;
const LONGEST_MS = 60_000;

export interface WebhookLatency {
  /** Milliseconds of each round, from just before the webhook was sent to the last Secret applied; the fake's answer, a few of them, is in it. */
  readonly rounds: readonly number[];
  /** The same PUTs in a bare loop. */
  readonly bare: readonly number[];
}

export interface LatencyOptions {
  readonly cluster: Cluster;
  readonly doppler: FakeDoppler;
  readonly kubeconfig: string;
  readonly directory: string;
}

const namespace = 'latency';
const project = 'latency';
const config = 'prd';

/** One value is in all Secrets: a webhook says that it has changed, and all of them are written. */
export async function webhookLatency({
  cluster,
  doppler,
  kubeconfig,
  directory,
}: LatencyOptions): Promise<WebhookLatency> {
  succeeded(await cluster.admin('POST', '/api/v1/namespaces', { metadata: { name: namespace } }));
  doppler.addConfig(project, config, { VALUE: 'first' });
  const names = Array.from({ length: LATENCY_SECRETS }, (_, index) => `s-${index}`);
  const path = join(directory, 'latency.yaml');
  const signingSecret = randomBytes(24).toString('hex');
  const source = {
    type: 'doppler',
    url: doppler.url,
    project,
    config,
    refresh: '1h',
    notices: { secret: { env: 'HOOK' } },
  };
  const secrets = names.map((name) => ({ name, namespace, from: 'bench', data: { value: 'VALUE' } }));
  await writeFile(path, JSON.stringify({ hold: 'off', resync: '1h', providers: { bench: source }, secrets }));
  const agent = startHikyaku(['run', '--config', path, '--kubeconfig', kubeconfig, '--receiver', '127.0.0.1:0'], {
    env: { DOPPLER_TOKEN: doppler.serviceToken(project, config), HOOK: signingSecret },
    nodeFlags: V8_FLAGS,
  });
  try {
    const { port } = await agent.logged({ msg: 'taking notices' });
    const url = `http://127.0.0.1:${String(port)}/notices/bench`;
    await applied(0);
    const rounds: number[] = [];
    const startedAt = performance.now();
    while (rounds.length < ROUNDS && performance.now() - startedAt < LONGEST_MS) {
      await sleep(300);
      doppler.set(project, config, 'VALUE', `round-${rounds.length}`);
      const from = agent.stdout.length;
      const sentAt = Date.now();
      const [status] = await doppler.sendWebhook({ url, project, config, signingSecret });
      if (status !== 202) throw new Error(`the webhook was answered ${status}`);
      rounds.push((await applied(from)) - sentAt);
    }
    return { rounds, bare: await bare(rounds.length) };
  } finally {
    await agent.stop();
  }

  /** When the last of all Secrets was applied, by what was logged from there on. */
  async function applied(from: number): Promise<number> {
    for (;;) {
      const lines = agent.stdout
        .slice(from)
        .split('\n')
        .filter((line) => line.includes('"msg":"applied"'));
      if (lines.length >= names.length) return Math.max(...lines.map(timeOf));
      if (agent.process.exitCode !== null) throw new Error(`the daemon ended:\n${agent.output.slice(-2_000)}`);
      await sleep(20);
    }
  }

  async function bare(count: number): Promise<readonly number[]> {
    const labels = { 'app.kubernetes.io/managed-by': 'hikyaku', 'hikyaku.dev/agent': 'hikyaku' };
    const annotations = { 'hikyaku.dev/sources': 'bench', 'kustomize.toolkit.fluxcd.io/prune': 'disabled' };
    const bodies = names.map((name) => ({
      path: `/api/v1/namespaces/${namespace}/secrets/${name}`,
      body: JSON.stringify({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { namespace, name, labels, annotations },
        type: 'Opaque',
        data: { value: 'ROUND' },
      }),
    }));
    const file = join(directory, 'puts.json');
    await writeFile(file, JSON.stringify(bodies));
    const token = await mintToken(cluster.admin, 'hikyaku', 'hikyaku');
    const script = fileURLToPath(new URL('./bare-puts.ts', import.meta.url));
    const args = [script, cluster.url, token, cluster.caPath, file, String(count)];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const times: readonly number[] = JSON.parse(stdout);
    return times;
  }
}

function timeOf(line: string): number {
  const { time }: { readonly time: string } = JSON.parse(line);
  return Date.parse(time);
}
