import { isAbsolute, resolve } from 'node:path';
import { inspect } from 'node:util';
import { defineProvider } from '@hikyaku/core';
import type { Provider } from '@hikyaku/core';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import type { Config, SecretEntry } from './config.ts';
import { examples, knownFrom, providers } from './example-providers.test.kit.ts';
import { parseConfig } from './parse-config.ts';
import { formatProblems } from './problem.ts';
import type { ConfigFile } from './read-yaml.ts';

async function problemsOf(...files: readonly (string | ConfigFile)[]): Promise<readonly string[]> {
  const result = await parseConfig(files.map(asFile), { providers });
  return result.ok ? [] : formatProblems(result.problems).split('\n');
}

async function configOf(...files: readonly (string | ConfigFile)[]): Promise<Config> {
  const result = await parseConfig(files.map(asFile), { providers });
  if (!result.ok) throw new Error(formatProblems(result.problems));
  return result.config;
}

function asFile(file: string | ConfigFile): ConfigFile {
  return typeof file === 'string' ? { path: 'f', text: file } : file;
}

const SOURCE = 'providers: { home: { type: doppler, project: p, config: c } }\n';

/** A file of three lines whose last holds the entry. */
function withEntry(entry: string): string {
  return `${SOURCE}secrets:\n  - ${entry}\n`;
}

/** A file of three lines whose second holds the source `home`. */
function withSource(source: string): string {
  return `providers:\n  home: ${source}\nsecrets: []\n`;
}

async function entryOf(entry: string): Promise<SecretEntry> {
  const [first] = (await configOf(withEntry(entry))).secrets;
  if (first === undefined) throw new Error('no entry');
  return first;
}

const NAMED = 'name: s, namespace: n, from: home';

