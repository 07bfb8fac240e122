import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { shellFlag, shellWord } from './shell-word.ts';

/** The words that a shell makes of a line. */
function readByShell(line: string): readonly string[] {
  const words = execFileSync('sh', ['-c', String.raw`printf '%s\0' ${line}`], { encoding: 'utf8' });
  return words.split('\0').slice(0, -1);
}

test.each([
  '',
  ' ',
  'my cluster',
  "it's",
  '"quoted"',
  String.raw`a\ b\'c\\`,
  "'; touch /tmp/x; '",
  '$(touch /tmp/x)',
  '`touch /tmp/x`',
  '${HOME}',
  '~',
  '*',
  '{a,b}',
  'a;b',
  'a&b|c>d<e',
  '#comment',
  '!!',
  '=ls',
  '飛脚',
])('%j is one word to a shell, and stays what it is', (text) => {
  expect(readByShell(`${shellWord(text)} end`)).toEqual([text, 'end']);
});

test('what no shell touches stands there without quotes', () => {
  for (const text of ['homelab', 'push:nas', 'web/app-env', './a_b/c.yaml', 'admin@home', 'a=b,c:d+e%f'])
    expect(shellWord(text)).toBe(text);
});

test('neither a new line nor a sequence of the terminal gets into a line', () => {
  expect(readByShell(shellWord('a\ntouch /tmp/x\r\u001B[2K'))).toEqual([
    String.raw`a\u000atouch /tmp/x\u000d\u001b[2K`,
  ]);
});

test('a backslash never stands between quotes, where shells differ', () => {
  expect(shellWord(String.raw`\' ; touch /tmp/x`)).toBe(String.raw`''\\''\'' ; touch /tmp/x'`);
});

test('a flag has a value, or is not there', () => {
  expect(shellFlag('--context', 'my cluster')).toBe(" --context 'my cluster'");
  expect(shellFlag('--context', undefined)).toBe('');
});
