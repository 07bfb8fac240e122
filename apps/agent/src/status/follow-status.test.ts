import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { reachAgent } from './ask-agent.ts';
import type { ReachedAgent } from './ask-agent.ts';
import { followStatus } from './follow-status.ts';
import { lookAtStatus } from './look-at-status.ts';
import type { ClusterReport } from './look-at-status.ts';

/** With a kubeconfig whose one context leads there. */
async function reaching<T>(server: string, signal: AbortSignal, use: (agent: ReachedAgent) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'hikyaku-follow-'));
  try {
    const kubeconfig = join(folder, 'kubeconfig');
    const named = (field: object) => [{ name: 'lab', ...field }];
    const config = {
      clusters: named({ cluster: { server } }),
      users: named({ user: { token: 'x' } }),
      contexts: named({ context: { cluster: 'lab', user: 'lab' } }),
      'current-context': 'lab',
    };
    await writeFile(kubeconfig, JSON.stringify(config), { mode: 0o600 });
    const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
    await using agent = reachAgent({ config: 'hikyaku.yaml', kubeconfig }, { env: {}, signal, ...streams });
    return await use(agent);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('a cluster that cannot be reached is told of in the same words again and again', async () => {
  // Long enough for several looks, and for the watch to be tried again.
  const signal = AbortSignal.timeout(4_500);
  const problems: unknown[] = [];
  await reaching('https://127.0.0.1:1', signal, async (agent) => {
    const onReport = ({ problem }: ClusterReport) => problems.push(problem);
    await followStatus(agent, { timeoutMs: 1_000, signal, onReport }).catch(() => {});
  });
  expect(problems.length).toBeGreaterThan(1);
  expect([...new Set(problems)]).toEqual([expect.stringContaining('127.0.0.1:1 refuses connections')]);
});

test('one that takes the connection and never says a word is given up in time', async () => {
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => void sockets.add(socket.on('error', () => {})));
  const port = await new Promise((resolve) =>
    silent.listen(0, '127.0.0.1', () => resolve(Object(silent.address()).port)),
  );
  const since = performance.now();
  const signal = AbortSignal.timeout(30_000);
  const { problem } = await reaching(`https://127.0.0.1:${String(port)}`, signal, (agent) =>
    lookAtStatus(agent, { timeoutMs: 1_000, signal }),
  );
  expect(problem).toBe('lab has not answered in 1 s');
  expect(performance.now() - since).toBeLessThan(5_000);
  for (const socket of sockets) socket.destroy();
  silent.close();
});
