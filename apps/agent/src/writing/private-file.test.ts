import { link, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createPrivateFile } from './private-file.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'private-file-'));
});
afterEach(() => rm(directory, { recursive: true }));

test('is for this user alone, in the first folder in memory that takes it, and is gone at the end', async () => {
  const file = await createPrivateFile('homelab.yaml', ['/nowhere', directory]);
  await file.write('A: secret');
  expect([file.inMemory, dirname(dirname(file.path))]).toEqual([true, directory]);
  const modes = await Promise.all([file.path, dirname(file.path)].map(async (path) => (await stat(path)).mode & 0o777));
  expect(modes).toEqual([0o600, 0o700]);
  expect(await file.read()).toEqual(Buffer.from('A: secret'));
  file[Symbol.dispose]();
  await expect(stat(dirname(file.path))).rejects.toThrow('ENOENT');
});

test('on a disk its bytes are written over before it goes, and those of a file that an editor left beside it', async () => {
  const file = await createPrivateFile('homelab.yaml', ['/nowhere']);
  expect(file.inMemory).toBe(false);
  await file.write('A: secret');
  const beside = `${file.path}~`;
  await writeFile(beside, 'A: secret');
  // Another name of the same bytes shows what was on the disk.
  const [seen, seenBeside] = [join(directory, 'seen'), join(directory, 'seen-beside')];
  await link(file.path, seen);
  await link(beside, seenBeside);
  file[Symbol.dispose]();
  await expect(stat(dirname(file.path))).rejects.toThrow('ENOENT');
  const zeros = '\0'.repeat('A: secret'.length);
  expect([await readFile(seen, 'utf8'), await readFile(seenBeside, 'utf8')]).toEqual([zeros, zeros]);
});