describe('what is read', () => {
  test.each([
    ['{ cron: "*/5 * * * *", timeZone: Asia/Tokyo }', { cron: '*/5 * * * *', timeZone: 'Asia/Tokyo' }],
    ['{ cron: "30 3 * * mon-fri" }', { cron: '30 3 * * mon-fri', timeZone: 'UTC' }],
    ['{ cron: "@hourly" }', { cron: '@hourly', timeZone: 'UTC' }],
  ])('`refresh: %s`', async (text, refresh) => {
    const { sources } = await configOf(withSource(`{ type: doppler, project: p, config: c, refresh: ${text} }`));
    expect(sources.get('home')).toMatchObject({ refresh });
  });

  test('every default is applied', async () => {
    const { resyncMs, hold, sources, secrets } = await configOf(withEntry(`{ ${NAMED} }`));
    expect({ resyncMs, hold, sources: [...sources.values()], secrets }).toEqual({
      resyncMs: 600_000,
      hold: { lostSecrets: { percent: 50 } },
      sources: [
        {
          name: 'home',
          provider: examples.get('doppler'),
          settings: { project: 'p', config: 'c' },
          credentials: new Map([['token', { env: 'DOPPLER_TOKEN' }]]),
          description: { identity: 'p/c', origins: ['https://api.doppler.com'] },
          refresh: { everyMs: 60_000 },
          hold: { lostKeys: { percent: 50 } },
          snapshot: true,
          position: { file: 'f', line: 1, column: 14 },
        },
      ],
      secrets: [
        {
          namespace: 'n',
          name: 's',
          bulk: [{ source: 'home', include: ['*'], exclude: [] }],
          items: new Map(),
          keyNames: 'strict',
          type: 'Opaque',
          labels: {},
          annotations: {},
          immutable: false,
          existing: 'refuse',
          whenRemoved: 'delete',
          recreate: false,
          position: { file: 'f', line: 3, column: 5 },
        },
      ],
    });
  });

  test('durations become milliseconds and thresholds keep their unit', async () => {
    const config = await configOf(
      'resync: 2h\nhold: off\nproviders: { a: { type: doppler, project: p, config: c, refresh: 90s, hold: { lostKeys: 3 }, snapshot: false } }\nsecrets: []\n',
    );
    expect(config.resyncMs).toBe(7_200_000);
    expect(config.hold).toBe('off');
    expect(config.sources.get('a')).toMatchObject({
      refresh: { everyMs: 90_000 },
      hold: { lostKeys: { count: 3 } },
      snapshot: false,
    });
  });

  test('an entry of several namespaces is one Secret in each', async () => {
    const { secrets } = await configOf(withEntry('{ name: s, namespaces: [a, b], from: home }'));
    expect(secrets.map(({ namespace, name }) => `${namespace}/${name}`)).toEqual(['a/s', 'b/s']);
  });

  test('text in `data` is a key, and a mapping says more', async () => {
    const { items, bulk } = await entryOf(
      `{ ${NAMED}, data: { a: A, b: { key: B, version: "3", property: x.y, decode: base64, optional: true } } }`,
    );
    expect(bulk).toEqual([]);
    expect(items.get('a')).toMatchObject({ source: 'home', ref: { name: 'A' }, optional: false });
    expect(items.get('b')).toEqual({
      source: 'home',
      ref: { name: 'B', version: '3' },
      property: 'x.y',
      decode: 'base64',
      optional: true,
      position: { file: 'f', line: 3, column: 56 },
    });
  });

  test.each([
    ['text is one glob', 'keys: "DB_*"', { include: ['DB_*'], exclude: [] }],
    ['`!` excludes', 'keys: ["DB_*", "!DB_OLD*"]', { include: ['DB_*'], exclude: ['DB_OLD*'] }],
    ['only excludes means everything but these', 'keys: ["!X"]', { include: ['*'], exclude: ['X'] }],
    ['no `keys` means all', 'transform: lower-kebab', { include: ['*'], exclude: [], transform: 'lower-kebab' }],
    ['`as` carries over what matched', 'keys: "tls/*", as: "nas-*"', { include: ['tls/*'], exclude: [], as: 'nas-*' }],
  ])('in `dataFrom`, %s', async (_, item, expected) => {
    const { bulk } = await entryOf(`{ name: s, namespace: n, dataFrom: [{ from: home, ${item} }] }`);
    expect(bulk).toEqual([{ source: 'home', ...expected }]);
  });

  test('credentials are taken out of the settings, and files are found beside the config file', async () => {
    const { sources } = await configOf({
      path: '/etc/hikyaku/config.yaml',
      text: withSource(
        '{ type: webhook, protocol: plain, url: "https://nas.lan", headers: { A: { file: ./a }, B: { secretRef: { name: s, key: k } } }, login: { password: { env: P } } }',
      ),
    });
    const source = sources.get('home');
    expect(source?.settings).toEqual({ protocol: 'plain', url: 'https://nas.lan' });
    expect(source?.credentials).toEqual(
      new Map<string, object>([
        ['headers.A', { file: resolve('/etc/hikyaku/a') }],
        ['headers.B', { secretRef: { name: 's', key: 'k' } }],
        ['login.password', { env: 'P' }],
      ]),
    );
    expect(isAbsolute('/etc/hikyaku/a')).toBe(true);
  });

  test('a CA file is found beside the config file, and a CA in the file is taken as it is', async () => {
    const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
    const authority = defineProvider({
      type: 'authority',
      config: z.strictObject({ ca: z.string() }),
      describe: ({ ca }) => ({ identity: 'x', origins: [], ca }),
      connect: () => ({ read: async () => ({ secrets: new Map() }) }),
    });
    const known = knownFrom(new Map([['authority', authority as Provider]]));
    const text = `providers: { a: { type: authority, ca: ./ca.pem }, b: { type: authority, ca: ${JSON.stringify(pem)} } }\nsecrets: []\n`;
    const result = await parseConfig([{ path: '/etc/hikyaku/config.yaml', text }], { providers: known });
    if (!result.ok) throw new Error(formatProblems(result.problems));
    const authorities = [...result.config.sources.values()].map(({ description }) => description.ca);
    expect(authorities).toEqual([resolve('/etc/hikyaku/ca.pem'), pem]);
  });

  test('a schema of another library may be asynchronous', async () => {
    expect((await configOf(withSource('{ type: outside, room: blue }'))).sources.get('home')?.settings).toEqual({
      room: 'blue',
    });
  });

  test('CRLF, a BOM, comments and a `---` line are fine', async () => {
    const text = `\uFEFF---\r\n# hello\r\n${withEntry(`{ ${NAMED} }`).replaceAll('\n', '\r\n')}`;
    expect((await configOf(text)).secrets).toHaveLength(1);
  });

  test('`yes`, `off` and `1_0` are text, as YAML 1.2 has it', async () => {
    const { labels } = await entryOf(`{ ${NAMED}, labels: { a: yes, b: off, c: 1_0 } }`);
    expect(labels).toEqual({ a: 'yes', b: 'off', c: '1_0' });
  });

  test.each([
    ['type', 'kubernetes.io/tls'],
    ['labels', '{}'],
    ['annotations', '{ a: b }'],
    ['immutable', 'false'],
    ['recreate', 'true'],
  ])('`existing: merge` leaves `%s` to the owner', async (word, value) => {
    expect(await problemsOf(withEntry(`{ ${NAMED}, existing: merge, ${word}: ${value} }`))).toEqual([
      `f:3:59: secrets[0].${word}: \`${word}\` is up to the owner of a Secret with \`existing: merge\`: only keys are put into it; remove \`${word}\``,
    ]);
  });

  test('`existing: merge` takes the words that are about keys', async () => {
    const entry = `{ ${NAMED}, existing: merge, keyNames: underscore, whenRemoved: keep }`;
    expect(await entryOf(entry)).toMatchObject({ existing: 'merge', keyNames: 'underscore', whenRemoved: 'keep' });
  });

  test('restarts what it names, or whatever uses the Secret', async () => {
    const restartOf = async (text: string) => {
      const { restart } = await entryOf(`{ name: s, namespace: n, from: home, restart: ${text} }`);
      return restart;
    };
    expect(await restartOf('[Deployment/web, StatefulSet/db, DaemonSet/agent, Deployment/web]')).toEqual([
      'Deployment/web',
      'StatefulSet/db',
      'DaemonSet/agent',
    ]);
    expect(await restartOf('true')).toBe(true);
    expect(await restartOf('false')).toBeUndefined();
  });

  test('no secrets and unused sources are fine', async () => {
    expect((await configOf(`${SOURCE}secrets: []`)).secrets).toEqual([]);
    expect((await configOf('providers: {}\nsecrets: []')).sources.size).toBe(0);
  });

  test('files are joined, and sources of one serve entries of another', async () => {
    const { secrets } = await configOf(
      { path: 'a.yaml', text: `secrets: [{ ${NAMED} }]` },
      { path: 'b.yaml', text: `version: 1\n${SOURCE}` },
      { path: 'c.yaml', text: 'version: 1\nsecrets: [{ name: t, namespace: n, from: home }]' },
    );
    expect(secrets.map(({ name, position }) => `${position.file} ${name}`)).toEqual(['a.yaml s', 'c.yaml t']);
  });

  test('the namespace of the agent is the one it is told', async () => {
    const file = { path: 'f', text: withEntry('{ name: s, namespace: hikyaku, from: home }') };
    expect((await parseConfig([file], { providers, agentNamespace: 'other' })).ok).toBe(true);
  });
});

