import { execFile } from 'node:child_process';
import { chmod, link, mkdir, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { isProviderError } from '@hikyaku/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Boundary } from './boundary.ts';
import { asNobody, codes, connect, FakeVolume, temporaryFolder, texts } from './file.test.kit.ts';
import { readAllowedFile } from './read-file.ts';

const run = promisify(execFile);
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let base: string;
let outside: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  base = join(folder.path, 'base');
  outside = join(folder.path, 'outside');
  await mkdir(join(base, 'secrets'), { recursive: true });
  await mkdir(outside);
  await writeFile(join(outside, 'key'), 'from outside');
  await writeFile(join(outside, 'a.json'), '{"key": "from outside"}');
});
afterEach(() => folder[Symbol.asyncDispose]());

describe('a path that leads outside is forbidden', () => {
  test.each<[string, () => Promise<string>]>([
    ['absolute', async () => join(outside, 'a.json')],
    ['by dots', async () => '../outside/a.json'],
    ['by dots that come back first', async () => 'secrets/../../outside/a.json'],
    ['a link', async () => await linkTo(join(outside, 'a.json'))],
    ['a chain of links', async () => await linkTo(await linkTo(await linkTo('../outside/a.json')))],
    ['through a linked directory', async () => `${await linkTo('../outside')}/a.json`],
    ['to what is not there', async () => '../outside/nothing.json'],
    [
      'a folder whose name begins like the root',
      async () => {
        await mkdir(`${base}-2`);
        await writeFile(join(`${base}-2`, 'a.json'), '{}');
        return '../base-2/a.json';
      },
    ],
    ['of the system', async () => '/etc/passwd'],
    ['of this process', async () => '/proc/self/environ'],
    ['a device', async () => '/dev/zero'],
    ['of an open file', async () => '/dev/fd/0'],
  ])('%s', async (_, make) => {
    const path = await make();
    await expect(connect({ path, format: 'json' }, { base }).read()).rejects.toMatchObject({
      code: 'FORBIDDEN',
      retryable: false,
      message: expect.stringMatching(new RegExp(`outside of ${base}: .*--file-root`)),
    });
  });

  test('as a directory', async () => {
    await expect(connect({ path: '../outside' }, { base }).read()).rejects.toMatchObject({ code: 'FORBIDDEN' });
    const path = await linkTo(outside);
    await expect(connect({ path }, { base }).read()).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  test('as one file of a directory, and the others are read', async () => {
    await writeFile(join(base, 'secrets', 'inside'), 'x');
    await symlink(join(outside, 'key'), join(base, 'secrets', 'key'));
    await symlink('/etc/passwd', join(base, 'secrets', 'passwd'));
    const snapshot = await connect({ path: 'secrets' }, { base }).read();
    expect(texts(snapshot)).toEqual({ inside: 'x' });
    expect(codes(snapshot)).toEqual({ key: 'FORBIDDEN', passwd: 'FORBIDDEN' });
    expect(snapshot.unknown?.get('passwd')?.message).toContain('secrets/passwd leads to /etc/passwd');
  });
});

test('a wider root allows more, and a path is relative to the base all the same', async () => {
  const files = { base, root: folder.path };
  expect(texts(await connect({ path: '../outside/a.json' }, files).read())).toEqual({ key: 'from outside' });
  expect(texts(await connect({ path: outside, format: 'directory' }, files).read())).toHaveProperty('key');
});

test('the root may be a link itself, and the source the root itself', async () => {
  await writeFile(join(base, 'secrets', 'a'), '1');
  await symlink(base, join(folder.path, 'link'));
  const linked = join(folder.path, 'link');
  expect(texts(await connect({ path: 'secrets' }, { base: linked }).read())).toEqual({ a: '1' });
  expect(texts(await connect({ path: 'secrets' }, { base: linked, root: base }).read())).toEqual({ a: '1' });
  expect(texts(await connect({ path: 'secrets' }, { base, root: linked }).read())).toEqual({ a: '1' });
  const secrets = join(base, 'secrets');
  expect(texts(await connect({ path: '.' }, { base: secrets, root: secrets }).read())).toEqual({ a: '1' });
});

describe('what is refused is refused', () => {
  test.each<[string, () => Promise<void>]>([
    ['by its path', async () => await writeFile(join(base, 'secrets', 'token'), 'x')],
    ['through a link', async () => await symlink('../own/token', join(base, 'secrets', 'token'))],
    [
      'through a linked directory',
      async () => {
        await symlink('../own', join(base, 'secrets', 'own'));
        await symlink('own/token', join(base, 'secrets', 'token'));
      },
    ],
    ['as a hard link', async () => await link(join(base, 'own', 'token'), join(base, 'secrets', 'token'))],
  ])('%s', async (title, make) => {
    await mkdir(join(base, 'own'));
    await writeFile(join(base, 'own', 'token'), 'own token');
    await make();
    const refused = [join(base, title === 'by its path' ? 'secrets' : 'own', 'token'), join(base, 'nothing')];
    const snapshot = await connect({ path: 'secrets' }, { base, refused }).read();
    expect(texts(snapshot)).toEqual({});
    expect(codes(snapshot)).toEqual({ token: 'FORBIDDEN' });
    expect(snapshot.unknown?.get('token')?.message).toContain('belongs to the agent itself');
  });

  test('a whole directory, and what is below it', async () => {
    await mkdir(join(base, 'own', 'deep'), { recursive: true });
    await writeFile(join(base, 'own', 'deep', 'a.json'), '{}');
    const files = { base, refused: [join(base, 'own')] };
    await expect(connect({ path: 'own' }, files).read()).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(connect({ path: 'own/deep/a.json' }, files).read()).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  test('the token of a pod, by every link of its volume', async () => {
    const volume = new FakeVolume(join(base, 'serviceaccount'));
    await mkdir(volume.path);
    await volume.swap({ token: 'own token', 'ca.crt': 'x' });
    await symlink('serviceaccount', join(base, 'elsewhere'));
    const files = { base, refused: [join(base, 'elsewhere')] };
    for (const path of ['serviceaccount', 'elsewhere', 'serviceaccount/..data']) {
      await expect(connect({ path, format: 'directory' }, files).read()).rejects.toMatchObject({ code: 'FORBIDDEN' });
    }
    await symlink('../serviceaccount/..data/token', join(base, 'secrets', 'token'));
    expect(codes(await connect({ path: 'secrets' }, files).read())).toEqual({ token: 'FORBIDDEN' });
  });

  test('what cannot even be looked at does not keep the rest from being read', async () => {
    await mkdir(join(base, 'own'));
    await writeFile(join(base, 'secrets', 'a'), '1');
    await chmod(folder.path, 0o755);
    await chmod(join(base, 'own'), 0o000);
    await asNobody(async () => {
      const files = { base, refused: [join(base, 'own', 'token')] };
      expect(texts(await connect({ path: 'secrets' }, files).read())).toEqual({ a: '1' });
      await expect(connect({ path: 'secrets' }, { base, root: join(base, 'own', 'x') }).read()).rejects.toMatchObject({
        code: 'FORBIDDEN',
      });
    });
  });

  test('/proc, also where the root is everything', async () => {
    const files = { base, root: '/', refused: ['/proc', '/sys', '/dev'] };
    for (const path of ['/proc/self/environ', '/dev/zero', '/proc/self/cwd/../proc/self/environ', '/dev/stdin']) {
      await expect(connect({ path, format: 'dotenv' }, files).read()).rejects.toMatchObject({ code: 'FORBIDDEN' });
    }
  });
});

describe('what is no regular file is an error, and nothing waits for it', () => {
  test('a FIFO, a socket and a device', async () => {
    await run('mkfifo', [join(base, 'secrets', 'fifo')]);
    const server = createServer().listen(join(base, 'secrets', 'socket'));
    await symlink('/dev/zero', join(base, 'secrets', 'zero'));
    const snapshot = await connect({ path: 'secrets' }, { base, root: '/' }).read();
    expect(codes(snapshot)).toEqual({ fifo: 'INVALID_CONFIG', socket: 'INVALID_CONFIG', zero: 'INVALID_CONFIG' });
    await expect(connect({ path: 'secrets/fifo', format: 'json' }, { base }).read()).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      message: expect.stringContaining('FIFO'),
    });
    server.close();
  });

  test('a link in a circle, and a path that is too long', async () => {
    await symlink('b', join(base, 'a'));
    await symlink('a', join(base, 'b'));
    await expect(connect({ path: 'a' }, { base }).read()).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
    await expect(connect({ path: 'x'.repeat(300) }, { base }).read()).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
  });

  test('a file on the way where a directory should be', async () => {
    await writeFile(join(base, 'a.json'), '{}');
    await expect(connect({ path: 'a.json/b.json' }, { base }).read()).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('links that move while they are followed give nothing from outside', () => {
  test.each([
    ['the file', 'here'],
    ['the directory above it', 'here/key'],
  ])('%s', { timeout: 30_000 }, async (_, path) => {
    const isFile = path === 'here';
    await writeFile(join(base, 'secrets', 'key'), 'from inside');
    await symlink(isFile ? 'secrets/key' : 'secrets', join(base, 'inner'));
    await symlink(isFile ? join(outside, 'key') : outside, join(base, 'outer'));
    const worker = new Worker(SWAP, { eval: true, workerData: { base } });
    const outcomes = new Map<string, number>();
    const boundary = await Boundary.of({ root: base, refused: [] });
    const end = performance.now() + 2_000;
    while (performance.now() < end) {
      const outcome = await readAllowedFile(join(base, path), 'it', boundary).then(
        ({ bytes }) => Buffer.from(bytes).toString(),
        (error: unknown) => (isProviderError(error) ? error.code : String(error)),
      );
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    await worker.terminate();
    expect(outcomes.has('from outside')).toBe(false);
    expect(outcomes.get('from inside')).toBeGreaterThan(10);
    expect(outcomes.get('FORBIDDEN')).toBeGreaterThan(10);
  });
});

/** Lets `here` lead inside and outside in turns, as fast as it can. */
const SWAP = `
  const { workerData: { base } } = require('node:worker_threads');
  const { renameSync, symlinkSync, readlinkSync } = require('node:fs');
  const targets = ['inner', 'outer'].map((name) => readlinkSync(base + '/' + name));
  for (;;) for (const target of targets) {
    symlinkSync(target, base + '/next');
    renameSync(base + '/next', base + '/here');
  }
`;

async function linkTo(target: string): Promise<string> {
  const name = `link-${Math.random().toString(36).slice(2)}`;
  await symlink(target, join(base, name));
  return name;
}
