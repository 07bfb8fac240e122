import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { directory } from './directory.test.kit.ts';
import { testProvider } from './test-provider.ts';

const path = mkdtempSync(join(tmpdir(), 'hikyaku-directory-'));
writeFileSync(join(path, 'present'), 'value');
after(() => rmSync(path, { recursive: true }));

testProvider(test, directory, { config: { path }, present: { name: 'present', value: 'value' } });
