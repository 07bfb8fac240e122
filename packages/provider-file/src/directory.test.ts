import { writeFileSync } from 'node:fs';
import { chmod, mkdir, rename, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { systemClock } from '@hikyaku/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { asNobody, codes, connect, FakeVolume, replace, temporaryFolder, texts } from './file.test.kit.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let base: string;
let path: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  base = folder.path;
  path = join(base, 'secrets');
  await mkdir(path);
});
afterEach(() => folder[Symbol.asyncDispose]());

test('each file is a secret, byte for byte; subdirectories and hidden files are left out', async () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  await writeFile(join(path, 'password'), ' pass word\r\n');
  await writeFile(join(path, 'bytes'), bytes);
  await writeFile(join(path, 'empty'), '');
  await writeFile(join(path, '.hidden'), 'x');
  await mkdir(join(path, 'lost+found'));
  await writeFile(join(path, 'lost+found', 'deep'), 'x');
  await symlink('lost+found', join(path, 'link-to-directory'));
  await symlink('password', join(path, 'link-to-file'));
  const snapshot = await connect({ path: 'secrets' }, { base }).read();
  expect([...snapshot.secrets.keys()]).toEqual(['bytes', 'empty', 'link-to-file', 'password']);
  expect(texts(snapshot)).toMatchObject({ password: ' pass word\r\n', empty: '', 'link-to-file': ' pass word\r\n' });
  expect(snapshot.secrets.get('bytes')?.value.reveal()).toEqual(bytes);
  expect(snapshot.unknown).toBeUndefined();
});

test('an empty directory is an answer; one that is not there is not', async () => {
  const { read } = connect({ path: 'secrets' }, { base });
  expect(await read()).toEqual({ secrets: new Map() });
  await rm(path, { recursive: true });
  await expect(read()).rejects.toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining(path) });
  await mkdir(path);
  expect(await read()).toEqual({ secrets: new Map() });
});

test('a file in its place is an error that says what to do', async () => {
  await writeFile(join(base, 'one'), 'A=1');
  await expect(connect({ path: 'one' }, { base }).read()).rejects.toMatchObject({
    code: 'INVALID_CONFIG',
    message: expect.stringContaining('say its `format`'),
  });
});

test('what has not changed gives the previous snapshot itself, also when a file was written again', async () => {
  await writeFile(join(path, 'a'), '1');
  await writeFile(join(path, 'b'), '2');
  const { read } = connect({ path: 'secrets' }, { base });
  const first = await read();
  expect(await read({ previous: first })).toBe(first);
  await replace(join(path, 'a'), '1');
  await utimes(join(path, 'b'), 1, 1);
  expect(await read({ previous: first })).toBe(first);

  await writeFile(join(path, 'a'), 'x');
  const second = await read({ previous: first });
  expect(texts(second)).toEqual({ a: 'x', b: '2' });
  expect(second.secrets.get('a')?.version).not.toBe(first.secrets.get('a')?.version);
  expect(second.secrets.get('b')?.version).toBe(first.secrets.get('b')?.version);

  await rm(join(path, 'b'));
  expect(texts(await read({ previous: second }))).toEqual({ a: 'x' });
});

test('a change that leaves size and times as they were is seen', async () => {
  await writeFile(join(path, 'a'), 'one');
  await utimes(join(path, 'a'), 1, 1);
  const { read } = connect({ path: 'secrets' }, { base });
  const first = await read();
  await writeFile(join(path, 'a'), 'two');
  await utimes(join(path, 'a'), 1, 1);
  expect(texts(await read({ previous: first }))).toEqual({ a: 'two' });
});

test('a restart with the stored snapshot goes on with it', async () => {
  await writeFile(join(path, 'a'), '1');
  const { secrets } = await connect({ path: 'secrets' }, { base }).read();
  await replace(join(path, 'a'), '1');
  const stored = { secrets };
  const after = connect({ path: 'secrets' }, { base });
  expect(await after.read({ previous: stored })).toBe(stored);
  expect(await after.list()).toEqual([{ name: 'a', version: secrets.get('a')?.version }]);
});

test('only what is wanted is read', async () => {
  await writeFile(join(path, 'a'), '1');
  await writeFile(join(path, 'b'), '2');
  await writeFile(join(path, 'large'), '');
  await truncate(join(path, 'large'), 2 ** 31);
  const { read } = connect({ path: 'secrets' }, { base });
  const named = await read({ all: false, refs: [{ name: 'a' }, { name: 'absent' }] });
  expect(texts(named)).toEqual({ a: '1' });
  expect(named.unknown).toBeUndefined();
  expect(texts(await read({ wants: (name) => name === 'b' }))).toEqual({ b: '2' });
  const all = await read();
  expect(texts(all)).toEqual({ a: '1', b: '2' });
  expect(codes(all)).toEqual({ large: 'UNSUPPORTED' });
});

test('what is asked for and cannot be a secret is unknown, with the reason', async () => {
  await writeFile(join(path, '.hidden'), 'x');
  await mkdir(join(path, 'directory'));
  const refs = [{ name: '.hidden' }, { name: 'directory' }, { name: 'a', version: '1' }, { name: '../secrets/a' }];
  const snapshot = await connect({ path: 'secrets' }, { base }).read({ refs });
  expect(snapshot.secrets.size).toBe(0);
  expect(codes(snapshot)).toEqual({
    '.hidden': 'INVALID_CONFIG',
    '../secrets/a': 'INVALID_CONFIG',
    directory: 'INVALID_CONFIG',
    'a\u00001': 'UNSUPPORTED',
  });
});

test('a link to nothing is unknown, never absent', async () => {
  await symlink('nothing', join(path, 'a'));
  expect(codes(await connect({ path: 'secrets' }, { base }).read())).toEqual({ a: 'UNAVAILABLE' });
});

