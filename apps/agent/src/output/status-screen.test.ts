import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import type { Edge } from '../edge.ts';
import { StatusScreen } from './status-screen.ts';

/** A terminal of so many rows and 20 columns. */
function terminal(rows: number) {
  const stdout = Object.assign(new PassThrough(), { isTTY: true, columns: 20, rows });
  const written: string[] = [];
  stdout.setEncoding('utf8').on('data', (text: string) => written.push(text));
  const edge: Edge = {
    env: {},
    stdin: new PassThrough(),
    stdout,
    stderr: new PassThrough(),
    signal: new AbortController().signal,
  };
  return { edge, written };
}

function screenOf(edge: Edge, whole: string, unwell: string): StatusScreen {
  return new StatusScreen(edge, {
    isJson: false,
    json: () => ({}),
    text: (onlyUnwell) => (onlyUnwell ? unwell : whole),
    reports: () => [],
  });
}

test('what fits is drawn whole, and only again when it is another picture', () => {
  const { edge, written } = terminal(4);
  const screen = screenOf(edge, 'a\nb\nc\n', 'b\n');
  screen.changed();
  screen.changed();
  expect(written).toEqual(['\u001B[2J\u001B[Ha\u001B[K\nb\u001B[K\nc\u001B[K\n\u001B[J']);
});

test('what does not fit is what is not well', () => {
  const { edge, written } = terminal(3);
  screenOf(edge, 'a\nb\nc\n', 'b\n').changed();
  expect(written.join('')).toContain('\u001B[Hb\u001B[K\n\u001B[J');
});

test('and then as much of it as there is room for; a long line takes two rows, colours take none', () => {
  const { edge, written } = terminal(5);
  const long = `\u001B[31m${'x'.repeat(30)}\u001B[39m`;
  const text = `${long}\na\nb\nc\n`;
  screenOf(edge, text, text).changed();
  expect(written.join('')).toContain(`\u001B[H${long}\u001B[K\na\u001B[K\n    and 2 more lines\u001B[K\n`);
});
