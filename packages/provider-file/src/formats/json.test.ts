import { describe, expect, test } from 'vitest';
import { changeText } from './change-text.ts';
import { json } from './json.ts';
import { Malformed } from './malformed.ts';
import { parseEntries } from './text-format.ts';

function parse(text: string): Map<string, string | undefined> {
  return new Map([...parseEntries(json, text)].map(([name, { value, problem }]) => [name, value ?? problem]));
}

function problemOf(text: string): string {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof Malformed) return `${error.line ?? '-'} ${error.message}`;
    throw error;
  }
  return 'none';
}

test('texts come as they are, numbers as they are written, the rest as JSON text', () => {
  const text = `{
    "text": "h\\u00e9llo\\n",
    "numbers": [1.50, 9007199254740993, 1e2, -0],
    "price": 1.50, "large": 9007199254740993, "yes": true, "no": false,
    "object": { "a": [1, { "b": "x y" }], "c": null },
    "": "no name", "__proto__": "a name", "nothing": null, "empty": "", "list": [], "map": { }
  }`;
  expect(Object.fromEntries([...parse(text)].filter(([name]) => name !== '__proto__'))).toEqual({
    text: 'héllo\n',
    numbers: '[1.50,9007199254740993,1e2,-0]',
    price: '1.50',
    large: '9007199254740993',
    yes: 'true',
    no: 'false',
    object: '{"a":[1,{"b":"x y"}],"c":null}',
    '': 'no name',
    nothing: 'is null',
    empty: '',
    list: '[]',
    map: '{}',
  });
  expect(parse(text).get('__proto__')).toBe('a name');
});

test('an object with nothing in it is an answer', () => {
  expect(parse('{}')).toEqual(new Map());
  expect(parse(' {\n} ')).toEqual(new Map());
});

test.each([
  ['', '- is empty'],
  ['\n \n', '- is empty'],
  ['[]', '1 must be an object'],
  ['"x"', '1 must be an object'],
  ['{"a": 1', '1 lacks a `,` or a `}`'],
  ['{\n"a": 1,\n}', '3 lacks a text in double quotes'],
  ['{\n"a": 1\n"b": 2}', '3 lacks a `,` or a `}`'],
  ['{\n"a": "half', '2 has a text that is not closed'],
  ['{"a": "two\nlines"}', '1 has a text that is not closed'],
  ['{"a": "\\x"}', '1 has a text that is not closed, or has a wrong escape'],
  ['{"a" 1}', '1 lacks a `:`'],
  ['{"a": 01}', '1 has something that is no JSON'],
  ['{"a": +1}', '1 has something that is no JSON'],
  ['{"a": 1.}', '1 has something that is no JSON'],
  ['{"a": truer}', '1 has something that is no JSON'],
  ['{"a": }', '1 has something that is no JSON'],
  ["{'a': 1}", '1 lacks a text in double quotes'],
  ['{} {}', '1 goes on behind the end'],
  ['// comment\n{}', '1 must be an object'],
  ['{"a": 1,\n"\\u0061": 2}', '2 the name of line 1 stands here again'],
  ['{"a\\u0000": 1}', '1 a name has U+0000'],
])('%j is refused, and the line is said', (text, expected) => {
  expect(problemOf(text)).toContain(expected);
});

test('what is nested too deeply is refused', () => {
  expect(problemOf(`{"a": ${'['.repeat(101)}${']'.repeat(101)}}`)).toBe('1 is nested too deeply');
  expect(problemOf(`{"a": ${'['.repeat(500_000)}`)).toBe('1 is nested too deeply');
});

test('half of a surrogate pair is a problem of that one secret', () => {
  expect(parse('{"a": "\\ud800", "b": "\\ud83d\\ude00"}')).toEqual(
    new Map([
      ['a', 'has half of a surrogate pair in it, which is no text'],
      ['b', '😀'],
    ]),
  );
});

test('it reads what JSON.parse reads, and nothing else', () => {
  const pieces = [
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    '"a"',
    '"b"',
    '1',
    '-',
    '0',
    '.5',
    'e3',
    'true',
    'null',
    ' ',
    '"',
    '\\',
  ];
  let state = 5;
  const random = (below: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
  let valid = 0;
  for (let round = 0; round < 30_000; round += 1) {
    const body = Array.from({ length: random(6) }, () => pieces[random(pieces.length)]).join('');
    const text = random(2) === 0 ? `{"x":${body}}` : `{${body}}`;
    let expected = true;
    try {
      JSON.parse(text);
      valid += 1;
    } catch {
      expected = false;
    }
    const problem = problemOf(text);
    if (problem.includes('stands here again')) continue;
    expect({ text, read: problem === 'none' }).toEqual({ text, read: expected });
  }
  expect(valid).toBeGreaterThan(200);
});

test('a file of the largest size is read in a moment', () => {
  const members = Array.from({ length: 30_000 }, (_, index) => `"name-${index}": "${'\\n'.repeat(8)}"`);
  const startedAt = performance.now();
  expect(parse(`{${members.join(',\n')}}`).size).toBe(30_000);
  expect(performance.now() - startedAt).toBeLessThan(2_000);
});

describe('a change', () => {
  const text = '{\n\t"a": 1.50,\n\t"b": { "c": [1, 2] },\n\t"d": null\n}\n';

  test('touches nothing but its value', () => {
    expect(changeText(json, text, { name: 'a', value: 'x"y' })).toEqual({ text: text.replace('1.50', '"x\\"y"') });
    expect(changeText(json, text, { name: 'b', value: '' })).toEqual({ text: text.replace('{ "c": [1, 2] }', '""') });
    expect(changeText(json, text, { name: 'd', value: 'x' })).toEqual({ text: text.replace('null', '"x"') });
    expect(changeText(json, text, { name: 'a', value: '1.50' })).toEqual({ text });
  });

  test('adds as the others stand', () => {
    expect(changeText(json, text, { name: 'e/f', value: '1' })).toEqual({
      text: text.replace('null', 'null,\n\t"e/f": "1"'),
    });
    expect(changeText(json, '{"a":1}', { name: 'b', value: '2' })).toEqual({ text: '{"a":1, "b": "2"}' });
    expect(changeText(json, '{}\n', { name: 'b', value: '2' })).toEqual({ text: '{\n  "b": "2"\n}\n' });
  });

  test('removes with its comma', () => {
    expect(changeText(json, text, { name: 'a', remove: true })).toEqual({ text: text.replace('"a": 1.50,\n\t', '') });
    expect(changeText(json, text, { name: 'b', remove: true })).toEqual({
      text: text.replace(',\n\t"b": { "c": [1, 2] }', ''),
    });
    expect(changeText(json, text, { name: 'd', remove: true })).toEqual({ text: text.replace(',\n\t"d": null', '') });
    expect(changeText(json, '{ "a": 1 }', { name: 'a', remove: true })).toEqual({ text: '{}' });
  });
});