test.each(['two\nlines', 'spaces and "quotes"', '日本語', 'x'.repeat(255), '-rf', 'a\u001b[31m', '__proto__'])(
  'the name %j is a name like others',
  async (name) => {
    await writeFile(join(path, name), 'value');
    expect([...(await connect({ path: 'secrets' }, { base }).read()).secrets.keys()]).toEqual([name]);
  },
);

test('a name that is not UTF-8 is unknown', async () => {
  await writeFile(Buffer.concat([Buffer.from(`${path}/bad-`), Buffer.from([0xff])]), 'value');
  expect(codes(await connect({ path: 'secrets' }, { base }).read())).toEqual({ 'bad-\ufffd': 'INVALID_CONFIG' });
});

test('too many entries are refused', { timeout: 30_000 }, async () => {
  for (let index = 0; index <= 4_096; index += 1) writeFileSync(join(path, `.${index}`), '');
  await expect(connect({ path: 'secrets' }, { base }).read()).rejects.toMatchObject({ code: 'UNSUPPORTED' });
});

test('more than 16 MiB are refused', async () => {
  for (let index = 0; index < 17; index += 1) await writeFile(join(path, `${index}`), Buffer.alloc(1024 * 1024));
  await expect(connect({ path: 'secrets' }, { base }).read()).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message: expect.stringContaining('16 MiB'),
  });
});

test('a file that is written in small steps is never read before its end', async () => {
  const { read } = connect({ path: 'secrets' }, { base }, systemClock);
  const seen = new Set<string | undefined>();
  const whole = 'x'.repeat(50);
  await writeFile(join(path, 'a'), '');
  const writing = (async () => {
    for (let step = 0; step < 50; step += 1) {
      await writeFile(join(path, 'a'), 'x', { flag: 'a' });
      await delay(15);
    }
  })();
  while (!seen.has(whole)) seen.add(texts(await read())['a']);
  await writing;
  expect([...seen]).toEqual([whole]);
});

test('a directory that never rests is said to be so', async () => {
  const stop = new AbortController();
  const writing = (async () => {
    for (let step = 0; !stop.signal.aborted; step += 1) {
      await writeFile(join(path, 'a'), String(step));
      await delay(20);
    }
  })();
  await expect(connect({ path: 'secrets' }, { base }, systemClock).read()).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    retryable: true,
    message: expect.stringContaining('keeps changing'),
  });
  stop.abort();
  await writing;
});

test('a file that is missing for a moment while it is replaced is not gone', async () => {
  await writeFile(join(path, 'a'), '1');
  await writeFile(join(path, 'b'), '1');
  const { read } = connect({ path: 'secrets' }, { base }, systemClock);
  const first = await read();
  const reading = (async () => {
    await rename(join(path, 'a'), join(path, '.a~'));
    const snapshot = read({ previous: first });
    await delay(40);
    await writeFile(join(path, 'a'), '2');
    return await snapshot;
  })();
  expect(texts(await reading)).toEqual({ a: '2', b: '1' });
});

test('a directory that may not be read is forbidden, and the file in it alone', async () => {
  await writeFile(join(path, 'a'), '1');
  await writeFile(join(path, 'b'), '2', { mode: 0o000 });
  await chmod(base, 0o755);
  const { read } = connect({ path: 'secrets' }, { base });
  await asNobody(async () => {
    const snapshot = await read();
    expect(texts(snapshot)).toEqual({ a: '1' });
    expect(codes(snapshot)).toEqual({ b: 'FORBIDDEN' });
  });
  await chmod(path, 0o000);
  await asNobody(async () => {
    await expect(read()).rejects.toMatchObject({ code: 'FORBIDDEN', message: expect.stringContaining('EACCES') });
  });
});

test('a call ends with the reason of its signal', async () => {
  const { client } = connect({ path: 'secrets' }, { base });
  const stop = new AbortController();
  const reading = client.read({ all: true, refs: [], signal: stop.signal, progress() {} });
  stop.abort(new Error('enough'));
  await expect(reading).rejects.toThrow('enough');
});

test('in a volume every name is a key, and `..data` is not', async () => {
  const volume = new FakeVolume(path);
  await volume.swap({ password: '1', '.dockerconfigjson': '{}' });
  const { read } = connect({ path: 'secrets' }, { base });
  const first = await read();
  expect(texts(first)).toEqual({ password: '1', '.dockerconfigjson': '{}' });
  await volume.swap({ password: '1', '.dockerconfigjson': '{}' });
  expect(await read({ previous: first })).toBe(first);
  expect((await read({ refs: [{ name: '.absent' }] })).unknown).toBeUndefined();
  await volume.swap({ password: '2', '.dockerconfigjson': '{}' });
  expect(texts(await read({ previous: first }))).toEqual({ password: '2', '.dockerconfigjson': '{}' });
});

test('no read mixes the files of a volume before and after a swap', { timeout: 30_000 }, async () => {
  const volume = new FakeVolume(path);
  const names = Array.from({ length: 20 }, (_, index) => `key-${index}`);
  const swap = (round: number) => volume.swap(Object.fromEntries(names.map((name) => [name, String(round)])));
  await swap(0);
  const { read } = connect({ path: 'secrets' }, { base }, systemClock);
  const stop = new AbortController();
  const swaps = (async () => {
    for (let round = 1; !stop.signal.aborted; round += 1) {
      await swap(round);
      await delay(round % 7 === 0 ? 250 : 30);
    }
  })();
  const seen = new Set<string | undefined>();
  while (seen.size < 3) {
    const values = new Set(Object.values(texts(await read())));
    expect(values.size).toBe(1);
    for (const value of values) seen.add(value);
  }
  stop.abort();
  await swaps;
});
