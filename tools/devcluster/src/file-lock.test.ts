import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withFileLock } from './file-lock.ts';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'file-lock-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test('two that want the same lock work one after the other, and the second is told', async () => {
  const events: string[] = [];
  const work = (name: string) =>
    withFileLock(join(directory, 'lock'), { onWait: () => events.push(`${name} waits`) }, async () => {
      events.push(`${name} begins`);
      await sleep(100);
      events.push(`${name} ends`);
    });
  const first = work('first');
  await sleep(20);
  await Promise.all([first, work('second')]);
  expect(events).toEqual(['first begins', 'second waits', 'first ends', 'second begins', 'second ends']);
  expect(await readdir(directory)).toEqual([]);
});

test('the lock of a process that has ended is taken over at once', async () => {
  const { pid } = spawnSync('/bin/true');
  const path = join(directory, 'lock');
  await writeFile(path, JSON.stringify({ host: hostname(), pid }));
  expect(await withFileLock(path, { onWait: () => expect.unreachable() }, async () => 'done')).toBe('done');
});

test('work that fails leaves no lock behind', async () => {
  const path = join(directory, 'lock');
  await expect(withFileLock(path, { onWait: () => {} }, () => Promise.reject(new Error('broken')))).rejects.toThrow(
    'broken',
  );
  expect(await readdir(directory)).toEqual([]);
});
