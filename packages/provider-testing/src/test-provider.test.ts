import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { directory } from './directory.test.kit.ts';
import { openMemory } from './memory-fixture.test.kit.ts';
import { memory } from './memory-provider.test.kit.ts';
import { testProvider } from './test-provider.ts';

describe('a directory, in the simple form', async () => {
  const path = await mkdtemp(join(tmpdir(), 'hikyaku-directory-'));
  await writeFile(join(path, 'present'), 'value');
  testProvider(test, directory, { config: { path }, present: { name: 'present', value: 'value' } });
});

describe('a provider that does it all, with every hook', () => {
  testProvider(test, memory, openMemory);
});
