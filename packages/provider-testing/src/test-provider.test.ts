import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Provider } from '@hikyaku/core';
import { afterAll, describe, expect, test } from 'vitest';
import { directory } from './directory.test.kit.ts';
import type { Fixture, Setup } from './fixture.ts';
import { openMemory } from './memory/memory-fixture.test.kit.ts';
import { memory } from './memory/memory-provider.test.kit.ts';
import type { SuiteOptions } from './run-checks.ts';
import { testProvider } from './test-provider.ts';

const path = await mkdtemp(join(tmpdir(), 'hikyaku-directory-'));
await writeFile(join(path, 'present'), 'value-of-present');
afterAll(() => rm(path, { recursive: true }));

const simple: Fixture = { config: { path }, present: { name: 'present', value: 'value-of-present' } };
const without = {
  list: 'it cannot',
  write: 'it cannot',
  watch: 'it cannot',
  close: 'it holds nothing open',
  progress: 'it reads everything at once',
  versions: 'files have none',
};

describe('a directory, in the simple form', () => {
  testProvider(test, directory, simple, { without });
});

describe('a provider that does it all, with every hook', () => {
  testProvider(test, memory, openMemory);
});

interface Registered {
  readonly title: string;
  /** `passed`, the reason why it was skipped, or the error. */
  run(): Promise<unknown>;
}

function register(setup: Setup, options?: SuiteOptions, provider: Provider = directory): readonly Registered[] {
  const registered: Registered[] = [];
  function collect(title: string, run: (context: { skip(reason?: string): void }) => Promise<void>): void {
    registered.push({
      title,
      async run() {
        let outcome: unknown = 'passed';
        await run({ skip: (reason) => (outcome = reason) }).catch((error: unknown) => (outcome = error));
        return outcome;
      },
    });
  }
  testProvider(collect, provider, setup, options);
  return registered;
}

test('a hook that a setup object lacks leaves its checks out; one that a function lacks skips them with the reason', async () => {
  const titles = register(simple).map(({ title }) => title);
  expect(titles).not.toContain('reading: a change is seen by the next read');
  const opened = register(() => simple).find(({ title }) => title === 'reading: a change is seen by the next read');
  expect(await opened?.run()).toBe('set: the fixture does not have it');
});

test('what `without` names is left out, and is an error when it is there after all', async () => {
  const registered = register(simple, { without: { ...without, set: 'read-only' } });
  expect(registered.map(({ title }) => title).filter((title) => title.startsWith('writing'))).toEqual([]);
  const stale = register({ ...simple, all: () => ['present'] }, { without: { all: 'it cannot list' } }).at(-1);
  expect(await stale?.run()).toMatchObject({ message: expect.stringContaining('take it out of `without`') });
});

test('only texts that a value can be are tried', async () => {
  const tried: string[] = [];
  async function open(): Promise<Fixture> {
    const fixture = await openMemory();
    return {
      ...fixture,
      canHold: (text) => !text.includes('\r'),
      async set(name, value) {
        tried.push(Buffer.from(value).toString());
        await fixture.set?.(name, value);
      },
    };
  }
  const check = register(open, {}, memory).find(({ title }) => title === 'values: text arrives byte for byte');
  expect(await check?.run()).toBe('passed');
  expect(tried).toContain('line one\nline two\n');
  expect(tried.filter((text) => text.includes('\r'))).toEqual([]);
});

test('a failure says what came, what was expected, and where to read; and no value', async () => {
  const wrong: Fixture = { ...simple, present: { name: 'present', value: 'another value' } };
  const failure = await register(wrong)
    .find(({ title }) => title === 'reading: a secret is read by its name')
    ?.run();
  expect(failure).toMatchObject({
    name: 'ContractFailure',
    message: [
      "'present' has another value: 16 bytes, different from byte 0 on",
      '  expected: its 13 bytes exactly, with nothing trimmed, decoded, replaced or remembered from before',
      '  contract: `ReadRequest` and `Snapshot` in @hikyaku/core',
    ].join('\n'),
  });
});

test('a config that the schema refuses says why', async () => {
  const failed = await register({ ...simple, config: { pth: path } })
    .find(({ title }) => title === 'reading: a secret is read by its name')
    ?.run();
  expect(failed).toMatchObject({
    message: expect.stringContaining('the config: path must be a text; pth: pth is not known'),
  });
});

test('it runs under node:test', async () => {
  const [suite, provider] = ['test-provider.ts', 'directory.test.kit.ts'].map((name) =>
    join(import.meta.dirname, name),
  );
  const file = join(path, 'directory.test.mjs');
  await writeFile(
    file,
    `import { test } from 'node:test';
    import { testProvider } from ${JSON.stringify(suite)};
    import { directory } from ${JSON.stringify(provider)};
    testProvider(test, directory, ${JSON.stringify(simple)});`,
  );
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=@hikyaku/source', '--test-reporter=tap', '--test', file],
    { env: { ...process.env, NODE_TEST_CONTEXT: undefined } },
  );
  expect(stdout).toMatch(/# pass \d{2}\n# fail 0/);
  expect(stdout).toContain('ok 7 - reading: a secret is read by its name');
  expect(stdout).toMatch(/# SKIP write: the provider does not have it/);
});