describe('the text', () => {
  test.each([
    [
      'a tab as indentation',
      'providers:\n\thome: {}\n',
      ['f:2:1: YAML does not allow tabs as indentation; use spaces'],
    ],
    [
      'a second document',
      'secrets: []\n---\nsecrets: []\n',
      ['f:2:1: a second YAML document starts here; one file holds one document: use a directory of files'],
    ],
    ['an empty file', '', ['f:1:1: the file is empty; a smallest config is']],
    ['only comments', '# providers:\n# secrets:\n', ['f:1:1: the file is empty; a smallest config is']],
    ['a list at the top', '- a\n', ['f:1:1: this must be a mapping, got a list']],
    ['an open bracket', 'secrets: [a\n', ['a `[` or `{` is not closed']],
    ['an open quote', 'secrets: "a\n', ['a double quote is not closed']],
    ['a line without a colon', 'version: 1\nsecrets\n', ['f:2:1: a key must be followed by `:` and a space']],
    [
      'a reserved character',
      `${SOURCE}secrets: @x\n`,
      ['f:2:10: a value cannot start with this character; put the value in quotes'],
    ],
    [
      'another YAML version',
      '%YAML 1.1\n---\nsecrets: []\n',
      ['f:1:1: the file asks for another YAML than 1.2; remove the `%YAML` line'],
    ],
    [
      'a duplicate key',
      'providers: {}\nsecrets: []\nproviders: {}\n',
      ['f:3:1: providers: `providers` stands here twice: first in line 1; remove one'],
    ],
    [
      'a number as a key',
      `${SOURCE}secrets: []\n1: x\n`,
      ['f:3:1: 1: a key must be text, got a number; put it in quotes'],
    ],
    ['a list as a key', `${SOURCE}secrets: []\n? [a]\n: x\n`, ['f:3:3: ["?"]: a key must be text; put it in quotes']],
    ['`__proto__` as a key', `${SOURCE}secrets: []\n__proto__: {}\n`, ['f:3:1: __proto__: this key is not allowed']],
    [
      'a merge key',
      withEntry(`{ ${NAMED}, <<: { type: x } }`),
      ['f:3:42: secrets[0]["<<"]: YAML merge keys (`<<`) are not supported; write it out'],
    ],
    [
      'an alias',
      withEntry('{ name: s, namespace: n, from: *home }'),
      ['f:3:36: secrets[0].from: YAML aliases (`*`) are not supported'],
    ],
    [
      'a glob without quotes',
      withEntry(`{ ${NAMED}, dataFrom: [{ keys: *DB }] }`),
      [
        'f:3:61: secrets[0].dataFrom[0].keys: YAML aliases (`*`) are not supported; a value that starts with `*` needs quotes',
      ],
    ],
    [
      'an exclude without quotes',
      withEntry(`{ ${NAMED}, dataFrom: [{ keys: [ !DB_* ] }] }`),
      [
        'f:3:63: secrets[0].dataFrom[0].keys[0]: YAML tags (`!`) are not supported; a value that starts with `!` needs quotes',
      ],
    ],
    ['a custom tag', `${SOURCE}secrets: !include x\n`, ['f:2:10: secrets: YAML tags (`!`) are not supported']],
    ['deep nesting', `secrets: ${'['.repeat(40)}${']'.repeat(40)}\nproviders: {}\n`, ['nested too deeply']],
  ])('%s is refused', async (_, text, expected) => {
    const problems = await problemsOf(text);
    for (const part of expected) expect(problems.join('\n')).toContain(part);
    expect(problems).toHaveLength(expected.length);
  });

  test('a bomb of aliases, 5 MB of text and very deep nesting are refused within a second', async () => {
    const levels = Array.from(
      { length: 30 },
      (_, level) => `l${level}: &l${level} [${`*l${level - 1},`.repeat(level === 0 ? 0 : 9)}]`,
    );
    const bomb = `${levels.join('\n')}\nsecrets: *l29\nproviders: {}\n`;
    const start = performance.now();
    expect((await problemsOf(bomb)).join('\n')).toContain('YAML aliases (`*`) are not supported');
    expect(await problemsOf(`# ${'x'.repeat(5_000_000)}\n`)).toEqual([
      'f:1:1: the file is larger than 1 MiB; split it into a directory of files',
    ]);
    expect(await problemsOf('['.repeat(5000) + ']'.repeat(5000))).not.toEqual([]);
    expect(performance.now() - start).toBeLessThan(1000);
  });

  test('many keys in one mapping cost time in proportion', async () => {
    async function timeOf(keys: number): Promise<number> {
      const lines = Array.from({ length: keys }, (_, index) => `      key-${index}: KEY_${index}`);
      const start = performance.now();
      const { secrets } = await configOf(
        `${SOURCE}secrets:\n  - name: s\n    namespace: n\n    from: home\n    data:\n${lines.join('\n')}\n`,
      );
      expect(secrets[0]?.items.size).toBe(keys);
      return performance.now() - start;
    }
    await timeOf(2_000); // what is done once
    const few = await timeOf(2_000);
    // In proportion would be ten times as much; each key compared with each other a hundred times.
    expect((await timeOf(20_000)) / few).toBeLessThan(40);
  });
});

describe('the top', () => {
  test.each([
    [
      'an unknown key',
      `versoin: 1\n${SOURCE}secrets: []`,
      ['f:1:1: versoin: unknown key `versoin`; did you mean `version`?'],
    ],
    [
      'another version',
      `version: 2\n${SOURCE}secrets: []`,
      ['f:1:10: version: `version` must be `1`: this hikyaku reads version 1'],
    ],
    [
      'a duration without a unit',
      `resync: 10\n${SOURCE}secrets: []`,
      ['f:1:9: resync: `resync` must be a duration such as `30s`, `5m`, `1h` or `2d`'],
    ],
    [
      'a duration in milliseconds',
      `resync: 900ms\n${SOURCE}secrets: []`,
      ['f:1:9: resync: `resync` must be a duration such as'],
    ],
    [
      'a duration that is too long',
      `resync: 25d\n${SOURCE}secrets: []`,
      ['f:1:9: resync: `resync` must be at most `20d`'],
    ],
    [
      '`hold: false`',
      `hold: false\n${SOURCE}secrets: []`,
      ['f:1:7: hold: `hold` must be `off` or a mapping, got true or false'],
    ],
    [
      'a threshold over 100 %',
      `hold: { lostSecrets: 101% }\n${SOURCE}secrets: []`,
      ['f:1:22: hold.lostSecrets: `lostSecrets` must be a percentage such as `50%`'],
    ],
    [
      'the word of a source in `hold`',
      `hold: { lostKeys: 1% }\n${SOURCE}secrets: []`,
      ['f:1:7: hold.lostSecrets: `lostSecrets` is missing', 'f:1:9: hold.lostKeys: unknown key `lostKeys`'],
    ],
    ['no `secrets`', SOURCE, ['f:1:1: secrets: `secrets` is missing; write `secrets: []` when there are none']],
    [
      '`secrets` with every line commented out',
      `${SOURCE}secrets:\n#  - x\n`,
      ['f:2:1: secrets: `secrets` must be a list, got nothing; write `secrets: []` when there are none'],
    ],
    ['no `providers`', 'secrets: []', ['f:1:1: providers: `providers` is missing']],
  ])('%s is refused', async (_, text, expected) => {
    const problems = await problemsOf(text);
    expect(problems.map((problem, index) => problem.slice(0, expected[index]?.length))).toEqual(expected);
  });
});

