import { expect, test } from 'vitest';
import { printable, printableLines } from './printable.ts';

test('a name moves no cursor, makes up no line and turns nothing around', () => {
  expect(printable('A\u001b[2Jb\nc\u009b\u202ed é飛🔑')).toBe('A\\u001b[2Jb\\u000ac\\u009b\\u202ed é飛🔑');
});

test('a value keeps its lines and tabs', () => {
  expect(printableLines('a\tb\nc\u001b[31m')).toBe('a\tb\nc\\u001b[31m');
});
