import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { StagedFiles } from './sealed-files.ts';

let folder: string;
let one: string;
let two: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hikyaku-staged-'));
  [one, two] = [join(folder, 'one.yaml'), join(folder, 'two.yaml')];
  await writeFile(one, 'one');
  await writeFile(two, 'two');
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function texts(): Promise<readonly string[]> {
  expect(await readdir(folder)).toEqual(['one.yaml', 'two.yaml']);
  return await Promise.all([one, two].map((path) => readFile(path, 'utf8')));
}

const changes = () => [
  { path: one, before: 'one', after: 'new one' },
  { path: two, before: 'two', after: 'new two' },
];

test('all files are replaced, and nothing is left beside them', async () => {
  await using files = await StagedFiles.of(changes());
  await files.putInPlace();
  expect(await texts()).toEqual(['new one', 'new two']);
});

test('a file that is not what was read is not replaced, nor is another', async () => {
  await writeFile(two, 'changed');
  await expect(StagedFiles.of(changes())).rejects.toThrow('two.yaml was changed by somebody else meanwhile');
  expect(await texts()).toEqual(['one', 'changed']);
});

test('what was put in place before another failed is put back', async () => {
  const files = await StagedFiles.of(changes());
  await writeFile(two, 'changed');
  await expect(files.putInPlace()).rejects.toThrow('nothing was written');
  await files[Symbol.asyncDispose]();
  expect(await texts()).toEqual(['one', 'changed']);
});

test('what is not put in place leaves nothing', async () => {
  await (await StagedFiles.of(changes()))[Symbol.asyncDispose]();
  expect(await texts()).toEqual(['one', 'two']);
});

test('a byte order mark stays', async () => {
  await writeFile(one, '\uFEFFone');
  await using files = await StagedFiles.of(changes());
  await files.putInPlace();
  expect(await texts()).toEqual(['\uFEFFnew one', 'new two']);
});
