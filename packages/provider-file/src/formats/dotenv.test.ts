import { parseEnv } from 'node:util';
import { describe, expect, test } from 'vitest';
import { changeText } from './change-text.ts';
import { dotenv } from './dotenv.ts';
import { Malformed } from './malformed.ts';
import { parseEntries } from './text-format.ts';

function parse(text: string): Record<string, string | undefined> {
  return Object.fromEntries([...parseEntries(dotenv, text)].map(([name, { value }]) => [name, value]));
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

test.each([
  ['A=1\nB=2\n', { A: '1', B: '2' }],
  ['export A=1\nexport  B=2', { A: '1', B: '2' }],
  ['# comment\n\n  A = 1  # why\n   \n', { A: '1' }],
  ['A=\nB= # nothing\nC=""\n', { A: '', B: '', C: '' }],
  ['A=   \nB=2', { A: '', B: '2' }],
  ['A="two\nlines"\nB=2', { A: 'two\nlines', B: '2' }],
  ['A="two\\nlines"', { A: 'two\nlines' }],
  ["A='not\\ntwo'", { A: 'not\\ntwo' }],
  ['A=`"it\'s"`', { A: '"it\'s"' }],
  ['A="x # y" # z', { A: 'x # y' }],
  ['A=1\r\nB="x\r\ny"\r\n', { A: '1', B: 'x\ny' }],
  ['A=postgres://ann:p=w@db/x?y=$z', { A: 'postgres://ann:p=w@db/x?y=$z' }],
  ['日本=値', { 日本: '値' }],
  ['A=x"y"', { A: 'x"y"' }],
])('%j is read', (text, expected) => {
  expect(parse(text)).toEqual(expected);
});

test.each([
  ['', '- is empty'],
  [' \n\n', '- is empty'],
  ['# only\n# comments\n', '- has comments only'],
  ['A=1\ngarbage\nB=2', '2 is no `NAME=value`'],
  ['A: 1\n', '1 is no `NAME=value`'],
  ['A=1\n=2\n', '2 is no `NAME=value`'],
  ['A B=1\n', '1 is no `NAME=value`'],
  ['"A"=1\n', '1 is no `NAME=value`'],
  ['A=1\nB="half', '2 has a quote that is not closed'],
  ['A="half\nB=2\n', '1 has a quote that is not closed'],
  ["A='it's'\n", '1 goes on behind the closing quote'],
  ['A="a\\"b"\n', '1 goes on behind the closing quote'],
  ['A=1\n\nP=pass#word\n', '3 has a `#` within the value'],
  ['A=#x\n', '1 has a `#` within the value'],
  ['A=1\n\nA=2\n', '3 the name of line 1 stands here again'],
  ['A=x\ry\n', '1 has a carriage return'],
  ['A="x\ry"\n', '1 has a carriage return'],
])('%j is refused, and the line is said', (text, expected) => {
  expect(problemOf(text)).toContain(expected);
});

test('a name that JavaScript knows is a name like others', () => {
  expect([...parseEntries(dotenv, '__proto__=1\nconstructor=2')].map(([name, { value }]) => [name, value])).toEqual([
    ['__proto__', '1'],
    ['constructor', '2'],
  ]);
});

test('where a text is read at all, Node reads the same', () => {
  const pieces = ['A', 'B=', '=', '1', ' ', '\n', '"', "'", '`', '#', '\\n', '\\', '\r\n', '$', 'x y'];
  let read = 0;
  for (const random = randomNumbers(7); read < 2_000;) {
    const text = Array.from({ length: 1 + random(12) }, () => pieces[random(pieces.length)]).join('');
    if (problemOf(text) !== 'none') continue;
    read += 1;
    // Node takes the next line for the value where blanks follow the `=`, and leaves names with tabs as they are.
    const known = text.replaceAll(/=[ \t]+(?=\r?\n|#|$)/g, '=');
    expect({ text, values: parse(text) }).toEqual({ text, values: { ...parseEnv(known) } });
  }
});

describe('a change', () => {
  const text = '# head\nexport A=1 # why\n\nB="two\nlines"\nC=3';

  test('touches nothing but its line', () => {
    expect(changeText(dotenv, text, { name: 'A', value: 'new one' })).toEqual({
      text: text.replace('A=1', "A='new one'"),
    });
    expect(changeText(dotenv, text, { name: 'B', value: 'x' })).toEqual({ text: text.replace('"two\nlines"', 'x') });
    expect(changeText(dotenv, text, { name: 'D', value: '' })).toEqual({ text: `${text}\nD=''\n` });
    expect(changeText(dotenv, text, { name: 'B', remove: true })).toEqual({
      text: '# head\nexport A=1 # why\n\nC=3',
    });
    expect(changeText(dotenv, text, { name: 'A', value: '1' })).toEqual({ text });
    expect(changeText(dotenv, text, { name: 'Z', remove: true })).toEqual({ text });
  });

  test('keeps the line breaks of the file', () => {
    expect(changeText(dotenv, 'A=1\r\nB=2', { name: 'C', value: '3' })).toEqual({ text: 'A=1\r\nB=2\r\nC=3\r\n' });
  });

  test.each([
    ['a carriage return', { name: 'A', value: 'x\r\ny' }],
    ['all kinds of quotes', { name: 'A', value: `'"\`` }],
    ['a name with a space', { name: 'A B', value: '1' }],
    ['a name that brings its own line', { name: 'X=1\nY', value: '1' }],
    ['a name that is a comment', { name: '#X', value: '1' }],
    ['no name', { name: '', value: '1' }],
    ['a name that begins with export', { name: 'export X', value: '1' }],
  ])('that dotenv cannot hold is refused: %s', (_, change) => {
    expect(changeText(dotenv, text, change)).toEqual({ problem: expect.any(String) });
  });

  test('that would leave a file which is refused is refused', () => {
    expect(changeText(dotenv, 'A=1', { name: 'A', remove: true })).toEqual({
      problem: expect.stringContaining('the last one'),
    });
  });

  test('is read back as it was meant, or refused, whatever the value', () => {
    const pieces = ['a', ' ', '\n', '"', "'", '`', '#', '\\n', '\\', '$', '=', '日', '\u00a0', '\t', '\u2028', '\0'];
    const random = randomNumbers(3);
    let written = 0;
    for (let round = 0; round < 3_000; round += 1) {
      const value = Array.from({ length: random(8) }, () => pieces[random(pieces.length)]).join('');
      const changed = changeText(dotenv, text, { name: 'B', value });
      if (changed.problem !== undefined) continue;
      written += 1;
      expect(parse(changed.text)).toEqual({ A: '1', B: value, C: '3' });
    }
    expect(written).toBeGreaterThan(2_000);
  });
});

function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}
