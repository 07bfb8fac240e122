import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import {
  field,
  hikyaku,
  installRights,
  mintToken,
  startCluster,
  startHikyaku,
  succeeded,
  POD_ENV,
  V8_FLAGS,
} from '@hikyaku/testbed';
import { request } from 'undici';
import { LATENCY_SECRETS, webhookLatency } from './webhook-latency.ts';

const COLD_SECRETS = 1_000;
const KEYS = 5;
const ROUNDS = 5;
const QUIET_SECRETS = 50;

const { values: flags } = parseArgs({
  options: { json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
});
if (flags.help) {
  process.stdout.write(
    'npm run bench [-- --json]\nMeasures a sync of the built agent on a real API server beside a bare loop of the same requests.\n',
  );
  process.exit(0);
}
const say = (text: string) => flags.json || process.stderr.write(`${text}\n`);

const directory = await mkdtemp(join(tmpdir(), 'hikyaku-bench-'));
say('starting a real API server and a fake Doppler ...');
await using cluster = await startCluster({ controllers: false });
await using doppler = await startFakeDoppler({ limits: { reads: 1e6, secretReads: 1e6, writes: 1e6 } });
await installRights(cluster);
const kubeconfig = await cluster.agentKubeconfig();
doppler.addConfig(
  'bench',
  'prd',
  Object.fromEntries(Array.from({ length: COLD_SECRETS }, (_, i) => [`KEY_${i}`, `value-${i}-${'x'.repeat(32)}`])),
);
const env = { ...POD_ENV, DOPPLER_TOKEN: doppler.serviceToken('bench', 'prd') };

const cold: number[] = [];
const limit: number[] = [];
let peak = 0;
for (let round = 1; round <= ROUNDS; round++) {
  say(`cold sync of ${COLD_SECRETS} Secrets, round ${round} of ${ROUNDS} ...`);
  limit.push(await bareLoop(`limit-${round}`));
  await forgetInventory();
  const config = await writeConfig(`cold-${round}`, COLD_SECRETS);
  const finished = await hikyaku(['sync', '--config', config, '--kubeconfig', kubeconfig], {
    env,
    nodeFlags: V8_FLAGS,
  });
  if (finished.exitCode !== 0)
    throw new Error(`sync failed:\n${finished.stdout.slice(-2_000)}${finished.stderr.slice(-2_000)}`);
  cold.push(finished.seconds);
  peak = Math.max(peak, finished.peakMiB);
}

say(`the daemon with ${QUIET_SECRETS} Secrets ...`);
await forgetInventory();
await createNamespace('quiet');
const quietConfig = await writeConfig('quiet', QUIET_SECRETS, '2s');
const started = performance.now();
const daemon = startHikyaku(['run', '--config', quietConfig, '--kubeconfig', kubeconfig], { env, nodeFlags: V8_FLAGS });
while ((await secretsIn('quiet')) < QUIET_SECRETS) {
  if (daemon.process.exitCode !== null) throw new Error(`the daemon ended:\n${daemon.output}`);
  await sleep(10);
}
const startSeconds = (performance.now() - started) / 1000;

await sleep(3_000);
doppler.resetCounters();
const versions = await resourceVersions();
const reads = () => doppler.counters.requests;
while (reads() < 1) await sleep(20);
const from = reads();
while (reads() < from + 3) await sleep(20);
await sleep(500);
const quietRequests = (reads() - from) / 3;
const quietWrites = changed(versions, await resourceVersions());
await sleep(5_000);
const residentAtRestMiB = await daemon.residentMiB();
await daemon.stop();

say('the same with its metrics scraped and its page looked at ...');
const residentSeenMiB = await residentWhenSeen(quietConfig);

say(`a webhook that changes ${LATENCY_SECRETS} Secrets ...`);
await forgetInventory();
const latency = await webhookLatency({ cluster, doppler, kubeconfig, directory });

const result = {
  coldRatio: round2(median(cold.map((seconds, i) => seconds / (limit[i] ?? Number.NaN)))),
  coldSeconds: round2(median(cold)),
  limitSeconds: round2(median(limit)),
  residentAtRestMiB: round2(residentAtRestMiB),
  residentSeenMiB: round2(residentSeenMiB),
  residentPeakMiB: round2(peak),
  quietRequests,
  quietWrites,
  startSeconds: round2(startSeconds),
  webhookP99Ms: round2(quantile(latency.rounds, 0.99)),
  webhookMedianMs: round2(median(latency.rounds)),
  putsMedianMs: round2(median(latency.bare)),
  webhookRatio: round2(median(latency.rounds) / median(latency.bare)),
};
await rm(directory, { recursive: true, force: true });
process.stdout.write(flags.json ? `${JSON.stringify(result, null, 2)}\n` : table());

function table(): string {
  const rows: readonly (readonly [string, string, string])[] = [
    [
      'coldRatio',
      String(result.coldRatio),
      `cold sync of ${COLD_SECRETS} Secrets of ${KEYS} keys, process start to exit, over the bare loop; limit 2`,
    ],
    ['coldSeconds', `${result.coldSeconds} s`, `median of ${ROUNDS}`],
    [
      'limitSeconds',
      `${result.limitSeconds} s`,
      'the bare loop: the same POSTs from one undici pool, 32 in flight, process start to exit',
    ],
    [
      'residentAtRestMiB',
      `${result.residentAtRestMiB} MiB`,
      `daemon with ${QUIET_SECRETS} Secrets, ${V8_FLAGS.join(' ')}; limit 90`,
    ],
    [
      'residentSeenMiB',
      `${result.residentSeenMiB} MiB`,
      'the same with --health and --page, after 10 scrapes and one look at the page; limit 100',
    ],
    ['residentPeakMiB', `${result.residentPeakMiB} MiB`, 'the most during the cold syncs'],
    ['quietRequests', String(result.quietRequests), 'provider requests of one refresh in which nothing changed'],
    ['quietWrites', String(result.quietWrites), 'changed resourceVersions of three such refreshes'],
    ['startSeconds', `${result.startSeconds} s`, `process start to ${QUIET_SECRETS} Secrets right`],
    [
      'webhookP99Ms',
      `${result.webhookP99Ms} ms`,
      `webhook sent to the last of ${LATENCY_SECRETS} Secrets applied, of ${latency.rounds.length} rounds; wanted 100`,
    ],
    ['webhookMedianMs', `${result.webhookMedianMs} ms`, 'the same, in half of the rounds'],
    [
      'putsMedianMs',
      `${result.putsMedianMs} ms`,
      'the limit of the machine: the same PUTs in a bare loop, 32 in flight',
    ],
    ['webhookRatio', String(result.webhookRatio), 'the one median over the other'],
  ];
  const lines = rows.map(([name, value, meaning]) => `${name.padEnd(18)} ${value.padStart(11)}   ${meaning}`);
  return `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, Node ${process.version}\n${lines.join('\n')}\n`;
}

/** At rest after somebody has looked: what that takes stays loaded. */
async function residentWhenSeen(config: string): Promise<number> {
  const args = ['run', '--config', config, '--kubeconfig', kubeconfig, '--health', '127.0.0.1:0', '--page', '0'];
  const running = startHikyaku(args, { env, nodeFlags: V8_FLAGS });
  try {
    const portOf = async (msg: string) => String((await running.logged({ msg }))['port']);
    const metrics = `http://127.0.0.1:${await portOf('answering probes')}/metrics`;
    const page = `http://127.0.0.1:${await portOf('showing the status page')}/`;
    await running.logged({ msg: 'started' });
    await sleep(5_000);
    for (const url of [page, ...Array.from({ length: 10 }, () => metrics)]) {
      const { statusCode, body } = await request(url);
      await body.dump();
      if (statusCode !== 200) throw new Error(`${url}: ${statusCode}`);
    }
    await sleep(5_000);
    return await running.residentMiB();
  } finally {
    await running.stop();
  }
}

async function bareLoop(namespace: string): Promise<number> {
  await createNamespace(namespace);
  await createNamespace(namespace.replace('limit', 'cold'));
  const bodies = Array.from({ length: COLD_SECRETS }, (_, i) => ({
    path: `/api/v1/namespaces/${namespace}/secrets`,
    body: JSON.stringify(secretObject(namespace, i)),
  }));
  const file = join(directory, 'bodies.json');
  await writeFile(file, JSON.stringify(bodies));
  const token = await mintToken(cluster.admin, 'hikyaku', 'hikyaku');
  const begin = performance.now();
  const script = fileURLToPath(new URL('./bare-loop.ts', import.meta.url));
  const child = spawn(process.execPath, [script, cluster.url, token, cluster.caPath, file], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error('the bare loop failed');
  return (performance.now() - begin) / 1000;
}

/** What the agent sends, byte for byte but for the namespace. */
function secretObject(namespace: string, index: number): object {
  const data: Record<string, string> = {};
  for (let key = 0; key < KEYS; key++)
    data[`k${key}`] = Buffer.from(`value-${(index + key) % COLD_SECRETS}-${'x'.repeat(32)}`).toString('base64');
  const labels = { 'app.kubernetes.io/managed-by': 'hikyaku', 'hikyaku.dev/agent': 'hikyaku' };
  const annotations = { 'hikyaku.dev/sources': 'bench', 'kustomize.toolkit.fluxcd.io/prune': 'disabled' };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace, name: `s-${index}`, labels, annotations },
    type: 'Opaque',
    data,
  };
}

