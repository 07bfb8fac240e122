import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'vitest';
import { directory } from './directory.test.kit.ts';
import { testProvider } from './test-provider.ts';

const path = await mkdtemp(join(tmpdir(), 'hikyaku-directory-'));
await writeFile(join(path, 'present'), 'value');
testProvider(test, directory, { config: { path }, present: { name: 'present', value: 'value' } });
