import { expect, test } from 'vitest';
import { literalsIn, parseTemplate, splitTemplate, substitute, variablesIn } from './template.ts';

const values = new Map([
  ['name', 'DB'],
  ['none', undefined],
]);

function fill(text: string): string | undefined {
  return substitute(parseTemplate(text), values, (value) => `<${value}>`);
}

test.each([
  ['plain', 'plain'],
  ['', ''],
  ['${name}', '<DB>'],
  ['a${name}b${name}c', 'a<DB>b<DB>c'],
  ['$${name}', '${name}'],
  ['$$${name}', '$${name}'],
  ['cost: 5$ {name} $', 'cost: 5$ {name} $'],
  ['${none:-latest}', '<latest>'],
  ['${name:-latest}', '<DB>'],
  ['${none:-}', '<>'],
  ['x${none}', undefined],
])('%j becomes %j', (text, filled) => {
  expect(fill(text)).toBe(filled);
});

test('what a value holds is not a template again', () => {
  const nested = new Map([['name', '${name}']]);
  expect(substitute(parseTemplate('${name}'), nested, (value) => value)).toBe('${name}');
});

test.each([
  ['${name', 1, 'without its `}`'],
  ['ab${', 3, 'without its `}`'],
  ['a${}', 2, 'does not hold the name of a variable'],
  ['${ name }', 1, 'does not hold the name of a variable'],
  ['${name.key}', 1, 'does not hold the name of a variable'],
  ['${name}${a-b}', 8, 'does not hold the name of a variable'],
])('%j is an error at character %i', (text, at, message) => {
  expect(() => parseTemplate(text)).toThrow(expect.objectContaining({ at, message: expect.stringContaining(message) }));
});

test('variables and the text between them are known before anything is filled', () => {
  const template = parseTemplate('/a/${name}${version:-1}?b=${name}');
  expect(variablesIn(template)).toEqual([
    { name: 'name', hasFallback: false },
    { name: 'version', hasFallback: true },
    { name: 'name', hasFallback: false },
  ]);
  expect(literalsIn(template)).toEqual(['/a/', '', '?b=', '']);
  const [path, query] = splitTemplate(template, '?');
  expect(literalsIn(path)).toEqual(['/a/', '', '']);
  expect(query && literalsIn(query)).toEqual(['b=', '']);
});
