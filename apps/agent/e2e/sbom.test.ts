import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ensureReferenceTool, moduleOf } from '@hikyaku/reference-tools';
import { field } from '@hikyaku/testbed';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundledPackages } from '../build/bundled-packages.ts';

const run = promisify(execFile);
const app = fileURLToPath(new URL('..', import.meta.url));

let work: string;

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'hikyaku-sbom-'));
});
afterAll(() => rm(work, { recursive: true, force: true }));

test('the bill of materials is valid by the schema of CycloneDX 1.6', async () => {
  await check(join(app, 'dist/sbom.cdx.json'));
  const broken = join(work, 'broken.json');
  await writeFile(broken, (await read('dist/sbom.cdx.json')).replace('"type": "library"', '"type": "liberty"'));
  await expect(check(broken)).rejects.toThrow(/components\.0\.type/);
});

test('every package of which the bundle holds something is in both, with its version, hash and licence', async () => {
  const { components, names } = await bill();
  const licences = await read('dist/THIRD-PARTY-LICENSES.txt');
  const { outputs } = JSON.parse(await read('dist/meta.json'));
  const held = Object.values(Object(outputs)).flatMap((output) =>
    Object.entries(Object(field(output, 'inputs'))).flatMap(([path, input]) =>
      Number(field(input, 'bytesInOutput')) > 0 ? (/.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []) : [],
    ),
  );
  expect([...new Set(held)].filter((name) => !names.has(name))).toEqual([]);
  // What is in it only as a text too.
  const { dependencies } = JSON.parse(await read('package.json'));
  expect(Object.keys(dependencies).filter((name) => !name.startsWith('@hikyaku/') && !names.has(name))).toEqual([]);
  expect(components.length).toBeGreaterThan(40);
  for (const [name, component] of names) {
    const version = String(field(component, 'version'));
    const licence = String(field(component, 'licenses', 0, 'license', 'id'));
    expect(licences).toContain(`\n${name} ${version} (${licence})\n`);
    expect(field(component, 'hashes', 0, 'content'), name).toMatch(/^[0-9a-f]{128}$/);
  }
  expect(licences.match(/copyright/gi)?.length).toBeGreaterThanOrEqual(components.length);
});

test('who depends on whom is told of every package', async () => {
  const { components, dependencies } = await bill();
  const reached = new Set(['pkg:generic/hikyaku@0.1.0']);
  for (const ref of reached) for (const one of dependencies.get(ref) ?? []) reached.add(one);
  expect(components.map((one) => String(field(one, 'purl'))).filter((url) => !reached.has(url))).toEqual([]);
});

test('neither says a time, or where it was made', async () => {
  const texts = (await read('dist/sbom.cdx.json')) + (await read('dist/THIRD-PARTY-LICENSES.txt'));
  expect(texts).not.toMatch(/timestamp|serialNumber|node_modules/);
  expect(texts).not.toContain(app);
});

test('a package is not bundled whose licence is unknown, or one that nobody decided on', async () => {
  await writeFile(join(work, 'package-lock.json'), JSON.stringify({ packages: {} }));
  const folder = join(work, 'node_modules/@scope/one');
  await mkdir(folder, { recursive: true });
  const make = async (manifest: object) => {
    await writeFile(
      join(folder, 'package.json'),
      JSON.stringify({ name: '@scope/one', version: '1.0.0', ...manifest }),
    );
    const path = join(folder, 'index.js');
    const output = { inputs: { [path]: { bytesInOutput: 1 } }, bytes: 1, imports: [], exports: [] };
    return bundledPackages([{ inputs: { [path]: { bytes: 1, imports: [] } }, outputs: { 'main.js': output } }], work);
  };
  await expect(make({})).rejects.toThrow('pkg:npm/%40scope/one@1.0.0 would be bundled, and its licence is not said');
  await expect(make({ license: 'GPL-3.0-only' })).rejects.toThrow('its licence is "GPL-3.0-only"');
  await expect(make({ license: 'MIT' })).rejects.toThrow('has no file with its licence');
  await writeFile(join(folder, 'LICENSE'), 'Copyright somebody\r\n');
  await writeFile(join(folder, 'NOTICE'), 'and somebody else\n');
  const { packages } = await make({ license: 'MIT' });
  expect(packages.get('pkg:npm/%40scope/one@1.0.0')?.texts).toEqual(['Copyright somebody', 'and somebody else']);
});

async function read(name: string): Promise<string> {
  return await readFile(join(app, name), 'utf8');
}

async function check(path: string): Promise<void> {
  await run(await ensureReferenceTool('sbom'), [path], { cwd: moduleOf('sbom') });
}

async function bill(): Promise<{
  readonly components: readonly unknown[];
  readonly names: ReadonlyMap<string, unknown>;
  readonly dependencies: ReadonlyMap<string, readonly string[]>;
}> {
  const parsed: unknown = JSON.parse(await read('dist/sbom.cdx.json'));
  const components: unknown[] = Object.values(Object(field(parsed, 'components')));
  const dependencies: unknown[] = Object.values(Object(field(parsed, 'dependencies')));
  const fullName = (one: unknown) => [field(one, 'group'), field(one, 'name')].filter(Boolean).join('/');
  return {
    components,
    names: new Map(components.map((one) => [fullName(one), one])),
    dependencies: new Map(
      dependencies.map((one) => [
        String(field(one, 'ref')),
        Object.values(Object(field(one, 'dependsOn'))).map(String),
      ]),
    ),
  };
}
