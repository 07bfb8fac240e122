import { describe, expect, test } from 'vitest';
import { changeText } from './change-text.ts';
import { Malformed } from './malformed.ts';
import { parseEntries } from './text-format.ts';
import { yaml } from './yaml.ts';

function parse(text: string): Record<string, string | undefined> {
  return Object.fromEntries(
    [...parseEntries(yaml, text)].map(([name, { value, problem }]) => [name, value ?? problem]),
  );
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

test('quoted texts and blocks come as they are, plain values as they are written', () => {
  const text = `
text: hello world # not this
quoted: "a\\tb"
single: 'it''s'
block: |
  two
  lines
folded: >-
  one
  line
price: 1.50
large: 9007199254740993
hex: 0x1F
old-octal: 010
on: True
infinite: .inf
date: 2026-01-31
empty: ""
nothing:
tilde: ~
8080: port
"true": a name
`;
  expect(parse(text)).toEqual({
    text: 'hello world',
    quoted: 'a\tb',
    single: "it's",
    block: 'two\nlines\n',
    folded: 'one line',
    price: '1.50',
    large: '9007199254740993',
    hex: '0x1F',
    'old-octal': '010',
    on: 'True',
    infinite: '.inf',
    date: '2026-01-31',
    empty: '',
    nothing: 'is null',
    tilde: 'is null',
    '8080': 'port',
    true: 'a name',
  });
});

test('maps and lists become JSON text, with numbers as they are written', () => {
  expect(parse('a:\n  b: [1.50, x, true, ~]\n  8080: "y"\nc: []\nd: {}\ne: [+1]\nf: {g: 0x1F}')).toEqual({
    a: '{"b":[1.50,"x",true,null],"8080":"y"}',
    c: '[]',
    d: '{}',
    e: 'has a number in it that JSON cannot write: put it in quotes',
    f: 'has a number in it that JSON cannot write: put it in quotes',
  });
});

test('a map with nothing in it is an answer', () => {
  expect(parse('{}')).toEqual({});
});

test.each([
  ['', '- is empty'],
  ['# only a comment\n', '- is empty'],
  ['---\n', '- is empty'],
  ['- a\n', '1 must be a map'],
  ['just text', '1 must be a map'],
  ['null', '1 must be a map'],
  ['a: 1\n---\nb: 2\n', '2 begins a second document'],
  ['a: 1\n...\n---\nb: 2\n', '3 begins a second document'],
  ['a: 1\n  b: 2\n', '1 is no YAML 1.2'],
  ['a: 1\nb: "half\n', '2 is no YAML 1.2 (MISSING_CHAR)'],
  ['a: 1\nb\n', '2 is no YAML 1.2'],
  ['a: 1\n\na: 2\n', '3 the name of line 1 stands here again'],
  ['a: {b: 1, b: 2}\n', '1 has a key for the second time'],
  ['a: &x 1\nb: *x\n', '2 has an alias'],
  ['a: [&x 1, *x]\n', '1 has an alias'],
  ['a: 1\n<<: {b: 2}\n', '2 has a merge key'],
  ['a: !!binary aGVsbG8=\n', '1 has a tag'],
  ['a: !secret x\n', '1 has a tag'],
  ['a: [!x {}]\n', '1 has a tag'],
  ['!!map {a: 1}\n', '1 has a tag'],
  ['!x a: 1\n', '1 has a tag'],
  ['%YAML 1.1\n---\na: yes\n', '1 asks for another YAML'],
  ['[a]: 1\n', '1 has a key that is no text'],
  ['~: 1\n', '1 has a key that is no text'],
  ['a: "\\0"\n"\\0": 1\n', '2 a name has U+0000'],
])('%j is refused, and the line is said', (text, expected) => {
  expect(problemOf(text)).toContain(expected);
});

test('what is nested too deeply is refused', () => {
  expect(problemOf(`a: ${'['.repeat(150)}${']'.repeat(150)}`)).toBe('1 is nested too deeply');
  expect(problemOf(`a: ${'['.repeat(100_000)}`)).toBe('1 is nested too deeply');
});

test('aliases that grow beyond all bounds are refused at once', () => {
  const levels = Array.from({ length: 30 }, (_, n) => `l${n}: &l${n} [${n === 0 ? 'x' : `*l${n - 1}, *l${n - 1}`}]`);
  const startedAt = performance.now();
  expect(problemOf(levels.join('\n'))).toContain('has an alias');
  expect(performance.now() - startedAt).toBeLessThan(1_000);
});

test('what is wrong is said without the text', () => {
  for (const text of [
    'p: hunter2: x',
    'p: "hunter2',
    '@hunter2',
    'p: *hunter2',
    'p: !hunter2 x',
    'hunter2\n- x',
    '\thunter2: x',
  ])
    expect(problemOf(text)).not.toContain('hunter2');
});

describe('a change', () => {
  const text = `# head
a: 1.50   # why

# about b
b: |
  two
  lines
c:
  d: [1, 2]
e:
f: "x"
`;

  test('touches nothing but its value', () => {
    expect(changeText(yaml, text, { name: 'a', value: '2' })).toEqual({ text: text.replace('1.50', '"2"') });
    expect(changeText(yaml, text, { name: 'b', value: 'x\ny' })).toEqual({
      text: text.replace('|\n  two\n  lines\n', '"x\\ny"\n'),
    });
    expect(changeText(yaml, text, { name: 'c', value: 'x' })).toEqual({ text: text.replace('d: [1, 2]', '"x"') });
    expect(changeText(yaml, text, { name: 'e', value: 'x' })).toEqual({ text: text.replace('e:', 'e: "x"') });
    expect(changeText(yaml, text, { name: 'f', value: '\u0085é日' })).toEqual({
      text: text.replace('"x"', '"\\u0085é日"'),
    });
  });

  test('adds a line at the end', () => {
    expect(changeText(yaml, text, { name: 'g', value: 'null' })).toEqual({ text: `${text}g: "null"\n` });
    expect(changeText(yaml, text, { name: 'no', value: '' })).toEqual({ text: `${text}"no": ""\n` });
    expect(changeText(yaml, 'a: 1', { name: 'g: h', value: 'x' })).toEqual({ text: 'a: 1\n"g: h": "x"\n' });
    expect(changeText(yaml, '# none\n{}\n', { name: 'a', value: 'x' })).toEqual({ text: '# none\na: "x"\n' });
  });

  test('removes the lines of the value, and no comment of others', () => {
    expect(changeText(yaml, text, { name: 'a', remove: true })).toEqual({
      text: text.replace('a: 1.50   # why\n', ''),
    });
    expect(changeText(yaml, text, { name: 'b', remove: true })).toEqual({
      text: text.replace('b: |\n  two\n  lines\n', ''),
    });
    expect(changeText(yaml, text, { name: 'c', remove: true })).toEqual({
      text: text.replace('c:\n  d: [1, 2]\n', ''),
    });
    expect(changeText(yaml, text, { name: 'e', remove: true })).toEqual({ text: text.replace('e:\n', '') });
    expect(changeText(yaml, text, { name: 'f', remove: true })).toEqual({ text: text.replace('f: "x"\n', '') });
    expect(changeText(yaml, 'a: 1 # x', { name: 'a', remove: true })).toEqual({ text: '{}\n' });
    expect(changeText(yaml, '? a\n: 1\n? b\n: 2\n', { name: 'a', remove: true })).toEqual({ text: '? b\n: 2\n' });
  });

  test('in braces replaces, and refuses what it cannot do without a mess', () => {
    expect(changeText(yaml, '{a: 1, b: [2]}', { name: 'b', value: 'x' })).toEqual({ text: '{a: 1, b: "x"}' });
    expect(changeText(yaml, '{a: 1}', { name: 'b', value: 'x' })).toEqual({ problem: expect.stringContaining('{ }') });
    expect(changeText(yaml, '{a: 1, b: 2}', { name: 'b', remove: true })).toEqual({
      problem: expect.stringContaining('{ }'),
    });
  });

  test('that would change something else is refused', () => {
    expect(changeText(yaml, 'a: 1\n...\n', { name: 'b', value: 'x' })).toEqual({ problem: expect.any(String) });
  });
});
