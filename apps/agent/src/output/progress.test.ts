import { setTimeout as sleep } from 'node:timers/promises';
import { PassThrough } from 'node:stream';
import type { SourceRecord } from '@hikyaku/engine';
import { expect, test } from 'vitest';
import { Progress, readingText } from './progress.ts';

const CLEAR = '\r\u001B[2K';

function open({ isTTY = true } = {}) {
  const stderr = Object.assign(new PassThrough(), { isTTY, columns: 30 });
  const { signal } = new AbortController();
  const edge = { env: {}, stdin: new PassThrough(), stdout: new PassThrough(), stderr, signal };
  return { progress: new Progress(edge), written: () => String(stderr.read() ?? '') };
}

test('of texts in a burst the first is seen at once and the last soon, and none in between', async () => {
  const { progress, written } = open();
  for (const text of ['one', 'two', 'three']) progress.show(text);
  expect(written()).toBe(`${CLEAR}one`);
  await expect.poll(written).toBe(`${CLEAR}three`);
});

test('nothing comes after it was cleared', async () => {
  const { progress, written } = open();
  progress.show('one');
  progress.show('two');
  progress.clear();
  await sleep(100);
  expect(written()).toBe(`${CLEAR}one${CLEAR}`);
});

test('a text is one line of the terminal, and a pipe gets none', () => {
  const { progress, written } = open();
  progress.show('x'.repeat(100));
  expect(written()).toBe(CLEAR + 'x'.repeat(29));
  const piped = open({ isTTY: false });
  piped.progress.show('one');
  piped.progress.clear();
  expect(piped.written()).toBe('');
});

test('what is still to be read is named, and how far it is', () => {
  const records = new Map<string, SourceRecord>([['home', { source: 'home', ok: true, secrets: 2 }]]);
  expect(readingText(records, ['home'])).toBeUndefined();
  expect(readingText(records, ['home', 'nas'])).toBe('reading nas');
  records.set('vault', { source: 'vault', ok: true, secrets: 60, pending: 40 });
  expect(readingText(records, ['home', 'nas', 'vault'])).toBe('reading nas, vault: 60 of 100 secrets');
  expect(readingText(records, ['a', 'b', 'c', 'd'])).toBe('reading 4 sources, vault: 60 of 100 secrets');
});