describe('a source', () => {
  test.each([
    [
      'a name in capitals',
      'providers:\n  Home: { type: doppler, project: p, config: c }\nsecrets: []',
      ['f:2:3: providers.Home: the name of a source must be lower-case letters'],
    ],
    [
      'a name of 41 characters',
      `providers:\n  ${'a'.repeat(41)}: { type: doppler, project: p, config: c }\nsecrets: []`,
      [`f:2:3: providers.${'a'.repeat(41)}: the name of a source must be`],
    ],
    [
      'an unknown type',
      withSource('{ type: dopler }'),
      ['f:2:17: providers.home.type: unknown provider type `dopler`; did you mean `doppler`?'],
    ],
    [
      'an unknown type like no other',
      withSource('{ type: x }'),
      ['f:2:17: providers.home.type: unknown provider type `x`; one of `doppler`, `outside`, `webhook`'],
    ],
    [
      'no type',
      withSource('{ project: p }'),
      ['f:2:9: providers.home.type: `type` is missing; one of `doppler`, `outside`, `webhook`'],
    ],
    ['nothing', withSource(''), ['f:2:3: providers.home: `home` must be a mapping, got nothing']],
    [
      'an unknown setting',
      withSource('{ type: doppler, project: p, config: c, tokn: x }'),
      ['f:2:49: providers.home.tokn: unknown key `tokn`; did you mean `token`?'],
    ],
    [
      'an unknown setting deeper down',
      withSource('{ type: doppler, project: p, config: c, names: { prefx: x } }'),
      ['f:2:58: providers.home.names.prefx: unknown key `prefx`; did you mean `prefix`?'],
    ],
    [
      'a missing setting',
      withSource('{ type: doppler, project: p }'),
      ['f:2:9: providers.home.config: `config` is missing'],
    ],
    [
      'a setting of the wrong kind',
      withSource('{ type: doppler, project: 5, config: c }'),
      ['f:2:35: providers.home.project: `project` must be text, got a number; put it in quotes'],
    ],
    [
      'an unknown branch',
      withSource('{ type: webhook, protocol: plian, url: "https://a" }'),
      ['f:2:36: providers.home.protocol: `protocol` must be one of `hikyaku`, `plain`; did you mean `plain`?'],
    ],
    [
      'what `describe` refuses',
      withSource('{ type: webhook, protocol: plain, url: "http://a" }'),
      ['f:2:9: providers.home: plain http is not allowed: use https'],
    ],
    [
      'a cron with a minute that is none',
      withSource('{ type: doppler, project: p, config: c, refresh: { cron: "61 * * * *" } }'),
      [
        'f:2:66: providers.home.refresh.cron: `cron` must be a cron expression of five fields such as `*/5 * * * *`, or of six with the second first: its minute cannot be',
      ],
    ],
    [
      'a cron of too few fields',
      withSource('{ type: doppler, project: p, config: c, refresh: { cron: "* * *" } }'),
      [
        'f:2:66: providers.home.refresh.cron: `cron` must be a cron expression of five fields such as `*/5 * * * *`, or of six with the second first',
      ],
    ],
    [
      'a cron whose range would fill the memory',
      withSource('{ type: doppler, project: p, config: c, refresh: { cron: "0-999999999 * * * *" } }'),
      [
        'f:2:66: providers.home.refresh.cron: `cron` must be a cron expression of five fields such as `*/5 * * * *`, or of six with the second first',
      ],
    ],
    [
      'a time zone that does not exist',
      withSource('{ type: doppler, project: p, config: c, refresh: { cron: "* * * * *", timeZone: Asia/Tokio } }'),
      [
        'f:2:89: providers.home.refresh.timeZone: `timeZone` must be a time zone such as `Asia/Tokyo`; did you mean `Asia/Tokyo`?',
      ],
    ],
    [
      'a time zone without a cron',
      withSource('{ type: doppler, project: p, config: c, refresh: { timezone: UTC } }'),
      [
        'f:2:58: providers.home.refresh.cron: `cron` is missing',
        'f:2:60: providers.home.refresh.timezone: unknown key `timezone`; did you mean `timeZone`?',
      ],
    ],
    [
      'a `refresh` that is a number',
      withSource('{ type: doppler, project: p, config: c, refresh: 5 }'),
      ['f:2:58: providers.home.refresh: `refresh` must be text or a mapping, got a number'],
    ],
    [
      '`snapshot`',
      withSource('{ type: doppler, project: p, config: c, snapshot: 5m }'),
      ['f:2:59: providers.home.snapshot: `snapshot` must be true or false, got text'],
    ],
    [
      'a word of the whole file in `hold`',
      withSource('{ type: doppler, project: p, config: c, hold: { lostKeys: -1 } }'),
      ['f:2:67: providers.home.hold.lostKeys: `lostKeys` must be a percentage such as `50%` or a whole number'],
    ],
  ])('%s is refused', async (_, text, expected) => {
    const problems = await problemsOf(text);
    expect(problems.map((problem, index) => problem.slice(0, expected[index]?.length))).toEqual(expected);
  });
});

