import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DEFAULT_GRANTS } from '@hikyaku/config';
import { clusterGrants } from './cluster-grants.ts';
import { NO_NEEDS } from '../grants/needs.test.kit.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hikyaku-grants-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('whoever approves them reads at the top whether they go beyond what the config needs', async () => {
  const config = join(folder, 'hikyaku.yaml');
  const own = await clusterGrants(config, NO_NEEDS, {});
  const named = await clusterGrants(config, NO_NEEDS, { rights: 'named' });
  expect(own.text).toContain(`types: ${DEFAULT_GRANTS.types.join(', ')}\n`);
  expect(own.text.split('\n', 1)).toEqual([
    '# Secrets of the ordinary types under any name, and what else hikyaku.yaml needs, by hikyaku manifests. A grants.yaml beside it would count instead.',
  ]);
  expect(named.text.split('\n', 1)).toEqual([
    '# What hikyaku.yaml needs, by hikyaku manifests. A grants.yaml beside it would count instead.',
  ]);
  await writeFile(join(folder, 'grants.yaml'), 'types: [Opaque]\n');
  expect((await clusterGrants(config, NO_NEEDS, {})).text).toMatch(/^# From grants.yaml beside the config/);
});
