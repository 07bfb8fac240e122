import { SecretValue } from '@hikyaku/core';
import type { Secret } from '@hikyaku/core';
import { describe, expect, test } from 'vitest';
import { editText, readEdit } from './edit-text.ts';

function secrets(values: Readonly<Record<string, string | Uint8Array>>): ReadonlyMap<string, Secret> {
  return new Map(Object.entries(values).map(([name, value]) => [name, { value: SecretValue.of(value) }]));
}

function edited(text: string, before: ReadonlyMap<string, Secret> = new Map()) {
  const result = readEdit(text, before);
  if ('problem' in result) return result.problem;
  return Object.fromEntries(result.wishes.map(({ name, value }) => [name, value?.text() ?? value?.reveal()]));
}

const PEM = '-----BEGIN KEY-----\nMIIB\nabc=\n-----END KEY-----\n';

describe('what is not touched comes back byte for byte', () => {
  test.each<[string, string | Uint8Array]>([
    ['plain text', 'correct-horse'],
    ['an empty value', ''],
    ['a number', '5432'],
    ['a number as it was written', '1.50'],
    ['a word of YAML', 'null'],
    ['a yes', 'yes'],
    ['a time', '2026-01-01'],
    ['a sign of YAML', '- [a, {b: c}] # no & comment: *'],
    ['quotes', `"double" and 'single' and \\`],
    ['spaces at both ends', '  a  '],
    ['a line break at the end', 'a\n'],
    ['several line breaks at the end', 'a\n\n\n'],
    ['a line break at the start', '\na'],
    ['only line breaks', '\n\n'],
    ['a private key', PEM],
    ['lines without a last break', 'a\nb'],
    ['spaces before a line break', 'a \nb'],
    ['an indented first line', '  a\nb\n'],
    ['Windows lines', 'a\r\nb\r\n'],
    ['a tab', 'a\tb'],
    ['control characters', 'a\u0007\u001b[31mb'],
    ['Japanese', '飛脚'],
    ['an emoji', '🔑 key\n🔑\n'],
    ['a byte order mark', '\ufeffa'],
    ['separators of lines and paragraphs', 'a\u2028b\u2029c\u0085d'],
    ['an end of a document', 'a\n---\nb\n...\n'],
    ['a very long line', 'x y '.repeat(5_000)],
    ['bytes that are no text', Uint8Array.of(0, 255, 254, 10)],
  ])('%s', (_, value) => {
    const before = secrets({ A: value, 'key with: signs': 'x', '5': 'y' });
    const result = readEdit(editText('homelab', before), before);
    expect(result).toHaveProperty('wishes');
    if (!('wishes' in result)) return;
    expect(result.wishes.map(({ name }) => name).toSorted()).toEqual(['5', 'A', 'key with: signs']);
    for (const { name, value: after } of result.wishes) {
      const same = after !== undefined && before.get(name)?.value.equals(after);
      expect([name, same]).toEqual([name, true]);
    }
  });
});

test('a private key is shown as lines', () => {
  expect(editText('homelab', secrets({ KEY: PEM }))).toContain('KEY: |\n  -----BEGIN KEY-----\n  MIIB\n');
});

describe('what a person writes', () => {
  test('is text, whatever it looks like', () => {
    expect(edited('A: 5432\nB: yes\nC: null\nD: ~\nE: 0x1F\nF: 1.50\nG:\nH: ""\n')).toEqual({
      A: '5432',
      B: 'yes',
      C: 'null',
      D: '~',
      E: '0x1F',
      F: '1.50',
      G: '',
      H: '',
    });
  });

  test('a line that is gone is to be removed, a new one is to be made', () => {
    expect(edited('A: 1\nC: 3\n', secrets({ A: '1', B: '2' }))).toEqual({ A: '1', C: '3', B: undefined });
  });

  test.each([
    ['A: [1\n', /^line 2 is not YAML \(/],
    ['A: "b\n', /^line \d is not YAML \(/],
    ['A: 1\nA: 2\n', /^line 2 is not YAML \(DUPLICATE_KEY\)$/],
    ['A: [1, 2]\n', /^line 1: the value of A must be text$/],
    ['A:\n  b: c\n', /^line 1: the value of A must be text$/],
    ['x: &a 1\nA: *a\n', /^line 2: the value of A must be text$/],
    ['? [a]\n: b\n', /^line 1: a secret needs a name$/],
    ['just text\n', /^the file must be lines of NAME: value$/],
    ['- a\n', /^the file must be lines of NAME: value$/],
    ['', /^the file is empty/],
    ['# only a comment\n', /^the file is empty/],
    ['{}\n', /^the file is empty/],
  ])('%j is a problem that says where, and quotes nothing', (text, problem) => {
    expect(edited(text, secrets({ A: '1' }))).toMatch(problem);
  });
});
