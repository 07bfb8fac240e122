import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ensureReferenceTool } from '@hikyaku/reference-tools';
import { applyYaml, expectExit, field, hikyaku, parseManifests, startCluster, succeeded } from '@hikyaku/testbed';
import { expect, test } from 'vitest';
import { writeKubeconfig } from './install.test.kit.ts';

// docs/install.md and its Japanese twin.

const root = fileURLToPath(new URL('../../..', import.meta.url));
const page = await readFile(join(root, 'docs/install.md'), 'utf8');
const japanese = await readFile(join(root, 'docs/install.ja.md'), 'utf8');

function blocksOf(markdown: string): readonly string[] {
  return [...markdown.matchAll(/^```.*\n[^]*?^```$/gm)].map(([block]) => block);
}

test('the Japanese page has the same code in the same order', () => {
  expect(blocksOf(japanese)).toEqual(blocksOf(page));
  expect(blocksOf(page).length).toBeGreaterThan(8);
});

test('the overlay of the page is built by kustomize over the folder that hikyaku writes', async () => {
  const overlay = blocksOf(page).find((block) => block.includes('kustomize.config.k8s.io/v1beta1')) ?? '';
  const folder = await mkdtemp(join(tmpdir(), 'hikyaku-install-'));
  try {
    const base = join(folder, 'homelab');
    await mkdir(base);
    await mkdir(join(folder, 'overlay'));
    await writeFile(join(base, 'hikyaku.yaml'), await readFile(join(root, 'examples/minimal.yaml'), 'utf8'));
    const image = 'registry.example/hikyaku:0.1.0';
    const flags = ['--kustomize', base, '--config', join(base, 'hikyaku.yaml'), '--image', image];
    expectExit(await hikyaku(['manifests', ...flags]), 0);
    await writeFile(join(folder, 'overlay/kustomization.yaml'), overlay.replaceAll(/^```.*\n?/gm, ''));
    const kustomize = await ensureReferenceTool('kustomize');
    const { stdout } = await promisify(execFile)(kustomize, ['build', join(folder, 'overlay')], {
      maxBuffer: 8_000_000,
    });
    const deployment = parseManifests(stdout).find(({ kind }) => kind === 'Deployment');
    const pod = field(deployment, 'spec', 'template', 'spec');
    expect(field(pod, 'containers', 0, 'image')).toBe('registry.lan/hikyaku:0.2.0');
    expect(field(pod, 'nodeSelector')).toEqual({ 'kubernetes.io/arch': 'arm64' });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('the lines for Helm install over what init has made, and once more', async () => {
  const person = await mkdtemp(join(tmpdir(), 'hikyaku-install-helm-'));
  await using cluster = await startCluster({ controllers: false });
  try {
    const KUBECONFIG = join(person, 'kubeconfig');
    await writeKubeconfig(KUBECONFIG, { home: cluster });
    const answers = ['--yes', '--provider', 'later', '--no-backup'];
    const init = ['init', '--context', 'home', '--config', 'homelab/hikyaku.yaml', ...answers];
    expectExit(await hikyaku(init, { cwd: person, env: { KUBECONFIG } }), 0);
    const section = page.split(/^## /m).find((part) => part.startsWith('Helm\n')) ?? '';
    const [values = '', commands = ''] = blocksOf(section).map((block) => block.replaceAll(/^```.*\n?/gm, ''));
    await writeFile(join(person, 'values.yaml'), values);
    const [apply, install = ''] = commands.trim().split('\n');
    expect(apply).toBe('kubectl --context home apply --server-side -f homelab/install/grants.yaml');
    await applyYaml(cluster.admin, await readFile(join(person, 'homelab/install/grants.yaml'), 'utf8'));
    const [helm, ...words] = install.replace('deploy/helm', join(root, 'deploy/helm')).split(' ');
    expect(helm).toBe('helm');
    const env = { ...process.env, HOME: person, KUBECONFIG };
    const run = async (...more: readonly string[]) =>
      await promisify(execFile)(await ensureReferenceTool('helm'), [...words, ...more], { cwd: person, env });
    for (const tag of ['0.1.0', '0.2.0']) {
      await run('--set', `image.tag=${tag}`);
      const path = '/apis/apps/v1/namespaces/hikyaku/deployments/hikyaku';
      const deployment = succeeded(await cluster.admin('GET', path));
      const image = field(deployment, 'spec', 'template', 'spec', 'containers', 0, 'image');
      expect(image).toBe(`registry.example/hikyaku:${tag}`);
    }
    const config = succeeded(await cluster.admin('GET', '/api/v1/namespaces/hikyaku/configmaps/hikyaku-config'));
    const text = await readFile(join(person, 'homelab/hikyaku.yaml'), 'utf8');
    expect(field(config, 'data', 'hikyaku.yaml')).toBe(text);
  } finally {
    await rm(person, { recursive: true });
  }
});
