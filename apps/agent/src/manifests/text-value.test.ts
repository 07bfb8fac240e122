import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { textValue, wordValue } from './text-value.ts';

const PIECES = [
  ' ',
  '\n',
  '\t',
  '\r\n',
  'a',
  ': ',
  '# ',
  '- ',
  '"',
  "'",
  '\\',
  '---',
  '|',
  '飛',
  '𝒳',
  '\u0085',
  '\u2028',
  '\uFEFF',
  '\u0007',
];

test.each(['1.1', '1.2'] as const)('any text is read back as it was, by YAML %s', (version) => {
  let seed = 1;
  const next = (below: number): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  for (let round = 0; round < 3_000; round++) {
    const text = Array.from({ length: next(9) }, () => PIECES[next(PIECES.length)]).join('');
    const stream = `data:\n  a: ${textValue(text)}\n  b: ${textValue('last\n')}\n`;
    expect(parse(stream, { version })).toEqual({ data: { a: text, b: 'last\n' } });
  }
});

test.each(['1.1', '1.2'] as const)('a name is read back as it was, by YAML %s, also between brackets', (version) => {
  const words = [
    'null',
    'Null',
    'true',
    'no',
    'NO',
    'on',
    'y',
    'N',
    'off',
    '',
    '~',
    '-',
    '.',
    '=',
    '<<',
    'a:',
    '#',
    'a #b',
  ];
  const numbers = ['1', '-1', '1.10', '.5', '1e3', '0x1f', '0b1', '0o7', '017', '1_000', '12:30', '2026-11-26', '.nan'];
  const names = [
    'hikyaku',
    'registry.lan:5000/a/b:1.2@sha256:01',
    '10.0.0.1:5000/a',
    '/config/a.yaml',
    'a, b',
    '{a}',
    '"',
  ];
  for (const name of [...words, ...numbers, ...names])
    expect(parse(`a: ${wordValue(name)}\nb: [${wordValue(name)}, { c: ${wordValue(name)} }]\n`, { version })).toEqual({
      a: name,
      b: [name, { c: name }],
    });
});

test('what is text to everybody has no quotes', () => {
  for (const name of [
    'hikyaku',
    'registry.lan:5000/a:1@sha256:01',
    '10.0.0.1:5000/a',
    '/config/a.yaml',
    'code.vault.ts',
  ])
    expect(wordValue(name)).toBe(name);
});

test('a config stays legible', () => {
  expect(textValue('# a comment\nproviders: {}\n')).toBe('|\n    # a comment\n    providers: {}');
});
