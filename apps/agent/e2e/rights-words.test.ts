import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectExit, hikyaku } from '@hikyaku/testbed';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Statement } from '../src/rights/statement.ts';
import { may } from './rights-words/may.ts';
import { isRefusal, mayNot } from './rights-words/may-not.ts';
import { granted, thief, widen } from './rights-words/others.ts';
import { allRules } from './rights-words/rules.ts';
import { grantsText, Scene, wordOf } from './rights-words/scene.ts';
import type { Kind } from './rights-words/scene.ts';

// What `hikyaku rights` says, statement by statement, on a real API server.

const KINDS: readonly Kind[] = ['own', 'named'];
/** Of Secrets that the checks write: as many as there are, so that `named` lets them. */
const NAMES = ['', '-2'].flatMap((end) => Object.keys({ ...may, ...mayNot, ...thief, ...widen }).map((id) => id + end));
const grants = { own: await grantsText('own', NAMES), named: await grantsText('named', [...NAMES, 'thief-merge']) };
const said = { own: await say('own'), named: await say('named') };

/** As a person asks with the grants at hand. */
async function say(kind: Kind): Promise<readonly Statement[]> {
  const folder = await mkdtemp(join(tmpdir(), 'hikyaku-rights-words-'));
  await writeFile(join(folder, 'grants.yaml'), grants[kind]);
  const finished = await hikyaku(['rights', '--json', '--config', join(folder, 'hikyaku.yaml')]);
  await rm(folder, { recursive: true });
  expectExit(finished, 0);
  return JSON.parse(finished.stdout).statements;
}

test('every statement has a check, and every check a statement', () => {
  const ids = new Set(KINDS.flatMap((kind) => said[kind].map(({ id }) => id)));
  const checks = Object.keys({ ...may, ...mayNot, ...granted, ...thief, ...widen });
  expect(checks.toSorted()).toEqual([...ids].toSorted());
});

test('every rule of the install files is covered by a statement, and every statement speaks of rules that are there', async () => {
  const spoken = new Set(said.named.flatMap(({ rules }) => rules));
  expect([...spoken].toSorted()).toEqual((await allRules()).toSorted());
});

describe.each(KINDS)('under the rights «%s»', (kind) => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open(kind, grants[kind]);
  });
  afterAll(async () => {
    await scene?.[Symbol.asyncDispose]();
  });
  const of = (section: Statement['section']) => said[kind].filter((statement) => statement.section === section);

  test('the grants of the cluster say the same as those at hand', async () => {
    const finished = await hikyaku(['rights', '--json', '--kubeconfig', scene.cluster.kubeconfig]);
    expectExit(finished, 0);
    const { rights, grants: where, statements } = JSON.parse(finished.stdout);
    expect({ rights, statements }).toEqual({ rights: kind, statements: said[kind] });
    expect(where).toMatch(/^the ConfigMap hikyaku\/hikyaku-grants of /);
  });

  test.each(of('may'))('it may $text', async ({ id, rules }) => {
    scene.used = new Set();
    const answers = await may[id]?.(scene);
    expect(answers?.map(({ status, text }) => (status < 300 ? 'passes' : text))).toEqual(answers?.map(() => 'passes'));
    expect(answers).not.toHaveLength(0);
    expect(rules.filter((rule) => !scene.used.has(rule))).toEqual([]);
  });

  test.each(of('may not'))('the API server does not let it $text', async ({ id, rules }) => {
    const answers = (await mayNot[id]?.(scene)) ?? [];
    expect(answers.filter((answer) => !isRefusal(answer)).map(({ status, text }) => `${status} ${text}`)).toEqual([]);
    expect(answers).not.toHaveLength(0);
    // Where two policies' words fit, the list of names speaks first.
    if (kind === 'named' && id === 'made-up-names') return;
    const words = new Set(answers.map(wordOf));
    expect(rules.filter((rule) => rule.startsWith('policy ') && !words.has(rule))).toEqual([]);
  });

  test.each(of('granted'))('the grants let pass: $text', async ({ id, entries }) => {
    await granted[id]?.(scene, entries ?? []);
  });

  test.each(of('thief'))('whoever steals its token can $text', async ({ id }) => {
    await thief[id]?.(scene, []);
  });

  test.each(of('widen'))('who can let it do more: $text', async ({ id }) => {
    await widen[id]?.(scene, []);
  });
});
