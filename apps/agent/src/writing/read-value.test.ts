import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Edge } from '../edge.ts';
import { readValue } from './read-value.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'read-value-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

function edgeOf({ terminal = false, shown = true } = {}) {
  const stop = new AbortController();
  const stdin = Object.assign(new PassThrough(), { isTTY: terminal, setRawMode: () => {} });
  const stderr = Object.assign(new PassThrough(), { isTTY: terminal && shown, columns: 200 });
  const edge: Edge = { env: {}, stdin, stdout: new PassThrough(), stderr, signal: stop.signal };
  return { edge, stdin, stop };
}

describe('a pipe', () => {
  test('ends in one line break that is not part of the value', async () => {
    const { edge, stdin } = edgeOf();
    stdin.end('two\nlines\r\n');
    expect((await readValue('A', {}, edge)).text()).toBe('two\nlines');
  });

  test.each(['left open', 'closed'])('that is %s when it is interrupted gives no value', async (state) => {
    const { edge, stdin, stop } = edgeOf();
    const value = readValue('A', {}, edge);
    stdin.write('half of');
    await sleep(10);
    stop.abort('SIGINT');
    if (state === 'closed') stdin.end();
    await expect(value).rejects.toBe('SIGINT');
  });
});

describe('a terminal', () => {
  test.each([
    ['where the question cannot be seen', {}, { shown: false }],
    ['taken for a file', { fromFile: '-' }, {}],
  ])('%s would show what is typed, and is refused', async (_, options, edgeOptions) => {
    const { edge, stdin } = edgeOf({ terminal: true, ...edgeOptions });
    stdin.write('typed-password\n');
    await expect(readValue('A', options, edge)).rejects.toMatchObject({
      name: 'UserError',
      exitCode: 2,
      message: expect.stringContaining('would be shown'),
    });
  });

  test('gives one line', async () => {
    const { edge, stdin } = edgeOf({ terminal: true });
    stdin.write('typed pässword\r');
    expect((await readValue('A', {}, edge)).text()).toBe('typed pässword');
  });

  test('can be asked again after that', async () => {
    const { edge, stdin } = edgeOf({ terminal: true });
    stdin.write('first\r');
    await readValue('A', {}, edge);
    const value = readValue('A', {}, edge);
    stdin.write('second\r');
    expect((await value).text()).toBe('second');
  });

  test.each([
    ['Ctrl-C', '\u0003'],
    ['Ctrl-D', '\u0004'],
  ])('%s ends the question', async (_, keys) => {
    const { edge, stdin } = edgeOf({ terminal: true });
    stdin.write(keys);
    await expect(readValue('A', {}, edge)).rejects.toMatchObject({ exitCode: 130 });
  });

  test('a tab, which the question would leave out, is refused', async () => {
    const { edge, stdin } = edgeOf({ terminal: true });
    stdin.write('with\ttab\r');
    await expect(readValue('A', {}, edge)).rejects.toThrow('a tab cannot be typed here: nothing was written');
  });
});

describe('a file', () => {
  test('is taken byte for byte', async () => {
    const path = join(directory, 'value');
    await writeFile(path, Uint8Array.of(0, 255, 10));
    const { edge } = edgeOf();
    expect((await readValue('A', { fromFile: path }, edge)).reveal()).toEqual(Uint8Array.of(0, 255, 10));
  });

  test.each([
    ['that is too large', async (path: string) => truncate(path, 5_000_000_000)],
    ['that never ends', undefined],
  ])('%s is not read to its end', async (_, make) => {
    const path = make === undefined ? '/dev/zero' : join(directory, 'large');
    if (make !== undefined) await writeFile(path, '');
    await make?.(path);
    const { edge } = edgeOf();
    await expect(readValue('A', { fromFile: path }, edge)).rejects.toThrow(
      `${path} has more than 4194304 bytes: that is no secret`,
    );
  });

  test.each([
    ['is not there', 'nothing', 'ENOENT'],
    ['is a folder', '.', 'EISDIR'],
  ])('that %s is named with the reason', async (_, name, code) => {
    const { edge } = edgeOf();
    const path = join(directory, name);
    await expect(readValue('A', { fromFile: path }, edge)).rejects.toThrow(`${path} cannot be read (${code})`);
  });
});
