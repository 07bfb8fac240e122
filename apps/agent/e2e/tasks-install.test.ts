import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ensureReferenceTool } from '@hikyaku/reference-tools';
import { expectExit, field, hikyaku, parseManifests } from '@hikyaku/testbed';
import { expect, test } from 'vitest';

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
