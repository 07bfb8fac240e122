import { describe, expect, test } from 'vitest';
import { isMap, isNode, isScalar, parseDocument } from 'yaml';
import { isMapping } from '../place.ts';
import { ARMOR, examples, nasty } from './edit.test.kit.ts';
import { removeValue } from './remove-value.ts';
import { setValue } from './set-value.ts';
import type { EditValue } from './value-text.ts';

const all = [...examples, ...nasty];

type Tree = Record<string, unknown>;

function parse(text: string): Tree {
  const document = parseDocument(text.replace(/^\uFEFF/, ''));
  expect(document.errors).toEqual([]);
  return document.toJS() as Tree;
}

function at(tree: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((node, key) => (isMapping(node) ? node[key] : undefined), tree);
}

/** Takes out what stands at the path, and mappings that hold nothing else. */
function without(tree: Tree, [key = '', ...rest]: readonly string[]): Tree {
  const { [key]: inner, ...others } = tree;
  if (rest.length === 0 || !isMapping(inner)) return others;
  const left = without(inner, rest);
  return Object.keys(left).length === 0 ? others : { ...others, [key]: left };
}

/** How much of a text is still there before and behind what was put in. */
function sameAtBothEnds(before: string, after: string): number {
  let ahead = 0;
  while (ahead < before.length && before[ahead] === after[ahead]) ahead++;
  let behind = 0;
  while (behind < before.length && before.at(-1 - behind) === after.at(-1 - behind)) behind++;
  return ahead + behind;
}

/** How a text of several lines ends is up to how it is written. */
function trimmed(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll(/(\\n)+"/g, '"'));
}

function lineCount(text: string): number {
  return text.split('\n').length;
}

function sources(text: string): readonly string[] {
  const { providers } = parse(text);
  return isMapping(providers) ? Object.keys(providers) : [];
}

/** The value at the path has changed, and nothing else: neither what the file says nor a byte outside of the lines of the value. */
function expectOnly(before: string, after: string, path: readonly string[]): void {
  expect(without(parse(after), path)).toEqual(without(parse(before), path));
  const [start, end] = linesOf(before, path);
  expect(after.startsWith(before.slice(0, start))).toBe(true);
  expect(after.endsWith(before.slice(end))).toBe(true);
  expect(after.length).toBeGreaterThanOrEqual(before.length - (end - start));
  expect(lineBreaks(after)).toEqual(lineBreaks(before).size === 0 ? lineBreaks(after) : lineBreaks(before));
}

/** From the key to the end of the line where the value ends; what is absent takes no place, wherever it will be. */
function linesOf(text: string, path: readonly string[]): readonly [start: number, end: number] {
  const mark = text.startsWith('\uFEFF') ? 1 : 0;
  const source = text.slice(mark);
  let node: unknown = parseDocument(source).contents;
  for (const [depth, key] of path.entries()) {
    const pair = isMap(node) ? node.items.find((item) => isScalar(item.key) && item.key.value === key) : undefined;
    if (pair === undefined || !isScalar(pair.key)) break;
    node = pair.value;
    const isLast = depth === path.length - 1 || !isMap(node);
    if (!isLast || !isNode(node)) continue;
    const end = source.indexOf('\n', (node.range?.[2] ?? 0) - 1);
    return [(pair.key.range?.[0] ?? 0) + mark, end === -1 ? text.length : end + 1 + mark];
  }
  return [0, text.length];
}

function lineBreaks(text: string): ReadonlySet<string> {
  return new Set(text.match(/\r?\n/g));
}

/** What of the text may be lost: the value itself, and on its lines what is told here. */
function comments(text: string): readonly string[] {
  return text.match(/(?<=^|\s)#.*$/gm)?.map((comment) => comment.trimEnd()) ?? [];
}

describe.each(all)('in $name', ({ text }) => {
  const names = sources(text);
  const values: readonly (readonly [EditValue, readonly string[]])[] = [
    [{ sealed: ARMOR }, ['token']],
    [{ sealed: ARMOR }, ['headers', 'X-Api-Key']],
    [{ sealed: ARMOR }, ['basic', 'password']],
    [{ perCluster: { home: { sealed: ARMOR } } }, ['token']],
    [{ env: 'NAME' }, ['token']],
  ];

  test.each(names.flatMap((name) => values.map(([value, field]) => [value, ['providers', name, ...field]] as const)))(
    'nothing but %j at %j changes',
    (value, path) => {
      const after = setValue(text, path, value);
      expectOnly(text, after, path);
      expect(trimmed(at(parse(after), path))).toEqual(trimmed(value));
      expect(setValue(after, path, value)).toBe(after);
      const again = setValue(setValue(after, path, { file: 'other' }), path, value);
      expectOnly(text, again, path);
    },
  );

  test('a value that is absent is put in at one place', () => {
    for (const name of names) {
      const path = ['providers', name, 'more'];
      const after = setValue(text, path, { sealed: ARMOR });
      expect(without(parse(after), path)).toEqual(parse(text));
      expect(sameAtBothEnds(text, after)).toBeGreaterThanOrEqual(text.length);
    }
  });

  test('a sealed text is replaced where it stands, and nothing around it', () => {
    const sealed = ARMOR.replace('YWdl', 'b3RoZXI=\nb3RoZXI=');
    for (const name of names) {
      const path = ['providers', name, 'token', 'sealed'];
      if (typeof at(parse(text), path) !== 'string') continue;
      const after = setValue(text, path, sealed);
      expectOnly(text, after, path);
      expect(comments(after)).toEqual(comments(text));
      expect(setValue(setValue(after, path, ARMOR), path, sealed)).toBe(after);
    }
  });

  test('recipients are added, changed and removed', () => {
    const before = parse(text)['recipients'];
    let after = text;
    const steps: readonly (readonly [string, EditValue])[] = [
      ['lab', 'age1lab'],
      ['you', { key: 'age1you', backup: true }],
      ['lab', { keys: ['age1new', 'age1lab'] }],
      ['you', 'age1other'],
      ['home', { keys: ['age1x', 'age1y'] }],
    ];
    for (const [name, value] of steps) {
      const path = ['recipients', name];
      const next = setValue(after, path, value);
      expectOnly(after, next, path);
      expect(at(parse(next), path)).toEqual(value);
      expect(comments(next).toSorted()).toEqual(comments(after).toSorted());
      after = next;
    }
    for (const name of ['lab', 'you', 'home']) {
      const next = removeValue(after, ['recipients', name]);
      expect(without(parse(next), ['recipients'])).toEqual(without(parse(after), ['recipients']));
      expect(at(parse(next), ['recipients', name])).toBeUndefined();
      after = next;
    }
    expect(parse(after)['recipients']).toEqual(isMapping(before) ? without(before, ['home']) : {});
    expect(lineCount(after)).toBeLessThanOrEqual(lineCount(text) + 1);
  });

  test('a source that is not there is not made', () => {
    expect(() => setValue(text, ['providers', 'nowhere', 'token'], { env: 'A' })).toThrow(
      'there is no providers.nowhere in this file',
    );
  });
});
