import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expectExit, field, hikyaku } from '@hikyaku/testbed';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { yamlBlocks } from '../../../tools/testbed/src/yaml-blocks.ts';
import { builtInTypes } from '../src/providers.ts';
import { allExamples } from './examples/all-examples.ts';
import { documentedConfigs } from './examples/documented-configs.ts';
import { examplesDirectory, ExampleStage } from './examples/example-stage.ts';
import type { Example } from './examples/example.ts';
import { findConfigs } from './examples/find-configs.ts';
import { giveSecrets } from './examples/give-secrets.ts';
import { asLive, ofEach } from './examples/live-secrets.ts';
import { configFiles } from './examples/prepare-example.ts';
import type { PreparedExample } from './examples/prepare-example.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const configs = await findConfigs(examplesDirectory);
const blocks = await yamlBlocks(root, ['README.md', 'README.ja.md', 'docs/**/*.md', 'packages/*/README.md']);

test('each example has what it needs, and what must come of it, in all-examples.ts', () => {
  expect(configs).toEqual(Object.keys(allExamples).toSorted());
});

describe('the examples', () => {
  test.each(configs)('%s passes hikyaku validate', async (name) => {
    const { exitCode, stdout, stderr } = await hikyaku(['validate', '--config', join(examplesDirectory, name)]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/: \d+ sources?, \d+ Secrets?\n$/);
  });

  test.each(configs)('%s says at its top what it shows and how to run it', async (name) => {
    const files = await configFiles(join(examplesDirectory, name));
    const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
    const headers = texts.map((text) => text.slice(0, text.search(/^[^#]/m)));
    expect(headers.join('\n')).toMatch(new RegExp(`hikyaku (?:sync|run|plan) +--config examples/${name}(?: |$)`, 'm'));
  });
});

describe('on a real API server, with the rights and grants that are installed', () => {
  let stage: ExampleStage;

  beforeAll(async () => {
    stage = await ExampleStage.open();
  });
  afterAll(() => stage?.[Symbol.asyncDispose]());

  test.each(Object.entries(allExamples))(
    '%s makes and pushes exactly its Secrets, a second sync changes none, and no value is printed',
    async (name, example) => {
      await stage.removeOurs();
      await using _ = await giveSecrets(stage.cluster, example);
      const { path, env, hidden, look } = await stage.prepare(name, example);
      const sync = async () =>
        await hikyaku(['sync', '--json', '--config', path], { env: { ...env, KUBECONFIG: stage.kubeconfig } });

      const first = await sync();
      expectExit(first, 0);
      expect(outcomesOf(first.stdout)).toEqual(ofEach(example, () => 'created'));
      expect(await stage.ours()).toEqual(ofEach(example, asLive));

      expect(await lookAtEach(example, look)).toEqual(example.pushed ?? {});

      const second = await sync();
      expectExit(second, 0);
      expect(outcomesOf(second.stdout)).toEqual(ofEach(example, () => 'unchanged'));
      expect(listIn(second.stdout, 'pushes').filter((push) => field(push, 'changes') !== undefined)).toEqual([]);

      expect(first.stderr + second.stderr).toBe('');
      const printed = first.stdout + second.stdout;
      expect([...valuesOf(example), ...hidden].filter((value) => isPrinted(value, printed))).toEqual([]);
    },
  );
});

describe('the YAML blocks of the documentation', () => {
  const documented = blocks.flatMap((block) =>
    documentedConfigs(block).map((config) => ({ where: block.where, ...config })),
  );
  const others = blocks.filter(({ where }) => !documented.some((config) => config.where === where));

  test('are found', () => {
    expect(documented.map(({ where }) => dirname(where))).toContain('packages/provider-doppler');
  });

  test.each(documented)('$where passes hikyaku validate ($kind)', async ({ text, rest, types }) => {
    const directory = await mkdtemp(join(tmpdir(), 'hikyaku-docs-'));
    await writeFile(join(directory, 'block.yaml'), text);
    if (rest !== undefined) await writeFile(join(directory, 'rest.yaml'), stringify(rest));
    // The code of a plug-in is not in its YAML.
    const flags = types.every((type) => builtInTypes.includes(type)) ? [] : ['--no-plugins'];
    const { exitCode, stderr } = await hikyaku(['validate', ...flags, '--config', directory]);
    await rm(directory, { recursive: true });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  });

  // oxlint-disable-next-line vitest/no-disabled-tests, vitest/expect-expect -- says what was not tried
  test.skip.each(others)('$where is no config and no whole part of one', () => {});
});

async function lookAtEach({ pushed = {} }: Example, look: PreparedExample['look']): Promise<object> {
  const sources = Object.keys(pushed).map(async (source) => [source, await look[source]?.()] as const);
  return Object.fromEntries(await Promise.all(sources));
}

/** What stands at the sources and in Secrets of others, and what is made of it. */
function valuesOf({ contents, given = {}, secrets }: Example): readonly string[] {
  const maps = [...Object.values(contents), ...Object.values(given), ...Object.values(secrets).map(({ data }) => data)];
  return maps.flatMap((map) => Object.values(map));
}

/** As it is or in base64. What is shorter than eight characters is left out: it would be found by chance. */
function isPrinted(value: string, output: string): boolean {
  const base64 = Buffer.from(value).toString('base64').replace(/=+$/, '');
  return value.length >= 8 && [value, base64].some((text) => output.includes(text));
}

function outcomesOf(json: string): Readonly<Record<string, unknown>> {
  const secrets = listIn(json, 'secrets');
  return Object.fromEntries(secrets.map((secret) => [String(field(secret, 'secret')), field(secret, 'outcome')]));
}

function listIn(json: string, word: string): readonly unknown[] {
  const list = field(JSON.parse(json), word);
  return Array.isArray(list) ? list : [];
}
