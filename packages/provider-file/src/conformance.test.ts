import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { testProvider } from '@hikyaku/provider-testing';
import type { Fixture, Without } from '@hikyaku/provider-testing';
import { describe, test } from 'vitest';
import { parse } from 'yaml';
import { quickClock, replace, temporaryFolder } from './file.test.kit.ts';
import file from './index.ts';

const VALUE = 'correct-horse-battery';

const NEVER: Without = {
  pinned: 'files keep no versions',
  rotate: 'there is no credential',
  requests: 'there are no requests',
  close: 'a client holds nothing open',
  progress: 'a read has nothing to tell before its end',
  'faults.unauthenticated': 'there is no credential',
  'faults.rateLimited': 'a file system does not limit requests',
  'faults.unavailable': 'an outage of a file system is no matter of a test',
  'faults.hang': 'an outage of a file system is no matter of a test',
  'faults.reset': 'there is no connection',
  'faults.cut': 'there is no connection',
  'faults.redirect': 'links that lead elsewhere are forbidden',
  'faults.slow': 'there is no connection',
};
const NO_CONTENT = 'what stands in a file is the value, whatever it looks like';

testProvider(test, file, openDirectory, {
  without: {
    ...NEVER,
    'faults.truncated': NO_CONTENT,
    'faults.shortList': NO_CONTENT,
    'faults.wrongType': NO_CONTENT,
    'faults.page': NO_CONTENT,
  },
});

type Values = Readonly<Record<string, string | null | undefined>>;

/** How the suite changes a file of many secrets without our code, as a person would. */
interface Kind {
  readonly path: string;
  readonly read: (text: string) => Values;
  readonly write: (values: Values) => string;
  readonly hasNull: boolean;
  readonly canHold?: (text: string) => boolean;
  readonly names: readonly string[];
  readonly wrongType: string;
}

const NAMES = ['db/url', 'a b', '.hidden', 'パスワード', '"quoted\\"', 'two\nlines', '#', 'null', 'n'.repeat(255)];
const kinds: Readonly<Record<string, Kind>> = {
  json: {
    path: 'secrets.json',
    read: (text) => JSON.parse(text) as Values,
    write: (values) => JSON.stringify(values, undefined, 2),
    names: ['', ...NAMES],
    wrongType: '["a"]',
    hasNull: true,
  },
  yaml: {
    path: 'secrets.yaml',
    read: (text) => parse(text) as Values,
    write: (values) =>
      Object.entries(values)
        .map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}\n`)
        .join(''),
    names: NAMES,
    wrongType: '- a\n',
    hasNull: true,
  },
  dotenv: {
    path: 'secrets.env',
    read: (text) => parseEnv(text),
    write: (values) =>
      Object.entries(values)
        .map(([name, value]) => `${name}='${value}'\n`)
        .join(''),
    names: ['a.b-c', 'パスワード', '8080', 'n'.repeat(255)],
    wrongType: '{"a": "b"}',
    hasNull: false,
    // No carriage returns, and no way to write all kinds of quotes into one value; more is told by dotenv.test.ts.
    canHold: (text) => !/[\r']/.test(text),
  },
};

describe.each(Object.entries(kinds))('%s', (_, kind) => {
  const without: Without = { ...NEVER, binary: 'it is a text', 'faults.shortList': 'nothing counts what is in it' };
  testProvider(test, file, () => openFile(kind), {
    without: { ...without, ...(!kind.hasNull && { unreadable: 'it has no null' }) },
  });
});

async function openDirectory(): Promise<Fixture> {
  const folder = await temporaryFolder();
  const base = join(folder.path, 'base');
  const path = join(base, 'secrets');
  await mkdir(path, { recursive: true });
  await writeFile(join(path, 'present'), VALUE);
  return {
    config: { path: 'secrets' },
    files: { base, root: base, refused: [] },
    clock: quickClock,
    present: { name: 'present', value: VALUE },
    all: async () => (await readdir(path)).filter((name) => !name.startsWith('.')),
    set: (name, value) => writeFile(join(path, name), value),
    remove: (name) => rm(join(path, name), { force: true }),
    async unreadable(name) {
      await rename(join(path, name), join(base, name));
      await symlink('/etc/hostname', join(path, name));
    },
    faults: {
      async forbidden() {
        await rename(path, join(folder.path, 'away'));
        await symlink('../away', path);
      },
      notFound: () => rename(path, join(folder.path, 'away')),
    },
    async recover() {
      if ((await readdir(folder.path)).includes('away')) {
        await rm(path, { force: true });
        await rename(join(folder.path, 'away'), path);
      }
      for (const name of await readdir(base)) if (name !== 'secrets') await rename(join(base, name), join(path, name));
    },
    names: ['a b', 'パスワード', '"quoted\\"', 'two\nlines', '#', '-rf', '$(id)', 'n'.repeat(255)],
    largest: 1024 * 1024,
    binary: true,
    empty: true,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

async function openFile({ path, read, write, names, wrongType, hasNull, canHold }: Kind): Promise<Fixture> {
  const folder = await temporaryFolder();
  const base = join(folder.path, 'base');
  const place = join(base, path);
  const away = join(folder.path, 'away');
  await mkdir(base);
  await writeFile(place, write({ PRESENT: VALUE, OTHER: 'x' }));
  const load = async (): Promise<Values> => ({ ...read(await readFile(place, 'utf8')) });
  /** Puts another file in its place, until `recover`. */
  async function spoil(content: (whole: string) => string): Promise<void> {
    const whole = await readFile(place, 'utf8');
    await rename(place, away);
    await writeFile(place, content(whole));
  }
  return {
    config: { path },
    files: { base, root: base, refused: [] },
    clock: quickClock,
    present: { name: 'PRESENT', value: VALUE },
    all: async () => Object.keys(await load()),
    set: async (name, value) =>
      await replace(place, write({ ...(await load()), [name]: Buffer.from(value).toString() })),
    async remove(name) {
      const { [name]: _, ...rest } = await load();
      await replace(place, write(rest));
    },
    ...(hasNull && {
      async unreadable(name: string) {
        const values = await load();
        await spoil(() => write({ ...values, [name]: null }));
      },
    }),
    faults: {
      async forbidden() {
        await rename(place, away);
        await symlink('../away', place);
      },
      notFound: () => rename(place, away),
      truncated: () => spoil((whole) => whole.slice(0, whole.indexOf(VALUE) + VALUE.length / 2)),
      wrongType: () => spoil(() => wrongType),
      page: () => spoil(() => '<!doctype html>\n<title>Sign in</title>\n<p>a: b</p>\n'),
    },
    async recover() {
      if (!(await readdir(folder.path)).includes('away')) return;
      await rm(place, { force: true });
      await rename(away, place);
    },
    names,
    ...(canHold && { canHold }),
    largest: 1024 * 1024 - 10_000,
    empty: true,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}