describe('a credential', () => {
  const withToken = (token: string): string => withSource(`{ type: doppler, project: p, config: c, token: ${token} }`);
  const OTHERS = 'or use `{ env: NAME }`, `{ file: PATH }` or `{ secretRef: { name: NAME, key: KEY } }`';
  const FORMS = `\`hikyaku seal providers.home.token\` seals it; ${OTHERS}`;
  const ONE_OF =
    '`token` needs exactly one of `env`, `file`, `secretRef`, `sealed`, `perCluster` and `serviceAccountToken`';

  test.each([
    [
      'a literal',
      'dp.st.literal',
      [`f:2:56: providers.home.token: \`token\`: a credential does not belong in the file; ${FORMS}`],
    ],
    [
      'a literal number',
      '12345678',
      [`f:2:56: providers.home.token: \`token\`: a credential does not belong in the file; ${FORMS}`],
    ],
    [
      'nothing',
      '',
      [
        `f:2:49: providers.home.token: \`token\` must be a mapping that says where the credential is kept, got nothing; ${FORMS}`,
      ],
    ],
    ['an empty mapping', '{}', [`f:2:56: providers.home.token: ${ONE_OF}; ${FORMS}`]],
    ['two references', '{ env: A, file: b }', [`f:2:56: providers.home.token: ${ONE_OF}; ${FORMS}`]],
    ['a misspelt form', '{ evn: A }', ['f:2:58: providers.home.token.evn: unknown key `evn`; did you mean `env`?']],
    [
      'a value in place of the name of a variable',
      '{ env: dp.st.x }',
      ['f:2:63: providers.home.token.env: `env` must be the name of an environment variable: letters, digits and `_`'],
    ],
    [
      'half a secretRef',
      '{ secretRef: { name: S } }',
      [
        'f:2:69: providers.home.token.secretRef.key: `key` is missing',
        'f:2:77: providers.home.token.secretRef.name: `name` must be lower-case letters, digits, `-` and `.` (letter or digit at either end), at most 253 characters',
      ],
    ],
  ])('%s is refused', async (_, token, expected) => {
    expect(await problemsOf(withToken(token))).toEqual(expected);
  });

  test('a literal is refused in every key of a map, and so is what is no map', async () => {
    const withHeaders = (headers: string): string =>
      withSource(`{ type: webhook, protocol: plain, url: "https://a", headers: ${headers} }`);
    expect(await problemsOf(withHeaders('{ Authorization: abc }'))).toEqual([
      `f:2:87: providers.home.headers.Authorization: \`Authorization\`: a credential does not belong in the file; \`hikyaku seal providers.home.headers.Authorization\` seals it; ${OTHERS}`,
    ]);
    expect(await problemsOf(withHeaders('abc'))).toEqual([
      'f:2:70: providers.home.headers: `headers` must be a mapping, got text',
    ]);
  });

  const LITERAL = 'dp.st.prd.S3cr3tS3cr3t';
  test.each([
    ['as a token', withToken(LITERAL)],
    ['as a number of the wrong kind', withToken(`[ ${LITERAL} ]`)],
    ['behind env', withToken(`{ env: ${LITERAL} }`)],
    ['behind sealed', withToken(`{ sealed: ${LITERAL} }`)],
    ['behind sealed as a list', withToken(`{ sealed: [ ${LITERAL} ] }`)],
    ['for one cluster', withToken(`{ perCluster: { home: ${LITERAL} } }`)],
    ['as an audience', withToken(`{ serviceAccountToken: { audience: ${LITERAL} } }`)],
    ['behind an unknown key', withSource(`{ type: doppler, project: p, config: c, tokn: ${LITERAL} }`)],
    ['in a setting of the wrong kind', withSource(`{ type: doppler, project: p, config: c, names: ${LITERAL} }`)],
    ['in a message of another library', withSource(`{ type: outside, room: ${LITERAL} }`)],
    ['behind a quote that closes early', withToken(`"x" ${LITERAL}`)],
    ['in a block header', `${SOURCE}secrets:\n  - >${LITERAL}\n`],
    ['after a closing bracket', `secrets: }${LITERAL}\n`],
    ['on a line of its own', `${SOURCE}${LITERAL}\nsecrets: []\n`],
    ['behind a tag', withToken(`!x ${LITERAL}`)],
    ['in `secretRef`', withToken(`{ secretRef: ${LITERAL} }`)],
    ['in `hold`', withSource(`{ type: doppler, project: p, config: c, hold: ${LITERAL} }`)],
    ['in `refresh`', withSource(`{ type: doppler, project: p, config: c, refresh: ${LITERAL} }`)],
  ])('a literal %s is never echoed', async (_, text) => {
    const result = await parseConfig([{ path: 'f', text }], { providers });
    expect(result.ok).toBe(false);
    expect(inspect(result, { depth: null })).not.toContain('S3cr3t');
  });
});

