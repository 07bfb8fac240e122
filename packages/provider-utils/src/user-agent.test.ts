import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { userAgent } from './user-agent.ts';

test('the user agent tells the version of the package', async () => {
  const manifest: unknown = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));
  expect(manifest).toMatchObject({ version: userAgent.replace('hikyaku/', '') });
});
