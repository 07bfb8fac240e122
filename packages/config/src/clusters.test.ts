import { describe, expect, test } from 'vitest';
import { providers } from './example-providers.test.kit.ts';
import { parseConfig } from './parse-config.ts';
import type { LoadResult } from './parse-config.ts';
import { formatProblems } from './problem.ts';

const HEAD = `recipients:
  home: age1${'q'.repeat(58)}
  cabin: age1${'p'.repeat(58)}
  edge: { keys: [] }
  me: { key: age1${'z'.repeat(58)}, backup: true }
providers: { home: { type: doppler, project: p, config: c } }
`;

async function parse(rest: string): Promise<LoadResult> {
  return await parseConfig([{ path: 'f', text: `${HEAD}${rest}` }], { providers });
}

/** With `secrets` in line 7. */
async function problemsOf(rest: string): Promise<readonly string[]> {
  const result = await parse(rest);
  return result.ok ? [] : formatProblems(result.problems).split('\n');
}

function entries(...clusters: readonly string[]): string {
  return `secrets: [${clusters.map((list) => `{ name: s, namespace: n, from: home${list} }`).join(', ')}]\n`;
}

function pushes(...clusters: readonly string[]): string {
  const list = clusters.map((more) => `{ from: { namespace: n, secret: s }, to: home, data: { A: a }${more} }`);
  return `secrets: []\npushes: [${list.join(', ')}]\n`;
}

const HOME = ', clusters: [home]';
const CABIN = ', clusters: [cabin]';

describe('clusters', () => {
  test('an entry and a push say which clusters they are for, also those that have no key', async () => {
    const result = await parse(`${entries(', clusters: [home, edge]')}${pushes(CABIN).split('\n')[1]}\n`);
    expect(result.ok && result.config.secrets[0]?.clusters).toEqual(new Set(['home', 'edge']));
    expect(result.ok && result.config.pushes[0]?.clusters).toEqual(new Set(['cabin']));
  });

  test.each([
    [
      'an unknown one',
      ', clusters: [hoem]',
      '7:59: secrets[0].clusters[0]: there is no recipient `hoem`; did you mean `home`?',
    ],
    [
      'one like no other',
      ', clusters: [x]',
      '7:59: secrets[0].clusters[0]: there is no recipient `x`; name it under `recipients`; `x: { keys: [] }` when it has no key',
    ],
    ['a backup key', ', clusters: [me]', '7:59: secrets[0].clusters[0]: `me` is a backup key, and no cluster'],
    [
      'one twice',
      ', clusters: [home, home]',
      '7:65: secrets[0].clusters[1]: the cluster `home` stands here twice; remove one',
    ],
    [
      'none',
      ', clusters: []',
      '7:58: secrets[0].clusters: `clusters` must name at least one; without `clusters` it is for all of them',
    ],
    ['text', ', clusters: home', '7:58: secrets[0].clusters: `clusters` must be a list, got text'],
  ])('%s is refused', async (_, clusters, expected) => {
    expect(await problemsOf(entries(clusters))).toEqual([`f:${expected}`]);
  });

  test('names are not judged while a file that may declare them cannot be read', async () => {
    const files = [
      { path: 'a', text: `providers: { home: { type: doppler, project: p, config: c } }\n${entries(HOME)}` },
      { path: 'b', text: 'recipients: *x\n' },
    ];
    const result = await parseConfig(files, { providers });
    expect(result.ok ? '' : formatProblems(result.problems)).not.toContain('no recipient');
  });

  test.each([
    ['entries', entries(HOME, CABIN)],
    ['pushes', pushes(HOME, CABIN)],
  ])('the same Secret may stand in %s for different clusters', async (_, text) => {
    expect(await problemsOf(text)).toEqual([]);
  });

  test.each([
    ['the same cluster', HOME, ', clusters: [cabin, home]'],
    ['one of all clusters', '', HOME],
    ['one that all others exclude', HOME, ''],
  ])('the same Secret twice for %s is refused', async (_, first, second) => {
    expect(await problemsOf(entries(first, second))).toEqual([
      expect.stringContaining('the Secret `n/s` stands here twice: first in f:7; remove one'),
    ]);
    expect(await problemsOf(pushes(first, second))).toEqual([
      expect.stringContaining('the Secret `n/s` is pushed to `home` twice: first in f:8'),
      expect.stringContaining('`A` of `home` is pushed twice: first in f:8'),
    ]);
  });

  test('what one cluster pushes another may pull into the same Secret, and the same one may not', async () => {
    const pulled = 'secrets: [{ name: s, namespace: n, from: home, data: { a: A }, clusters: [home] }]\n';
    const pushed = (clusters: string) => pushes(clusters).replace('secrets: []\n', '');
    expect(await problemsOf(pulled + pushed(CABIN))).toEqual([]);
    expect(await problemsOf(pulled + pushed(HOME))).toEqual([expect.stringContaining('a loop')]);
  });
});