describe('an entry', () => {
  test.each([
    [
      'an unknown key',
      `{ ${NAMED}, lables: {} }`,
      ['3:42: secrets[0].lables: unknown key `lables`; did you mean `labels`?'],
    ],
    ['no name', '{ namespace: n, from: home }', ['3:5: secrets[0].name: `name` is missing']],
    [
      'a name in capitals',
      '{ name: S, namespace: n, from: home }',
      ['3:13: secrets[0].name: `name` must be lower-case letters'],
    ],
    [
      'a name of 254 characters',
      `{ name: ${'a'.repeat(254)}, namespace: n, from: home }`,
      ['3:13: secrets[0].name: `name` must be'],
    ],
    [
      'no namespace',
      '{ name: s, from: home }',
      ['3:5: secrets[0]: `namespace` is missing; name one with `namespace`, or several with `namespaces`'],
    ],
    [
      'both `namespace` and `namespaces`',
      '{ name: s, namespace: n, namespaces: [m], from: home }',
      ['3:30: secrets[0].namespaces: `namespace` and `namespaces` exclude each other; keep one of them'],
    ],
    [
      'no namespaces',
      '{ name: s, namespaces: [], from: home }',
      ['3:28: secrets[0].namespaces: `namespaces` must name at least one'],
    ],
    [
      'namespaces as text',
      '{ name: s, namespaces: n, from: home }',
      ['3:28: secrets[0].namespaces: `namespaces` must be a list, got text'],
    ],
    [
      'a namespace twice',
      '{ name: s, namespaces: [n, n], from: home }',
      ['3:32: secrets[0].namespaces[1]: the namespace `n` stands here twice; remove one'],
    ],
    [
      'a namespace with a dot',
      '{ name: s, namespace: a.b, from: home }',
      ['3:27: secrets[0].namespace: `namespace` must be lower-case letters'],
    ],
    [
      'the namespace of the agent',
      '{ name: s, namespace: hikyaku, from: home }',
      ['3:27: secrets[0].namespace: `hikyaku` is the namespace of the agent itself'],
    ],
    [
      'an unknown source',
      '{ name: s, namespace: n, from: hoem }',
      ['3:36: secrets[0].from: there is no source `hoem`; did you mean `home`?'],
    ],
    [
      'an unknown source like no other',
      '{ name: s, namespace: n, from: x }',
      ['3:36: secrets[0].from: there is no source `x`; name it under `providers`'],
    ],
    [
      'no source at all',
      '{ name: s, namespace: n }',
      ['3:5: secrets[0]: this entry says neither `from` nor `data` nor `dataFrom`'],
    ],
    ['text', 'x', ['3:5: secrets[0]: `secrets[0]` must be a mapping, got text']],
    ['an empty item', '', ['3:5: secrets[0]: `secrets[0]` must be a mapping, got nothing']],
    [
      'an unknown word for `keyNames`',
      `{ ${NAMED}, keyNames: underscor }`,
      ['3:52: secrets[0].keyNames: `keyNames` must be one of `strict`, `underscore`; did you mean `underscore`?'],
    ],
    [
      'text for true or false',
      `{ ${NAMED}, immutable: yes }`,
      ['3:53: secrets[0].immutable: `immutable` must be true or false, got text'],
    ],
    [
      'a restart of what cannot be restarted',
      `{ ${NAMED}, restart: [Job/web, web, Deployment/web/x, Deployment/Web] }`,
      [
        '3:52: secrets[0].restart[0]: `restart[0]` must be KIND/NAME, with Deployment, StatefulSet or DaemonSet as the kind',
        '3:61: secrets[0].restart[1]: `restart[1]` must be KIND/NAME, with Deployment, StatefulSet or DaemonSet as the kind',
        '3:66: secrets[0].restart[2]: `restart[2]` must be KIND/NAME, with Deployment, StatefulSet or DaemonSet as the kind',
        '3:84: secrets[0].restart[3]: `restart[3]` must be KIND/NAME, with Deployment, StatefulSet or DaemonSet as the kind',
      ],
    ],
    [
      'a restart of nothing',
      `{ ${NAMED}, restart: [] }`,
      ['3:51: secrets[0].restart: `restart` must name at least one, or be `true` for all that use it'],
    ],
    [
      'an unknown word for `restart`',
      `{ ${NAMED}, restart: Deployment/web }`,
      ['3:51: secrets[0].restart: `restart` must be `true` or a list such as `[Deployment/web]`'],
    ],
    [
      'an unknown word for `existing`',
      `{ ${NAMED}, existing: adopt }`,
      ['3:52: secrets[0].existing: `existing` must be one of `refuse`, `merge`'],
    ],
    [
      'merging into the namespace of the agent itself',
      '{ name: s, namespace: hikyaku, from: home, existing: merge }',
      ['3:27: secrets[0].namespace: `hikyaku` is the namespace of the agent itself'],
    ],
    [
      'a label of hikyaku',
      `{ ${NAMED}, labels: { hikyaku.dev/agent: x } }`,
      ['3:52: secrets[0].labels["hikyaku.dev/agent"]: `hikyaku.dev/agent` is set by hikyaku itself; remove it'],
    ],
    [
      'an annotation of hikyaku',
      `{ ${NAMED}, annotations: { hikyaku.dev/x: x } }`,
      ['3:57: secrets[0].annotations["hikyaku.dev/x"]: `hikyaku.dev/x` is set by hikyaku itself; remove it'],
    ],
    [
      '`managed-by`',
      `{ ${NAMED}, labels: { app.kubernetes.io/managed-by: x } }`,
      [
        '3:52: secrets[0].labels["app.kubernetes.io/managed-by"]: `app.kubernetes.io/managed-by` is set by hikyaku itself; remove it',
      ],
    ],
    [
      'the key of a label',
      `{ ${NAMED}, labels: { "a/b/c": x } }`,
      ['3:52: secrets[0].labels["a/b/c"]: the key of a label must be'],
    ],
    [
      'the prefix of a label',
      `{ ${NAMED}, labels: { "A_/b": x } }`,
      ['3:52: secrets[0].labels["A_/b"]: the key of a label must have a DNS name before the `/`'],
    ],
    [
      'the value of a label',
      `{ ${NAMED}, labels: { a: "b c" } }`,
      ['3:55: secrets[0].labels.a: the value of a label must be'],
    ],
    [
      'a number as a label',
      `{ ${NAMED}, labels: { a: 1 } }`,
      ['3:55: secrets[0].labels.a: `a` must be text, got a number; put it in quotes'],
    ],
    [
      'the key of an annotation',
      `{ ${NAMED}, annotations: { "a b": x } }`,
      ['3:57: secrets[0].annotations["a b"]: the key of an annotation must be'],
    ],
    [
      'a Secret that is filled by Kubernetes',
      `{ ${NAMED}, type: kubernetes.io/service-account-token }`,
      [
        '3:48: secrets[0].type: a Secret of type `kubernetes.io/service-account-token` is refused: Kubernetes fills such a Secret',
      ],
    ],
    [
      'a Secret that lets machines join',
      `{ ${NAMED}, type: bootstrap.kubernetes.io/token }`,
      [
        '3:48: secrets[0].type: a Secret of type `bootstrap.kubernetes.io/token` is refused: such a Secret lets machines join',
      ],
    ],
    [
      'a Secret of Helm',
      `{ ${NAMED}, type: helm.sh/release.v1 }`,
      ['3:48: secrets[0].type: a Secret of type `helm.sh/release.v1` is refused: Helm takes'],
    ],
    [
      'a tls Secret without its key',
      `{ ${NAMED}, type: kubernetes.io/tls, data: { tls.crt: A } }`,
      ['3:48: secrets[0].type: a Secret of type `kubernetes.io/tls` needs `tls.key` in `data`'],
    ],
    [
      'a registry Secret without its key',
      `{ ${NAMED}, type: kubernetes.io/dockerconfigjson, data: { a: A } }`,
      ['3:48: secrets[0].type: a Secret of type `kubernetes.io/dockerconfigjson` needs `.dockerconfigjson` in `data`'],
    ],
    [
      'a login without its keys',
      `{ ${NAMED}, type: kubernetes.io/basic-auth, data: { a: A } }`,
      ['3:48: secrets[0].type: a Secret of type `kubernetes.io/basic-auth` needs `username` or `password` in `data`'],
    ],
    [
      'an ssh Secret without its key',
      `{ ${NAMED}, type: kubernetes.io/ssh-auth, data: { a: A } }`,
      ['3:48: secrets[0].type: a Secret of type `kubernetes.io/ssh-auth` needs `ssh-privatekey` in `data`'],
    ],
  ])('%s is refused', async (_, entry, expected) => {
    const problems = await problemsOf(withEntry(entry));
    expect(problems.map((problem, index) => problem.slice(0, (expected[index]?.length ?? 0) + 2))).toEqual(
      expected.map((text) => `f:${text}`),
    );
  });

  test('the keys of a known type are not asked for when a bulk item may bring them', async () => {
    expect(await problemsOf(withEntry(`{ ${NAMED}, type: kubernetes.io/tls }`))).toEqual([]);
    expect(
      await problemsOf(
        withEntry(`{ ${NAMED}, type: kubernetes.io/tls, data: { tls.crt: A }, dataFrom: [{ keys: tls.key }] }`),
      ),
    ).toEqual([]);
  });

  test('the same Secret twice is refused, across files too, with both places', async () => {
    const a = { path: 'a.yaml', text: withEntry(`{ ${NAMED} }`) };
    const b = { path: 'b.yaml', text: 'secrets:\n  - { name: s, namespaces: [m, n], from: home }\n' };
    expect(await problemsOf(a, b)).toEqual([
      'b.yaml:2:13: secrets[0].name: the Secret `n/s` stands here twice: first in a.yaml:3; remove one, or give it another name',
    ]);
  });
});

