import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { builtInTypes, loadAllBuiltIn } from './providers.ts';

const run = promisify(execFile);
const main = fileURLToPath(new URL('./main.ts', import.meta.url));

/** Prints the url of each module that is loaded. */
const TRACE = `
import { registerHooks } from 'node:module';
registerHooks({ load(url, context, next) { process.stderr.write(url + '\\n'); return next(url, context); } });`;

test('every provider says the type under which the table has it', async () => {
  const loaded = await loadAllBuiltIn();
  expect([...loaded].map(([type, provider]) => [type, provider.type])).toEqual(
    builtInTypes.map((type) => [type, type]),
  );
});

test('a config with one provider loads no other, and no plug-in', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'hikyaku-table-'));
  const config = join(directory, 'hikyaku.yaml');
  await writeFile(
    config,
    'providers: { a: { type: doppler, project: p, config: c } }\nsecrets: [{ name: s, namespace: n, from: a }]\n',
  );
  const flags = ['--conditions=@hikyaku/source', `--import=data:text/javascript,${encodeURIComponent(TRACE)}`];
  const { stderr } = await run(process.execPath, [...flags, main, 'validate', '--config', config], {
    env: { PATH: process.env['PATH'] },
  });
  await rm(directory, { recursive: true });
  const providers = new Set(stderr.match(/\/provider-[\w-]+(?=\/src\/index\.ts)/g));
  expect([...providers].toSorted()).toEqual(['/provider-doppler', '/provider-utils']);
  expect(stderr).not.toContain('/plug-in-loader.ts');
});