async function writeConfig(namespace: string, count: number, refresh = '1h'): Promise<string> {
  const secrets = Array.from({ length: count }, (_, i) => {
    const data = Array.from({ length: KEYS }, (__, key) => `k${key}: KEY_${(i + key) % COLD_SECRETS}`).join(', ');
    return `  - { name: s-${i}, namespace: ${namespace}, from: bench, data: { ${data} } }`;
  });
  const file = join(directory, `${namespace}.yaml`);
  const provider = `{ type: doppler, url: "${doppler.url}", project: bench, config: prd, refresh: ${refresh} }`;
  await writeFile(file, `hold: off\nproviders:\n  bench: ${provider}\nsecrets:\n${secrets.join('\n')}\n`);
  return file;
}

async function createNamespace(name: string): Promise<void> {
  succeeded(await cluster.admin('POST', '/api/v1/namespaces', { metadata: { name } }));
}

/** So that nothing is there to prune or to compare with. */
async function forgetInventory(): Promise<void> {
  const path = '/api/v1/namespaces/hikyaku/configmaps/hikyaku-inventory';
  succeeded(await cluster.admin('PATCH', path, { data: null }, { 'content-type': 'application/merge-patch+json' }));
}

async function secretsIn(namespace: string): Promise<number> {
  const items = field(succeeded(await cluster.admin('GET', `/api/v1/namespaces/${namespace}/secrets`)), 'items');
  return Array.isArray(items) ? items.length : 0;
}

async function resourceVersions(): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const resource of ['secrets', 'configmaps', 'events']) {
    const items = field(succeeded(await cluster.admin('GET', `/api/v1/${resource}`)), 'items');
    if (!Array.isArray(items)) continue;
    for (const item of items)
      found.set(
        `${resource} ${String(field(item, 'metadata', 'uid'))}`,
        String(field(item, 'metadata', 'resourceVersion')),
      );
  }
  return found;
}

function changed(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): number {
  return (
    [...after].filter(([id, version]) => before.get(id) !== version).length +
    [...before.keys()].filter((id) => !after.has(id)).length
  );
}

function quantile(numbers: readonly number[], part: number): number {
  return numbers.toSorted((a, b) => a - b)[Math.ceil(numbers.length * part) - 1] ?? Number.NaN;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

function round2(number: number): number {
  return Math.round(number * 100) / 100;
}