describe('data', () => {
  const EMPTY = 'which never means everything; remove `data:` for everything of `from`, or say what belongs there';

  test.each([
    ['`data: {}`', 'data: {}', [`3:48: secrets[0].data: \`data\` is empty, ${EMPTY}`]],
    ['`data:` without a value', 'data: ', [`3:42: secrets[0].data: \`data\` is empty, ${EMPTY}`]],
    [
      '`dataFrom: []`',
      'dataFrom: []',
      ['3:52: secrets[0].dataFrom: `dataFrom` is empty, which never means everything'],
    ],
    [
      '`dataFrom:` without a value',
      'dataFrom: ',
      ['3:42: secrets[0].dataFrom: `dataFrom` is empty, which never means everything'],
    ],
    ['a list in `data`', 'data: [A]', ['3:48: secrets[0].data: `data` must be a mapping, got a list']],
    [
      'a mapping in `dataFrom`',
      'dataFrom: { keys: A }',
      ['3:52: secrets[0].dataFrom: `dataFrom` must be a list, got a mapping'],
    ],
    [
      'a key with a slash',
      'data: { a/b: A }',
      ['3:50: secrets[0].data["a/b"]: a key of a Secret must be letters, digits'],
    ],
    ['`..` as a key', 'data: { ..: A }', ['3:50: secrets[0].data[".."]: a key of a Secret must be letters, digits']],
    [
      'a key of 254 characters',
      `data: { ${'a'.repeat(254)}: A }`,
      [`3:50: secrets[0].data.${'a'.repeat(254)}: a key of a Secret must be`],
    ],
    ['a key without a secret', 'data: { a: }', ['3:50: secrets[0].data.a: `a` names no secret']],
    [
      'a number',
      'data: { a: 5 }',
      ['3:53: secrets[0].data.a: `a` must be the name of a secret (text) or a mapping, got a number; put it in quotes'],
    ],
    ['no key', 'data: { a: { optional: true } }', ['3:53: secrets[0].data.a.key: `key` is missing']],
    [
      'a misspelt word',
      'data: { a: { key: A, optinal: true } }',
      ['3:63: secrets[0].data.a.optinal: unknown key `optinal`; did you mean `optional`?'],
    ],
    [
      'a version that is a number',
      'data: { a: { key: A, version: 3 } }',
      ['3:72: secrets[0].data.a.version: `version` must be text, got a number; put it in quotes'],
    ],
    [
      'a broken path',
      'data: { a: { key: A, property: a..b } }',
      ['3:73: secrets[0].data.a.property: `property` must be a dotted path such as `connection.host`'],
    ],
    [
      'a JSONPath',
      'data: { a: { key: A, property: $.a } }',
      ['3:73: secrets[0].data.a.property: JSONPath in `property` is not yet available'],
    ],
    [
      'an unknown decoding',
      'data: { a: { key: A, decode: base46 } }',
      ['3:71: secrets[0].data.a.decode: `decode` must be one of `base64`, `base64url`; did you mean `base64`?'],
    ],
    [
      'an unknown source',
      'data: { a: { key: A, from: hoem } }',
      ['3:69: secrets[0].data.a.from: there is no source `hoem`; did you mean `home`?'],
    ],
    [
      '`template` with `with`',
      'data: { a: { template: x, with: { b: c } } }',
      ['3:55: secrets[0].data.a.template: `template` is not yet available'],
    ],
    [
      '`generate`',
      'data: { a: { generate: { password: {} } } }',
      ['3:55: secrets[0].data.a.generate: `generate` is not yet available'],
    ],
    [
      '`extract`',
      'dataFrom: [{ key: A, extract: json }]',
      ['3:63: secrets[0].dataFrom[0].extract: `extract` is not yet available'],
    ],
    [
      '`rewrite`',
      'dataFrom: [{ keys: A, rewrite: [] }]',
      ['3:64: secrets[0].dataFrom[0].rewrite: `rewrite` is not yet available'],
    ],
    [
      '`key` in place of `keys`',
      'dataFrom: [{ key: A }]',
      ['3:55: secrets[0].dataFrom[0].key: unknown key `key`; did you mean `keys`?'],
    ],
    [
      'an empty list of globs',
      'dataFrom: [{ keys: [] }]',
      ['3:61: secrets[0].dataFrom[0].keys: `keys` must not be an empty list: leave it out for all keys'],
    ],
    [
      'braces in a glob',
      'dataFrom: [{ keys: ["A_{B,C}"] }]',
      ['3:62: secrets[0].dataFrom[0].keys[0]: `keys[0]` must be a glob'],
    ],
    ['a lone `!`', 'dataFrom: [{ keys: "!" }]', ['3:61: secrets[0].dataFrom[0].keys: `keys` must be a glob']],
    [
      '`as` without a star',
      'dataFrom: [{ keys: "A*", as: b }]',
      ['3:71: secrets[0].dataFrom[0].as: `as` must have exactly one `*`'],
    ],
    [
      '`as` for a glob without a star',
      'dataFrom: [{ keys: ["A*", "B"], as: "b*" }]',
      ['3:78: secrets[0].dataFrom[0].as: `as` needs exactly one `*` in each glob of `keys`, and `B` has 0'],
    ],
    [
      '`as` with `transform`',
      'dataFrom: [{ keys: "A*", as: "b*", transform: camel }]',
      ['3:77: secrets[0].dataFrom[0].transform: `as` and `transform` exclude each other; keep one of them'],
    ],
    [
      'an unknown transform',
      'dataFrom: [{ transform: lower-kebap }]',
      ['3:66: secrets[0].dataFrom[0].transform: `transform` must be one of'],
    ],
  ])('%s is refused', async (_, data, expected) => {
    const problems = await problemsOf(withEntry(`{ ${NAMED}, ${data} }`));
    expect(problems.map((problem, index) => problem.slice(0, (expected[index]?.length ?? 0) + 2))).toEqual(
      expected.map((text) => `f:${text}`),
    );
  });

  test('lines that are all commented out never mean everything', async () => {
    const text = `${SOURCE}secrets:\n  - name: s\n    namespace: n\n    from: home\n    data:\n      # a: A\n      # b: B\n`;
    expect(await problemsOf(text)).toEqual([`f:6:5: secrets[0].data: \`data\` is empty, ${EMPTY}`]);
  });

  test('an item without a source is refused unless it names its own', async () => {
    expect(
      await problemsOf(
        withEntry(
          '{ name: s, namespace: n, data: { a: A, b: { key: B }, c: { key: C, from: home } }, dataFrom: [{ keys: D }] }',
        ),
      ),
    ).toEqual([
      'f:3:38: secrets[0].data.a: `a` has no source; name one with `from`, here or for the whole entry',
      'f:3:44: secrets[0].data.b: `b` has no source; name one with `from`, here or for the whole entry',
      'f:3:99: secrets[0].dataFrom[0]: this item of `dataFrom` has no source; name one with `from`, here or for the whole entry',
    ]);
  });
});

