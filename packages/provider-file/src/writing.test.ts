import { chmod, chown, lstat, mkdir, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SecretValue } from '@hikyaku/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { asNobody, connect, FakeVolume, remove, set, temporaryFolder, textOf, texts } from './file.test.kit.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let base: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  base = join(folder.path, 'base');
  await mkdir(join(base, 'secrets'), { recursive: true });
});
afterEach(() => folder[Symbol.asyncDispose]());

const ERROR = { message: expect.any(String) };

describe('a directory', () => {
  test('gets a file per secret, for its owner alone, and nothing else', async () => {
    const { read, write } = connect({ path: 'secrets' }, { base });
    const bytes = Uint8Array.from([0, 255, 10]);
    expect(await write(set('a', 'one'), set('b', bytes), set('empty', ''), remove('gone'))).toEqual([
      { name: 'a', version: expect.any(String) },
      { name: 'b', version: expect.any(String) },
      { name: 'empty', version: expect.any(String) },
      { name: 'gone' },
    ]);
    expect(await readdir(join(base, 'secrets'))).toEqual(['a', 'b', 'empty']);
    expect((await stat(join(base, 'secrets', 'a'))).mode & 0o777).toBe(0o600);
    const snapshot = await read();
    expect(snapshot.secrets.get('b')?.value.reveal()).toEqual(bytes);
    expect(await write(remove('b'))).toEqual([{ name: 'b' }]);
    expect(texts(await read())).toEqual({ a: 'one', empty: '' });
  });

  test('a written version is the one that is read and listed', async () => {
    const { read, list, write } = connect({ path: 'secrets' }, { base });
    const [result] = await write(set('a', 'one'));
    const version = result?.version ?? 'none';
    expect((await read()).secrets.get('a')?.version).toBe(version);
    expect(await list()).toEqual([{ name: 'a', version }]);
    expect(await write(set('a', 'one'))).toEqual([{ name: 'a', version }]);
    const [second] = await write(set('a', 'two', version));
    expect(second).toEqual({ name: 'a', version: expect.any(String) });
    expect(second?.version).not.toBe(version);
  });

  test('a condition that does not hold is a conflict, and the rest is done', async () => {
    const { read, write } = connect({ path: 'secrets' }, { base });
    await write(set('a', 'one'));
    const before = (await read()).secrets.get('a')?.version ?? 'none';
    await writeFile(join(base, 'secrets', 'a'), 'somebody');
    expect(
      await write(set('a', 'x', before), set('b', 'x', null), set('c', 'x', 'no such'), remove('d', 'no such')),
    ).toMatchObject([
      { name: 'a', error: { code: 'CONFLICT' } },
      { name: 'b', version: expect.any(String) },
      { name: 'c', error: { code: 'CONFLICT' } },
      { name: 'd', error: { code: 'CONFLICT' } },
    ]);
    expect(await write(set('a', 'x', null))).toMatchObject([{ error: { code: 'CONFLICT' } }]);
    expect(texts(await read())).toEqual({ a: 'somebody', b: 'x' });
    const now = (await read()).secrets.get('a')?.version ?? 'none';
    expect(await write(remove('a', now))).toEqual([{ name: 'a' }]);
  });

  test.each(['', '.', '..', '.hidden', '../a', 'a/b', 'a\0b', 'x'.repeat(256), '\ud800'])(
    'the name %j is refused',
    async (name) => {
      const { write } = connect({ path: 'secrets' }, { base });
      expect(await write(set(name, 'x'), set('b', 'x'))).toMatchObject([
        { name, error: { code: 'INVALID_CONFIG' } },
        { name: 'b', version: expect.any(String) },
      ]);
      expect(await readdir(join(base, 'secrets'))).toEqual(['b']);
      expect(await readdir(base)).toEqual(['secrets']);
    },
  );

  test('nothing is written through a link, and the link stays', async () => {
    await writeFile(join(folder.path, 'outside'), 'as it was');
    await symlink('../../outside', join(base, 'secrets', 'a'));
    await symlink('nothing', join(base, 'secrets', 'b'));
    const { write } = connect({ path: 'secrets' }, { base });
    expect(await write(set('a', 'x'), set('b', 'x'), remove('a'))).toMatchObject([
      { name: 'a', error: { code: 'INVALID_CONFIG' } },
      { name: 'b', error: { code: 'UNSUPPORTED' } },
      { name: 'a', error: { code: 'INVALID_CONFIG' } },
    ]);
    expect(await write(set('a', 'x'))).toMatchObject([{ error: { code: 'UNSUPPORTED' } }]);
    expect(await write(remove('a'))).toMatchObject([{ error: { code: 'UNSUPPORTED' } }]);
    expect(await textOf(join(folder.path, 'outside'))).toBe('as it was');
    expect((await lstat(join(base, 'secrets', 'a'))).isSymbolicLink()).toBe(true);
  });

  test('nothing is written where nothing may be read', async () => {
    await mkdir(join(folder.path, 'outside'));
    await symlink('../outside', join(base, 'link'));
    const files = { base, refused: [join(base, 'secrets', 'token')] };
    expect(await connect({ path: 'link' }, files).write(set('a', 'x'))).toMatchObject([
      { error: { code: 'FORBIDDEN' } },
    ]);
    expect(await connect({ path: 'secrets' }, files).write(set('token', 'x'))).toMatchObject([
      { error: { code: 'FORBIDDEN' } },
    ]);
    expect(await readdir(join(folder.path, 'outside'))).toEqual([]);
    expect(await readdir(join(base, 'secrets'))).toEqual([]);
  });

  test('a volume of Kubernetes is not written to, and it is said why', async () => {
    await new FakeVolume(join(base, 'secrets')).swap({ a: '1' });
    expect(await connect({ path: 'secrets' }, { base }).write(set('a', 'x'), set('b', 'x'))).toMatchObject([
      { name: 'a', error: { code: 'UNSUPPORTED', message: expect.stringContaining('volume') } },
      { name: 'b', error: { code: 'UNSUPPORTED' } },
    ]);
  });

  test('a directory that is not there is not made', async () => {
    await rm(join(base, 'secrets'), { recursive: true });
    const { write } = connect({ path: 'secrets' }, { base });
    expect(await write(set('a', 'x'))).toMatchObject([{ error: { code: 'NOT_FOUND' } }]);
    expect(await readdir(base)).toEqual([]);
  });

  test('what stands there and is no file is left alone', async () => {
    await mkdir(join(base, 'secrets', 'a'));
    const { write } = connect({ path: 'secrets' }, { base });
    expect(await write(set('a', 'x'), set('b', Buffer.alloc(1024 * 1024 + 1)))).toMatchObject([
      { error: { code: 'INVALID_CONFIG' } },
      { error: { code: 'INVALID_CONFIG', message: expect.stringContaining('1 MiB') } },
    ]);
  });

  test('the mode of a file stays', async () => {
    const file = join(base, 'secrets', 'a');
    await writeFile(file, 'x');
    await chmod(file, 0o640);
    await connect({ path: 'secrets' }, { base }).write(set('a', 'y'));
    expect((await stat(file)).mode & 0o777).toBe(0o640);
  });

  test.runIf(process.geteuid?.() === 0)('the mode of a file of others stays only if its owner does', async () => {
    const file = join(base, 'secrets', 'a');
    await writeFile(file, 'x');
    await chown(file, 1000, 1000);
    await chmod(file, 0o644);
    await connect({ path: 'secrets' }, { base }).write(set('a', 'y'));
    expect(await stat(file)).toMatchObject({ uid: 1000, gid: 1000, mode: 0o100_644 });

    await chmod(folder.path, 0o755);
    await chmod(join(base, 'secrets'), 0o777);
    await asNobody(async () => void (await connect({ path: 'secrets' }, { base }).write(set('a', 'z'))));
    expect(await textOf(file)).toBe('z');
    expect(await stat(file)).toMatchObject({ uid: 65_534, mode: 0o100_600 });
  });

  test('what may not be written is forbidden', async () => {
    await chmod(folder.path, 0o755);
    await chmod(join(base, 'secrets'), 0o555);
    await asNobody(async () => {
      const results = await connect({ path: 'secrets' }, { base }).write(set('a', 'x'));
      expect(results).toMatchObject([{ error: { code: 'FORBIDDEN' } }]);
    });
  });
});

