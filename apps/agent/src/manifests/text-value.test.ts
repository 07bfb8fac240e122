import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { textValue } from './text-value.ts';

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

test('a config stays legible', () => {
  expect(textValue('# a comment\nproviders: {}\n')).toBe('|\n    # a comment\n    providers: {}');
});
