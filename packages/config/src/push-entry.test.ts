import { describe, expect, test } from 'vitest';
import type { PushEntry } from './config.ts';
import { providers } from './example-providers.test.kit.ts';
import { parseConfig } from './parse-config.ts';
import { formatProblems } from './problem.ts';

const SOURCES = `providers:
  home: { type: doppler, project: p, config: c }
  other: { type: doppler, project: o, config: c }
`;
const FROM = 'from: { namespace: web, secret: app-env }';

/** A file whose sixth line holds the push. */
function withPush(push: string, secrets = 'secrets: []'): string {
  return `${SOURCES}${secrets}\npushes:\n  - ${push}\n`;
}

async function problemsOf(...texts: readonly string[]): Promise<readonly string[]> {
  const files = texts.map((text, index) => ({ path: index === 0 ? 'f' : `f${index}`, text }));
  const result = await parseConfig(files, { providers });
  return result.ok ? [] : formatProblems(result.problems).split('\n');
}

async function pushesOf(...texts: readonly string[]): Promise<readonly PushEntry[]> {
  const result = await parseConfig(
    texts.map((text, index) => ({ path: `f${index}`, text })),
    { providers },
  );
  if (!result.ok) throw new Error(formatProblems(result.problems));
  return result.config.pushes;
}

describe('a push', () => {
  test('is all keys, kept equal and never removed, unless it says more', async () => {
    expect(await pushesOf(withPush(`{ ${FROM}, to: home }`))).toEqual([
      {
        namespace: 'web',
        name: 'app-env',
        source: 'home',
        update: 'always',
        whenRemoved: 'keep',
        position: { file: 'f0', line: 6, column: 5 },
      },
    ]);
    const [push] = await pushesOf(
      withPush(`{ ${FROM}, to: home, data: { APP_KEY: app-key, B: b }, update: ifAbsent, whenRemoved: delete }`),
    );
    expect(push).toMatchObject({ update: 'ifAbsent', whenRemoved: 'delete' });
    expect([...(push?.data ?? [])]).toEqual([
      ['APP_KEY', 'app-key'],
      ['B', 'b'],
    ]);
  });

  test('pushes of several files add up, and none at all is fine', async () => {
    const second = 'pushes:\n  - { from: { namespace: web, secret: b }, to: home }\n';
    expect(await pushesOf(withPush(`{ ${FROM}, to: home }`), second)).toHaveLength(2);
    expect(await pushesOf(`${SOURCES}secrets: []\n`)).toEqual([]);
    expect(await pushesOf(`${SOURCES}secrets: []\npushes: []\n`)).toEqual([]);
  });

  test.each<[string, string, readonly string[]]>([
    [
      'an unknown source',
      `{ ${FROM}, to: hoem }`,
      ['f:6:54: pushes[0].to: there is no source `hoem`; did you mean `home`?'],
    ],
    ['no source', `{ ${FROM} }`, ['f:6:5: pushes[0].to: `to` is missing']],
    ['no Secret', '{ to: home }', ['f:6:5: pushes[0].from: `from` is missing; write `from: {']],
    [
      'text as Secret',
      '{ from: web/app-env, to: home }',
      ['f:6:13: pushes[0].from: `from` must be a mapping, got text'],
    ],
    [
      'a name where the Secret belongs',
      '{ from: { namespace: web, name: a }, to: home }',
      ['f:6:13: pushes[0].from.secret: `secret` is missing', 'f:6:31: pushes[0].from.name: unknown key `name`'],
    ],
    [
      'the namespace of the agent',
      '{ from: { namespace: hikyaku, secret: hikyaku-identity }, to: home }',
      [
        'f:6:26: pushes[0].from.namespace: `hikyaku` is the namespace of the agent itself, and nothing of it is ever pushed',
      ],
    ],
    [
      'an empty `data`',
      `{ ${FROM}, to: home, data: {} }`,
      ['f:6:66: pushes[0].data: `data` is empty, which never means everything; remove `data:` to push all keys'],
    ],
    [
      'a list as `data`',
      `{ ${FROM}, to: home, data: [A] }`,
      ['f:6:66: pushes[0].data: `data` must be a mapping, got a list'],
    ],
    [
      'a key that no Secret has',
      `{ ${FROM}, to: home, data: { A: "a b" } }`,
      ['f:6:71: pushes[0].data.A: `A` must be letters, digits'],
    ],
    [
      'a nameless secret',
      `{ ${FROM}, to: home, data: { "": a } }`,
      ['f:6:68: pushes[0].data[""]: a name of `data` must name a secret'],
    ],
    [
      'another word',
      `{ ${FROM}, to: home, update: never }`,
      ['f:6:68: pushes[0].update: `update` must be one of `always`, `ifAbsent`'],
    ],
    ['an unknown key', `{ ${FROM}, to: home, key: x }`, ['f:6:60: pushes[0].key: unknown key `key`']],
    ['text', 'web/app-env', ['f:6:5: pushes[0]: `pushes[0]` must be a mapping, got text']],
  ])('%s is refused', async (_, push, expected) => {
    const problems = await problemsOf(withPush(push));
    expect(problems.map((problem, index) => problem.slice(0, expected[index]?.length))).toEqual(expected);
  });

  test('with every line commented out is an error', async () => {
    expect(await problemsOf(`${SOURCES}secrets: []\npushes:\n#  - x\n`)).toEqual([
      'f:5:1: pushes: `pushes` must be a list, got nothing; write `pushes: []` when there are none',
    ]);
  });

  test('one name of a source has one value: the second push of it is an error, also across files', async () => {
    const first = withPush(`{ ${FROM}, to: home, data: { KEY: a } }`);
    const second = 'pushes:\n  - { from: { namespace: web, secret: b }, to: home, data: { KEY: b } }\n';
    expect(await problemsOf(first, second)).toEqual([
      'f1:2:62: pushes[0].data.KEY: `KEY` of `home` is pushed twice: first in f:6; remove one, or give it another name',
    ]);
    expect(await problemsOf(first, second.replace('home', 'other'))).toEqual([]);
  });

  test('the same Secret twice to one source is an error', async () => {
    expect(await problemsOf(withPush(`{ ${FROM}, to: home }\n  - { ${FROM}, to: home, data: { A: a } }`))).toEqual([
      'f:7:50: pushes[1].to: the Secret `web/app-env` is pushed to `home` twice: first in f:6; put both into one entry',
    ]);
    expect(await problemsOf(withPush(`{ ${FROM}, to: home }\n  - { ${FROM}, to: other }`))).toEqual([]);
  });
});

