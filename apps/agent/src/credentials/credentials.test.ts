import { mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { CredentialReference, SourceConfig } from '@hikyaku/config';
import { SecretValue } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import { KubeError } from '@hikyaku/kube-client';
import type { KubeClient, SecretObject } from '@hikyaku/kube-client';
import doppler from '@hikyaku/provider-doppler';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Credentials } from './credentials.ts';

const { signal } = new AbortController();
const secretRef = { secretRef: { name: 'tokens', key: 'homelab' } };

function createWorld(
  token: CredentialReference | undefined,
  env: Readonly<Record<string, string>> = {},
  checkFile?: (path: string) => Promise<string>,
) {
  const clock = new FakeClock();
  const reads: string[] = [];
  const world = {
    clock,
    reads,
    data: { homelab: Buffer.from('  first\n').toString('base64') } as Readonly<Record<string, string>> | KubeError,
    credentials: undefined as unknown as Credentials,
  };
  const client = {
    secrets: {
      async get(namespace: string, name: string): Promise<SecretObject> {
        reads.push(`${namespace}/${name}`);
        if (world.data instanceof KubeError) throw world.data;
        return { metadata: { namespace, name }, data: world.data };
      },
    },
  } as unknown as KubeClient;
  const description = { identity: 'homelab', origins: ['https://api.doppler.com'] };
  const credentials = new Map(token && [['token', token]]);
  const source = { name: 'homelab', provider: doppler, description, credentials } as unknown as SourceConfig;
  world.credentials = new Credentials(source, { env, client, clock, namespace: 'hikyaku', checkFile });
  return world;
}

async function tokenOf(
  { credentials }: ReturnType<typeof createWorld>,
  refused?: SecretValue,
): Promise<string | undefined> {
  return (await credentials.get('token', { signal, ...(refused && { refused }) })).text();
}

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'hikyaku-credentials-'));
});
afterAll(async () => {
  await rm(directory, { recursive: true });
});

describe('env', () => {
  test('is trimmed', async () => {
    expect(await tokenOf(createWorld({ env: 'TOKEN' }, { TOKEN: ' hunter2\n' }))).toBe('hunter2');
  });

  test.each(['TOKEN', 'constructor', 'toString', '__proto__'])(
    'is only that variable, never one that every object has: %s',
    async (name) => {
      await expect(tokenOf(createWorld({ env: name }))).rejects.toMatchObject({
        code: 'INVALID_CONFIG',
        message: expect.stringContaining(
          `token of source homelab wants the environment variable ${name}, which is not set`,
        ),
      });
    },
  );

  test.each(['', ' \n'])('an empty one (%j) is none', async (text) => {
    await expect(tokenOf(createWorld({ env: 'TOKEN' }, { TOKEN: text }))).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      message: expect.stringContaining('token of source homelab is empty (environment variable TOKEN)'),
    });
  });
});

describe('file', () => {
  test('is trimmed, and read anew each time', async () => {
    const file = path.join(directory, 'token');
    const world = createWorld({ file });
    await writeFile(file, 'first\r\n');
    expect(await tokenOf(world)).toBe('first');
    await writeFile(file, 'second');
    expect(await tokenOf(world)).toBe('second');
  });

  test.each([
    ['missing', 'ENOENT'],
    ['.', 'EISDIR'],
  ])('one that cannot be read (%s) is named, with the reason', async (name, reason) => {
    const file = path.join(directory, name);
    await expect(tokenOf(createWorld({ file }))).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      message: expect.stringContaining(`token of source homelab cannot be read from ${file} (${reason})`),
    });
  });
});

test('a file that was checked is the one that is read, though a link to it is changed in between', async () => {
  const [link, allowed, other] = ['link', 'allowed', 'other'].map((name) => path.join(directory, name));
  if (link === undefined || allowed === undefined || other === undefined) throw new TypeError('no paths');
  await writeFile(allowed, 'allowed');
  await writeFile(other, 'a token of the agent itself');
  await symlink(allowed, link);
  const world = createWorld({ file: link }, {}, async (file) => {
    const real = await realpath(file);
    await rm(link);
    await symlink(other, link);
    return real;
  });
  expect(await tokenOf(world)).toBe('allowed');
});

