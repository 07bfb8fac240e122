import { mkdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import { systemClock } from '@hikyaku/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connect, FakeVolume, replace, temporaryFolder, texts } from './file.test.kit.ts';

const VALUE = 'correct-horse-battery';
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let base: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  base = folder.path;
});
afterEach(() => folder[Symbol.asyncDispose]());

test.each([
  ['app.env', `# x\nA=${VALUE}\nB="two\nlines"\n`, { A: VALUE, B: 'two\nlines' }],
  ['.env.production', `\ufeffA=${VALUE}\n`, { A: VALUE }],
  ['app.json', `{"A": "${VALUE}", "B": 1.50, "C": {"d": [1.0]}}`, { A: VALUE, B: '1.50', C: '{"d":[1.0]}' }],
  ['app.YAML', `A: ${VALUE}\nB: 1.50\n`, { A: VALUE, B: '1.50' }],
  ['app.yml', `A: |\n  ${VALUE}\n`, { A: `${VALUE}\n` }],
])('%s is read by its extension', async (path, content, expected) => {
  await writeFile(join(base, path), content);
  expect(texts(await connect({ path }, { base }).read())).toEqual(expected);
});

test('a format that is said wins over the extension', async () => {
  await writeFile(join(base, 'secrets.txt'), `{"A": "${VALUE}"}`);
  expect(texts(await connect({ path: 'secrets.txt', format: 'json' }, { base }).read())).toEqual({ A: VALUE });
});

test('a directory in its place is an error that says what to do', async () => {
  await mkdir(join(base, 'conf.json'));
  await expect(connect({ path: 'conf.json' }, { base }).read()).rejects.toMatchObject({
    code: 'INVALID_CONFIG',
    message: expect.stringContaining('`format: directory`'),
  });
});

test('a null is unknown, if it is wanted', async () => {
  await writeFile(join(base, 'a.json'), `{"A": "${VALUE}", "B": null}`);
  const { read } = connect({ path: 'a.json' }, { base });
  const snapshot = await read();
  expect(texts(snapshot)).toEqual({ A: VALUE });
  expect(snapshot.unknown?.get('B')).toMatchObject({
    code: 'INVALID_RESPONSE',
    message: `B in line 1 of ${join(base, 'a.json')} is null`,
  });
  const named = await read({ all: false, refs: [{ name: 'A' }], previous: snapshot });
  expect(named.unknown).toBeUndefined();
});

test('what has not changed gives the previous snapshot itself; a change gives a version to what changed alone', async () => {
  const file = join(base, 'a.env');
  await writeFile(file, 'A=1\nB=2\n');
  const { read } = connect({ path: 'a.env' }, { base });
  const first = await read();
  expect(await read({ previous: first })).toBe(first);
  await replace(file, '# a comment\nB=2\nA=1\n');
  expect(await read({ previous: first })).toBe(first);
  await replace(file, 'A=1\nB=x\n');
  const second = await read({ previous: first });
  expect(texts(second)).toEqual({ A: '1', B: 'x' });
  expect(second.secrets.get('A')?.version).toBe(first.secrets.get('A')?.version);
  expect(second.secrets.get('B')?.version).not.toBe(first.secrets.get('B')?.version);
});

test.each([
  ['a.env', 'A=1\nP: correct-horse\n', 'line 2 of'],
  ['a.env', 'A="correct-horse\n', 'line 1 of'],
  ['a.json', '{"A": "1",\n"P": "correct-hor', 'line 2 of'],
  ['a.yaml', 'A: 1\nP: correct-horse: x\n', 'line 2 of'],
  ['a.yaml', 'A: 1\nP: [correct-horse', 'line 2 of'],
  ['a.env', '', 'is empty'],
  ['a.json', '', 'is empty'],
  ['a.yaml', '\n', 'is empty'],
  ['a.json', Buffer.from([0x7b, 0xff, 0x7d]), 'is not UTF-8'],
  ['a.env', `A=1\nB=${'\0'.repeat(100)}`, 'line 2 of'],
])('%s that cannot be read is an error with its line and without its text: %j', async (path, content, expected) => {
  await writeFile(join(base, path), 'A=1\n');
  if (path !== 'a.env') await writeFile(join(base, path), path === 'a.json' ? '{"A": "1"}' : 'A: "1"');
  const { read } = connect({ path }, { base });
  const previous = await read();
  await writeFile(join(base, path), content);
  const error: unknown = await read({ previous }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'INVALID_RESPONSE', message: expect.stringContaining(expected) });
  expect(inspect(error, { depth: 9 })).not.toContain('correct');
});

test('a file that is not there is not an empty one', async () => {
  const { read } = connect({ path: 'a.env' }, { base });
  await expect(read()).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await writeFile(join(base, 'a.env'), 'A=1');
  const previous = await read();
  await rm(join(base, 'a.env'));
  await expect(read({ previous })).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('a file above 1 MiB is refused unread, however large it says it is', async () => {
  await writeFile(join(base, 'a.json'), '{}');
  await truncate(join(base, 'a.json'), 2 ** 31);
  await expect(connect({ path: 'a.json' }, { base }).read()).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message: expect.stringContaining('1 MiB'),
  });
});

test('lines that are written one by one are read when all of them are there', async () => {
  const { read } = connect({ path: 'a.env' }, { base }, systemClock);
  const whole = Array.from({ length: 40 }, (_, index) => `K${index}=${index}`);
  await writeFile(join(base, 'a.env'), `${whole[0]}\n`);
  const writing = (async () => {
    for (const line of whole.slice(1)) {
      await writeFile(join(base, 'a.env'), `${line}\n`, { flag: 'a' });
      await delay(15);
    }
  })();
  expect((await read()).secrets.size).toBe(40);
  await writing;
});

test('a file in a volume is followed through its links', async () => {
  const volume = new FakeVolume(join(base, 'volume'));
  await mkdir(volume.path);
  await volume.swap({ 'a.yaml': 'A: one' });
  await symlink('volume/a.yaml', join(base, 'link.yaml'));
  const { read } = connect({ path: 'link.yaml' }, { base });
  const first = await read();
  await volume.swap({ 'a.yaml': 'A: two' });
  expect(texts(await read({ previous: first }))).toEqual({ A: 'two' });
});