describe.each([
  ['a.env', '# head\nA=1\nB=2 # why\n', '# head\nA=1\nB=3 # why\nC=4\n'],
  ['a.json', '{\n    "A": 1.50,\n    "B": "2"\n}\n', '{\n    "A": 1.50,\n    "B": "3",\n    "C": "4"\n}\n'],
  ['a.yaml', '# head\nA: 1.50\nB: 2 # why\n', '# head\nA: 1.50\nB: "3" # why\nC: "4"\n'],
])('%s', (path, before, after) => {
  let file: string;
  beforeEach(async () => {
    file = join(base, path);
    await writeFile(file, before);
  });

  test('is changed where it must be, all at once', async () => {
    const { read, write } = connect({ path }, { base });
    const first = await read();
    const results = await write(set('B', '3', first.secrets.get('B')?.version), set('C', '4', null), remove('Z'));
    expect(results).toEqual([
      { name: 'B', version: expect.any(String) },
      { name: 'C', version: expect.any(String) },
      { name: 'Z' },
    ]);
    expect(await textOf(file)).toBe(after);
    const second = await read({ previous: first });
    expect(second.secrets.get('A')?.version).toBe(first.secrets.get('A')?.version);
    expect(second.secrets.get('B')?.version).toBe(results[0]?.version);
    expect(second.secrets.get('C')?.version).toBe(results[1]?.version);
    expect(await write(remove('C', results[1]?.version))).toEqual([{ name: 'C' }]);
    expect(texts(await read())).not.toHaveProperty('C');
    expect(await readdir(base)).toEqual([path, 'secrets']);
  });

  test('what cannot be done is one result, and the rest is done', async () => {
    const { read, write } = connect({ path }, { base });
    const stale = (await read()).secrets.get('A')?.version;
    await writeFile(file, before.replace(/1(?:\.50)?/, '7'));
    expect(
      await write(set('A', 'x', stale), set('B', 'x', null), set('C', Uint8Array.from([255])), set('D', 'x')),
    ).toMatchObject([
      { name: 'A', error: { code: 'CONFLICT' } },
      { name: 'B', error: { code: 'CONFLICT' } },
      { name: 'C', error: { code: 'INVALID_CONFIG', message: expect.stringContaining('not UTF-8') } },
      { name: 'D', version: expect.any(String) },
    ]);
    expect(texts(await read())).toEqual({ A: '7', B: '2', D: 'x' });
  });

  test('two changes of one secret are refused', async () => {
    expect(await connect({ path }, { base }).write(set('A', 'x'), remove('A'))).toMatchObject([
      { error: { code: 'INVALID_CONFIG' } },
      { error: { code: 'INVALID_CONFIG' } },
    ]);
    expect(await textOf(file)).toBe(before);
  });

  test('with nothing to change it is not written', async () => {
    const { ino } = await stat(file);
    await connect({ path }, { base }).write(set('B', '2'), remove('Z'));
    expect((await stat(file)).ino).toBe(ino);
  });

  test('broken it is not written', async () => {
    await writeFile(file, '"');
    expect(await connect({ path }, { base }).write(set('A', 'x'))).toMatchObject([
      { error: { code: 'INVALID_RESPONSE' } },
    ]);
    expect(await textOf(file)).toBe('"');
  });

  test('many writers of one file lose nothing', async () => {
    const clients = Array.from({ length: 5 }, () => connect({ path }, { base }));
    const results = await Promise.all(clients.map(({ write }, index) => write(set(`N${index}`, `${index}`))));
    expect(results.flat().filter(({ error }) => error !== undefined)).toEqual([]);
    expect(texts(await connect({ path }, { base }).read())).toMatchObject({
      N0: '0',
      N1: '1',
      N2: '2',
      N3: '3',
      N4: '4',
    });
  });

  test('through a link the file that it leads to is written, if that may be', async () => {
    await mkdir(join(base, 'links'));
    await symlink(join('..', path), join(base, 'links', path));
    await writeFile(join(folder.path, path), before);
    await symlink(join('..', '..', path), join(base, 'links', `x-${path}`));
    expect(await connect({ path: `links/${path}` }, { base }).write(set('B', 'x'))).toMatchObject([{ name: 'B' }]);
    expect(texts(await connect({ path }, { base }).read())).toHaveProperty('B', 'x');
    expect((await lstat(join(base, 'links', path))).isSymbolicLink()).toBe(true);
    expect(await connect({ path: `links/x-${path}` }, { base }).write(set('B', 'x'))).toMatchObject([
      { error: { code: 'FORBIDDEN', ...ERROR } },
    ]);
    expect(await textOf(join(folder.path, path))).toBe(before);
  });

  test('in a volume it is not written', async () => {
    const volume = new FakeVolume(join(base, 'secrets'));
    await volume.swap({ [path]: before });
    expect(await connect({ path: `secrets/${path}` }, { base }).write(set('B', 'x'))).toMatchObject([
      { error: { code: 'UNSUPPORTED', message: expect.stringContaining('volume') } },
    ]);
  });

  test('one that is not there is not made', async () => {
    await rm(file);
    expect(await connect({ path }, { base }).write(set('B', 'x'))).toMatchObject([{ error: { code: 'NOT_FOUND' } }]);
    expect(await readdir(base)).toEqual(['secrets']);
  });

  test('it does not grow beyond what can be read', async () => {
    const value = SecretValue.of('x'.repeat(1024 * 1024));
    expect(await connect({ path }, { base }).write({ name: 'B', value })).toMatchObject([
      { error: { code: 'INVALID_CONFIG', message: expect.stringContaining('1 MiB') } },
    ]);
    expect(await textOf(file)).toBe(before);
  });
});

test('no error of a write holds the value', async () => {
  await writeFile(join(base, 'a.env'), 'A=1\n');
  const { write } = connect({ path: 'a.env' }, { base });
  const value = `hunter2\r'"\``;
  const [result] = await write(set('A', value));
  expect(result?.error?.code).toBe('INVALID_CONFIG');
  expect(JSON.stringify([result, result?.error?.message, result?.error?.stack])).not.toContain('hunter2');
});

test('a null is there: it is no new secret, and can be replaced', async () => {
  await writeFile(join(base, 'a.json'), '{"A": null}');
  const { write } = connect({ path: 'a.json' }, { base });
  expect(await write(set('A', 'x', null))).toMatchObject([{ error: { code: 'CONFLICT' } }]);
  expect(await write(set('A', 'x'))).toEqual([{ name: 'A', version: expect.any(String) }]);
  expect(await textOf(join(base, 'a.json'))).toBe('{"A": "x"}');
});