describe('secretRef', () => {
  test.each(['constructor', 'toString', '__proto__'])('a key that every object has (%s) is none', async (key) => {
    await expect(tokenOf(createWorld({ secretRef: { name: 'tokens', key } }))).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      message: expect.stringContaining(`wants the key ${key} of Secret hikyaku/tokens, which has no such key`),
    });
  });

  test('is read from the agent’s own namespace, decoded and trimmed', async () => {
    const world = createWorld(secretRef);
    expect(await tokenOf(world)).toBe('first');
    expect(world.reads).toEqual(['hikyaku/tokens']);
  });

  test('or from the one it names', async () => {
    const world = createWorld({ secretRef: { ...secretRef.secretRef, namespace: 'vault' } });
    await tokenOf(world);
    expect(world.reads).toEqual(['vault/tokens']);
  });

  test('is kept for a minute', async () => {
    const world = createWorld(secretRef);
    await tokenOf(world);
    world.data = { homelab: Buffer.from('second').toString('base64') };
    await world.clock.advance(59_999);
    expect(await tokenOf(world)).toBe('first');
    await world.clock.advance(1);
    expect(await tokenOf(world)).toBe('second');
    expect(world.reads).toHaveLength(2);
  });

  test('is read again when it was refused, and that is kept', async () => {
    const world = createWorld(secretRef);
    await tokenOf(world);
    world.data = { homelab: Buffer.from('second').toString('base64') };
    expect(await tokenOf(world, SecretValue.of('first'))).toBe('second');
    expect(await tokenOf(world)).toBe('second');
    expect(world.reads).toHaveLength(2);
  });

  test.each<[string, KubeError | Readonly<Record<string, string>>, string, string]>([
    ['no such key', {}, 'INVALID_CONFIG', 'wants the key homelab of Secret hikyaku/tokens'],
    [
      'no such Secret',
      new KubeError('NOT_FOUND', 'gone'),
      'INVALID_CONFIG',
      'wants Secret hikyaku/tokens, which does not exist',
    ],
    ['no right', new KubeError('FORBIDDEN', 'no'), 'INVALID_CONFIG', 'which this account may not read'],
    ['an empty value', { homelab: '' }, 'INVALID_CONFIG', 'is empty'],
    [
      'no answer',
      new KubeError('UNAVAILABLE', 'timeout'),
      'UNAVAILABLE',
      'cannot be read from Secret hikyaku/tokens: timeout',
    ],
  ])('%s: says so, of which source and field', async (_, data, code, message) => {
    const world = createWorld(secretRef);
    world.data = data;
    await expect(tokenOf(world)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
    await expect(tokenOf(world)).rejects.toThrow('token of source homelab');
  });
});

test('a private key of age is no credential, wherever it is', async () => {
  const key = `# public key: age1x\nAGE-SECRET-KEY-1HUNTER2\n`;
  const world = createWorld(secretRef);
  world.data = { homelab: Buffer.from(key).toString('base64') };
  const message = 'is refused: what is there (Secret tokens) has a private key of age';
  await expect(tokenOf(world)).rejects.toMatchObject({
    code: 'INVALID_CONFIG',
    message: expect.stringContaining(message),
  });
  await expect(tokenOf(world)).rejects.not.toThrow('HUNTER2');
  await expect(tokenOf(createWorld({ env: 'TOKEN' }, { TOKEN: key }))).rejects.toThrow('environment variable TOKEN');
});

test('a field that the config does not set is missing', async () => {
  await expect(tokenOf(createWorld(undefined))).rejects.toMatchObject({
    code: 'INVALID_CONFIG',
    message: expect.stringContaining('token of source homelab is not set'),
  });
});

test('problems: all of them, and none where all is well', async () => {
  expect(await createWorld({ env: 'TOKEN' }, { TOKEN: 'hunter2' }).credentials.problems({ signal })).toEqual([]);
  const texts = await createWorld({ env: 'TOKEN' }, { OTHER: 'hunter2' }).credentials.problems({ signal });
  expect(texts).toHaveLength(1);
  expect(texts.join()).not.toContain('hunter2');
});
