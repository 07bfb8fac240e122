import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from '@hikyaku/core/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fileInput } from './config-input.ts';

let directory: string;
let clock: FakeClock;
let stop: AbortController;
let ended: Promise<unknown>;
let seen: number;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hikyaku-input-'));
  clock = new FakeClock();
  stop = new AbortController();
  seen = 0;
});

afterEach(async () => {
  stop.abort();
  await ended;
  await rm(directory, { recursive: true, force: true });
});

/** Follows it; what may have changed before is taken already. */
async function follow(path: string): Promise<void> {
  ended = (async () => {
    for await (const _ of fileInput(path, clock).changes(stop)) seen++;
  })().catch(() => {});
  await looks(1);
  expect(seen).toBe(1);
}

/** Lets it look so many times. */
async function looks(count: number): Promise<void> {
  for (let times = 0; times < count; times++) {
    await expect.poll(() => clock.sleeping, { interval: 1 }).toBe(1);
    await clock.advance(500);
  }
  await expect.poll(() => clock.sleeping, { interval: 1 }).toBe(1);
}

test('a change is seen within a second, once it is still', async () => {
  const path = join(directory, 'hikyaku.yaml');
  await writeFile(path, 'a');
  await follow(path);
  await writeFile(path, 'ab');
  await looks(2);
  expect(seen).toBe(2);
  await looks(3);
  expect(seen).toBe(2);
});

test('what is still being written is not taken', async () => {
  const path = join(directory, 'hikyaku.yaml');
  await writeFile(path, 'a');
  await follow(path);
  for (const text of ['ab', 'abc', 'abcd']) {
    await writeFile(path, text);
    await looks(1);
  }
  expect(seen).toBe(1);
  await looks(1);
  expect(seen).toBe(2);
});

test('a file that another one is renamed to, one that goes and one that comes', async () => {
  const path = join(directory, 'hikyaku.yaml');
  await writeFile(path, 'a');
  await follow(path);
  await writeFile(join(directory, 'new'), 'b');
  await rename(join(directory, 'new'), path);
  await looks(2);
  expect(seen).toBe(2);
  await rm(path);
  await looks(2);
  expect(seen).toBe(3);
  await writeFile(path, 'a');
  await looks(2);
  expect(seen).toBe(4);
});

test.each(['the directory', 'a file'])('%s of a mounted ConfigMap, swapped all at once', async (what) => {
  for (const revision of ['..1', '..2']) {
    await mkdir(join(directory, revision));
    await writeFile(join(directory, revision, 'hikyaku.yaml'), revision);
  }
  await symlink('..1', join(directory, '..data'));
  await symlink('..data/hikyaku.yaml', join(directory, 'hikyaku.yaml'));
  await follow(what === 'a file' ? join(directory, 'hikyaku.yaml') : directory);
  await symlink('..2', join(directory, '..data_tmp'));
  await rename(join(directory, '..data_tmp'), join(directory, '..data'));
  await looks(2);
  expect(seen).toBe(2);
});

test('in a directory another file, and none that is no config', async () => {
  await writeFile(join(directory, 'a.yaml'), 'a');
  await follow(directory);
  await writeFile(join(directory, 'notes.txt'), 'a');
  await writeFile(join(directory, 'grants.yaml'), 'a');
  await looks(2);
  expect(seen).toBe(1);
  await writeFile(join(directory, 'b.yaml'), 'a');
  await looks(2);
  expect(seen).toBe(2);
});
