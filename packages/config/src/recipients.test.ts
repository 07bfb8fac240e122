import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { providers } from './example-providers.test.kit.ts';
import { parseConfig } from './parse-config.ts';
import type { LoadResult } from './parse-config.ts';
import { formatProblems } from './problem.ts';

const [HOME, CABIN, MINE] = ['q', 'p', 'z'].map((letter) => `age1${letter.repeat(58)}`);
const PRIVATE = `AGE-SECRET-KEY-1${'Q'.repeat(58)}`;

async function parse(...texts: readonly string[]): Promise<LoadResult> {
  const files = texts.map((text, index) => ({ path: index === 0 ? 'f' : `f${index + 1}`, text }));
  return await parseConfig(files, { providers });
}

async function problemsOf(...texts: readonly string[]): Promise<readonly string[]> {
  const result = await parse(...texts);
  return result.ok ? [] : formatProblems(result.problems).split('\n');
}

function withRecipients(recipients: string): string {
  return `providers: {}\nsecrets: []\nrecipients: ${recipients}\n`;
}

describe('recipients', () => {
  test('a text is one key, and a mapping says more', async () => {
    const result = await parse(
      withRecipients(
        `{ home: ${HOME}, edge: { keys: [] }, cabin: { keys: [${CABIN}] }, me: { key: ${MINE}, backup: true } }`,
      ),
    );
    expect(result.ok && [...result.config.recipients.values()]).toMatchObject([
      { name: 'home', keys: [HOME], backup: false, position: { file: 'f', line: 3, column: 15 } },
      { name: 'edge', keys: [], backup: false },
      { name: 'cabin', keys: [CABIN], backup: false },
      { name: 'me', keys: [MINE], backup: true },
    ]);
  });

  test('those of several files are joined, and a name stands once', async () => {
    const home = withRecipients(`{ home: ${HOME} }`);
    const result = await parse(home, `recipients: { me: { key: ${MINE}, backup: true } }\n`);
    expect(result.ok && [...result.config.recipients.keys()]).toEqual(['home', 'me']);
    expect(await problemsOf(home, `recipients: { home: ${CABIN} }`)).toEqual([
      'f2:1:15: recipients.home: the recipient `home` is named twice: first in f:3; remove one, or give it another name',
    ]);
  });

  test('without any, there are none', async () => {
    const result = await parse('providers: {}\nsecrets: []\n');
    expect(result.ok && result.config.recipients.size).toBe(0);
  });

  test.each([`age1tag1${'q'.repeat(59)}`, `age1pq1${'q'.repeat(1952)}`])(
    'other kinds of age keys are keys',
    async (key) => {
      expect(await problemsOf(withRecipients(`{ home: ${key} }`))).toEqual([]);
    },
  );

  const NO_KEY = 'must be a public key of age: `age1` and 58 more letters and digits, as the log of the agent says it';
  const BOTH = 'a recipient needs exactly one of `key` and `keys`; `NAME: age1…`; `NAME: { keys: [] }`';
  test.each([
    ['text that is no key', '{ home: abc }', [`3:21: recipients.home: \`home\` ${NO_KEY}`]],
    ['a key that is cut off', `{ home: ${HOME?.slice(0, -1)} }`, [`3:21: recipients.home: \`home\` ${NO_KEY}`]],
    [
      'a letter that age does not use',
      `{ home: age1b${HOME?.slice(5)} }`,
      [`3:21: recipients.home: \`home\` ${NO_KEY}`],
    ],
    ['an SSH key', '{ home: ssh-ed25519 AAAA }', [`3:21: recipients.home: \`home\` ${NO_KEY}`]],
    ['nothing', '{ home: }', ['3:15: recipients.home: `home` must be a public key or a mapping, got nothing']],
    ['an empty mapping', '{ home: {} }', [`3:21: recipients.home: ${BOTH}`]],
    ['both words', `{ home: { key: ${HOME}, keys: [${CABIN}] } }`, [`3:21: recipients.home: ${BOTH}`]],
    [
      'a misspelt word',
      `{ me: { key: ${MINE}, bakcup: true } }`,
      ['3:90: recipients.me.bakcup: unknown key `bakcup`; did you mean `backup`?'],
    ],
    [
      'a backup of no key',
      '{ me: { keys: [], backup: true } }',
      ['3:27: recipients.me.keys: a backup key must be there'],
    ],
    [
      'one key of two',
      `{ home: ${HOME}, cabin: ${HOME} }`,
      ['3:92: recipients.cabin: `cabin` has a key of `home`; each has its own; remove one of the two'],
    ],
    [
      'a key twice',
      `{ home: { keys: [${HOME}, ${HOME}] } }`,
      ['3:21: recipients.home: a key of `home` stands here twice; remove one'],
    ],
    [
      'a name with a dot',
      `{ a.b: ${HOME} }`,
      ['3:15: recipients["a.b"]: the name of a recipient must be lower-case letters'],
    ],
    ['a list', `[${HOME}]`, ['3:13: recipients: `recipients` must be a mapping, got a list']],
  ])('%s is refused', async (_, recipients, expected) => {
    const problems = await problemsOf(withRecipients(recipients));
    expect(problems.map((problem, index) => problem.slice(0, (expected[index]?.length ?? 0) + 2))).toEqual(
      expected.map((text) => `f:${text}`),
    );
  });

  test.each([
    ['as a recipient', withRecipients(`{ home: ${PRIVATE} }`), 'f:3:21'],
    ['in a comment', `${withRecipients('{}')}# ${PRIVATE}\n`, 'f:4:3'],
    ['as a key that is unknown', `${withRecipients('{}')}${PRIVATE}: x\n`, 'f:4:1'],
    ['as a source', `providers: {}\nsecrets: [{ name: a, namespace: b, from: ${PRIVATE} }]\n`, 'f:2:42'],
    ['in a file that is no YAML', `}${PRIVATE}`, 'f:1:2'],
    ['behind a BOM', `\uFEFF${PRIVATE}`, 'f:1:1'],
  ])('a private key %s is an error that does not print it', async (_, text, at) => {
    const result = await parse(text);
    expect(inspect(result, { depth: null })).not.toContain(PRIVATE);
    expect(await problemsOf(text)).toEqual([
      `${at}: a private key of age stands here, and whoever could read the file has it; revoke it: make another, put its public key under \`recipients\`, and replace every credential that this one could open`,
    ]);
  });
});