describe('a loop', () => {
  const entry = (rest: string, name = 'app-env') => `secrets: [{ name: ${name}, namespace: web, ${rest} }]`;
  const push = (rest = '') => `{ ${FROM}, to: home${rest} }`;

  test.each<[string, string, string, string]>([
    [
      'of a named key',
      entry('from: home, data: { app-key: APP_KEY }'),
      push(', data: { APP_KEY: app-key }'),
      'f:6:68: pushes[0].data.APP_KEY: a loop: `APP_KEY` of `home` is pulled into web/app-env as `app-key` (f:4), and pushed back from there; remove one of the two',
    ],
    [
      'of a named key and all keys',
      entry('from: home, data: { KEY: KEY }'),
      push(),
      'f:6:50: pushes[0].to: a loop: `KEY` of `home` is pulled into web/app-env as `KEY` (f:4)',
    ],
    [
      'of part of a value',
      entry('from: home, data: { a: { key: A, property: x } }'),
      push(', data: { A: a }'),
      'f:6:68: ',
    ],
    [
      'of everything',
      entry('from: home'),
      push(),
      'f:6:50: pushes[0].to: a loop: `home` is pulled into web/app-env in bulk (f:4)',
    ],
    ['of some, renamed, and all keys', entry('dataFrom: [{ from: home, keys: "a*", as: "b*" }]'), push(), 'f:6:50: '],
    [
      'of a bulk item and a named key',
      entry('from: home, dataFrom: [{ keys: "APP_*" }]'),
      push(', data: { APP_KEY: APP_KEY }'),
      'f:6:68: pushes[0].data.APP_KEY: a loop: `APP_KEY` of `home` is pulled into web/app-env in bulk, as `APP_KEY` (f:4)',
    ],
    [
      'of a bulk item that renames',
      entry('from: home, dataFrom: [{ keys: "APP_*_X", as: "app.*" }]'),
      push(', data: { APP_KEY_X: app.KEY }'),
      'f:6:68: ',
    ],
    [
      'of a bulk item that transforms',
      entry('from: home, dataFrom: [{ transform: lower-kebab }]'),
      push(', data: { APP_KEY: app-key }'),
      'f:6:68: ',
    ],
    [
      'of a bulk item that transforms for Terraform',
      entry('from: home, dataFrom: [{ transform: tf-var }]'),
      push(', data: { APP_KEY: TF_VAR_app_key }'),
      'f:6:68: ',
    ],
    [
      'of a name that Kubernetes refuses',
      entry('from: home, keyNames: underscore'),
      push(', data: { "a b": a_b }'),
      'f:6:68: ',
    ],
    [
      'in one of several namespaces',
      'secrets: [{ name: app-env, namespaces: [a, web], from: home }]',
      push(),
      'f:6:50: ',
    ],
  ])('%s is refused', async (_, secrets, pushed, expected) => {
    const [problem, ...others] = await problemsOf(withPush(pushed, secrets));
    expect(others).toEqual([]);
    expect(problem?.slice(0, expected.length)).toBe(expected);
  });

  test.each<[string, string, string]>([
    ['another Secret', entry('from: home', 'other-env'), push()],
    ['another source', entry('from: other'), push()],
    ['another key of the Secret', entry('from: home, data: { a: A }'), push(', data: { A: b }')],
    ['another name at the source', entry('from: home, data: { a: A }'), push(', data: { B: a }')],
    ['a key pulled under another name than it is pushed', entry('from: home, data: { a: A }'), push()],
    [
      'a name that the globs leave out',
      entry('from: home, dataFrom: [{ keys: ["*", "!APP_*"] }]'),
      push(', data: { APP_KEY: APP_KEY }'),
    ],
    [
      'a bulk item that gives it another key',
      entry('from: home, dataFrom: [{ keys: "APP_*", as: "x*" }]'),
      push(', data: { APP_KEY: APP_KEY }'),
    ],
    [
      'a transform that gives it another key',
      entry('from: home, dataFrom: [{ transform: lower-kebab }]'),
      push(', data: { APP_KEY: other-key }'),
    ],
  ])('%s is none', async (_, secrets, pushed) => {
    expect(await problemsOf(withPush(pushed, secrets))).toEqual([]);
  });
});
