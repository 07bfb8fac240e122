import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { field, startCluster } from '@hikyaku/testbed';
import { expect, test } from 'vitest';

const script = fileURLToPath(new URL('../../../tools/demo/src/main.ts', import.meta.url));

interface Ended {
  readonly exitCode: unknown;
  readonly text: string;
}

function startDemo(args: readonly string[]) {
  const child = spawn(process.execPath, ['--conditions=@hikyaku/source', script, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const demo = { child, text: '' };
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (demo.text += text));
  const ended: Promise<Ended> = once(child, 'close').then(([exitCode]: unknown[]) => ({ exitCode, text: demo.text }));
  return { ...demo, ended, said: () => demo.text };
}

const STORY = [
  'A real Kubernetes API server',
  'One config file',
  'Plan: 3 to create.',
  'app-env    Opaque   3',
  'its status page, which follows by itself: http://localhost:',
  'konnichiwa',
  'by the webhook',
  'web/app-env  held',
  'npx hikyaku status',
  'hikyaku approve homelab',
  'need a person',
  'first-password',
  'the hold is over',
  "the stranger's key is gone",
  'cannot get resource "secrets"',
  'cannot patch resource "secrets"',
  'delete: its entry is gone from the config',
  'Stopped cleanly',
];

test('the demo tells the whole story in order and stops cleanly', async () => {
  const { exitCode, text } = await startDemo([]).ended;
  let from = 0;
  for (const passage of STORY) {
    const at = text.indexOf(passage, from);
    expect(at, `${passage} in:\n${text}`).toBeGreaterThan(-1);
    from = at;
  }
  expect(exitCode).toBe(0);
});

test('--keep leaves it running until Ctrl-C', async () => {
  const demo = startDemo(['--keep']);
  await expect.poll(demo.said, { timeout: 90_000 }).toContain('npx hikyaku plan --config');
  const [, page = ''] = /the status page: (\S+)/.exec(demo.said()) ?? [];
  await expect.poll(async () => await (await fetch(page)).text(), { timeout: 60_000 }).toContain('homelab');
  demo.child.kill('SIGINT');
  expect((await demo.ended).exitCode).toBe(0);
});

test('--context uses a cluster of the person, only in namespaces that it makes, and removes everything', async () => {
  await using cluster = await startCluster({ controllers: true });
  const args = ['--context', 'devcluster', '--kubeconfig', cluster.kubeconfig, '--namespaces', 'couriers,letters'];
  const { exitCode, text } = await startDemo(args).ended;
  expect(exitCode, text).toBe(0);
  expect(text).toContain('letters/app-env  create');
  expect(text).toContain('are removed again');
  for (const path of [
    '/apis/rbac.authorization.k8s.io/v1/clusterroles',
    '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies',
  ]) {
    expect(JSON.stringify((await cluster.admin('GET', path)).body)).not.toContain('couriers');
  }
  for (const name of ['couriers', 'letters']) {
    await expect
      .poll(async () => (await cluster.admin('GET', `/api/v1/namespaces/${name}`)).status, { timeout: 60_000 })
      .toBe(404);
  }

  const taken = await startDemo([...args.slice(0, -1), 'default,letters']).ended;
  expect(taken.exitCode).not.toBe(0);
  expect(taken.text).toContain('the namespace default is there already');
  expect(field((await cluster.admin('GET', '/api/v1/namespaces/default')).body, 'status', 'phase')).toBe('Active');
});
