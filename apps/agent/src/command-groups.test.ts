import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { runCommandLine } from './cli.ts';

test('every command stands in a group; those of a command stand as they are', async () => {
  const help = await helpOf();
  const [, last] = /\nCommands:\n((?: {2}.*\n)+)/.exec(help) ?? [];
  expect(last?.match(/^ {2}[a-z]+/gm)).toEqual(['  help']);
  expect(help.indexOf('  init ')).toBeLessThan(help.indexOf('  run '));
  expect(help.indexOf('\nStart:\n')).toBeLessThan(help.indexOf('\nSealed credentials and keys:\n'));
  expect((await helpOf('recipients')).match(/^ {2}(?:add|new|rm)\b/gm)).toEqual(['  add', '  new', '  rm']);
});

async function helpOf(...path: readonly string[]): Promise<string> {
  const stdout = new PassThrough();
  const { signal } = new AbortController();
  const edge = { env: {}, stdin: new PassThrough(), stdout, stderr: new PassThrough(), signal };
  expect(await runCommandLine([...path, '--help'], edge)).toBe(0);
  return String(stdout.read());
}