describe('all problems', () => {
  test('of all files are reported at once, in the order of the lines', async () => {
    const problems = await problemsOf(
      {
        path: 'b.yaml',
        text: 'resync: 5\nsecrets:\n  - { name: S, namespace: n, from: x, data: {} }\n  - { nmae: s, namespace: n, from: home }\n',
      },
      {
        path: 'a.yaml',
        text: `resync: 1h\n${SOURCE}secrets:\n  - { name: s, from: home, data: { a: { key: 1, decode: x } }, labels: { a: "-", b: [] } }\n`,
      },
    );
    expect(problems.map((problem) => problem.split(': ').slice(0, 2).join(' '))).toEqual([
      'a.yaml:1:1 resync',
      'a.yaml:4:5 secrets[0]',
      'a.yaml:4:46 secrets[0].data.a.key',
      'a.yaml:4:57 secrets[0].data.a.decode',
      'a.yaml:4:77 secrets[0].labels.a',
      'a.yaml:4:85 secrets[0].labels.b',
      'b.yaml:1:9 resync',
      'b.yaml:3:13 secrets[0].name',
      'b.yaml:3:36 secrets[0].from',
      'b.yaml:3:45 secrets[0].data',
      'b.yaml:4:5 secrets[1].name',
      'b.yaml:4:7 secrets[1].nmae',
    ]);
  });

  test('name both places of a source or a word that stands in two files', async () => {
    expect(
      await problemsOf(
        { path: 'a.yaml', text: `hold: off\n${SOURCE}secrets: []` },
        { path: 'b.yaml', text: `${SOURCE}hold: off` },
      ),
    ).toEqual([
      'b.yaml:1:14: providers.home: the source `home` is named twice: first in a.yaml:2; remove one, or give it another name',
      'b.yaml:2:1: hold: `hold` stands in two files: first in a.yaml:1; remove one',
    ]);
  });

  test('do not include sources that a file with a syntax error may have named', async () => {
    expect(
      await problemsOf({ path: 'a.yaml', text: `secrets: [{ ${NAMED} }]` }, { path: 'b.yaml', text: 'providers: [\n' }),
    ).toEqual([expect.stringContaining('b.yaml:')]);
  });

  test('do not include entries that name a source with a problem of its own', async () => {
    expect(await problemsOf(`providers: { home: { type: doppler, project: p } }\nsecrets: [{ ${NAMED} }]`)).toEqual([
      'f:1:20: providers.home.config: `config` is missing',
    ]);
  });
});
