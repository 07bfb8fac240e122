import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { generateIdentity, recipientOf } from '@hikyaku/sealing';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Edge } from '../edge.ts';
import { findIdentities } from './find-identities.ts';
import type { FoundIdentity } from './find-identities.ts';

let home: string;
let made = 0;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'hikyaku-identities-'));
  return async () => await rm(home, { recursive: true, force: true });
});

function edgeOf(env: Edge['env'] = {}): Edge {
  const { PATH } = process.env;
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  return { env: { PATH, HOME: home, ...env }, stdin, stdout, stderr, signal: new AbortController().signal };
}

/** Writes a new identity, and returns its path and its key. */
async function make(name = `key-${++made}.txt`): Promise<{ readonly path: string; readonly identity: string }> {
  const path = join(home, name);
  const { file } = await generateIdentity();
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, file);
  return { path, identity: /^AGE-SECRET-KEY-\S+$/m.exec(file)?.[0] ?? '' };
}

const DEFAULT_FILE = join('.config', 'sops', 'age', 'keys.txt');

test('none is no error', async () => {
  expect(await findIdentities({}, edgeOf())).toEqual([]);
});

test('the usual file is used where nothing is named, and says where it is', async () => {
  const { path, identity } = await make(DEFAULT_FILE);
  expect(await findIdentities({}, edgeOf())).toEqual([{ identity, from: `the file ${path}` }]);
  const elsewhere = await make(join('xdg', 'sops', 'age', 'keys.txt'));
  const found = await findIdentities({}, edgeOf({ XDG_CONFIG_HOME: join(home, 'xdg') }));
  expect(found.map((one) => one.identity)).toEqual([elsewhere.identity]);
});

test('variables count before it, all of them', async () => {
  await make(DEFAULT_FILE);
  const [text, file, command] = await Promise.all([make(), make(), make()]);
  const env = { SOPS_AGE_KEY: text.identity, SOPS_AGE_KEY_FILE: file.path, SOPS_AGE_KEY_CMD: `cat '${command.path}'` };
  expect(await findIdentities({}, edgeOf(env))).toEqual([
    { identity: text.identity, from: 'SOPS_AGE_KEY' },
    { identity: command.identity, from: 'SOPS_AGE_KEY_CMD' },
    { identity: file.identity, from: `the file ${file.path}` },
  ]);
});

test('with a file that is named, nothing else counts', async () => {
  const [named, other] = await Promise.all([make(), make()]);
  const found = await findIdentities({ identity: [named.path] }, edgeOf({ SOPS_AGE_KEY: other.identity }));
  expect(found.map((one) => one.identity)).toEqual([named.identity]);
});

test('keys of plug-ins are passed over where others are beside them, or found where they are asked for', async () => {
  const { path, identity } = await make();
  await writeFile(path, `AGE-PLUGIN-YUBIKEY-1QQPQY\n${identity}\n`);
  expect((await findIdentities({ identity: [path] }, edgeOf())).map((one) => one.identity)).toEqual([identity]);
  await writeFile(path, 'AGE-PLUGIN-YUBIKEY-1QQPQY\n');
  const plugIns = await findIdentities({ identity: [path], plugIns: true }, edgeOf());
  expect(plugIns.map((one) => one.identity)).toEqual(['AGE-PLUGIN-YUBIKEY-1QQPQY']);
  await expect(findIdentities({ identity: [path] }, edgeOf())).rejects.toThrow(
    'besides keys of age plug-ins, which only the `age` command can use',
  );
});

test.each<[string, (path: string) => Edge['env'], string]>([
  [
    'a file that is missing',
    () => ({ SOPS_AGE_KEY_FILE: join('/nowhere', 'key') }),
    '/nowhere/key cannot be read (ENOENT)',
  ],
  ['a file of something else', (path) => ({ SOPS_AGE_KEY_FILE: path }), 'line 1 is no identity of age'],
  ['a text of something else', () => ({ SOPS_AGE_KEY: 'hunter2' }), 'SOPS_AGE_KEY cannot be used: line 1'],
  [
    'a command that fails',
    () => ({ SOPS_AGE_KEY_CMD: 'exit 3' }),
    'the command in SOPS_AGE_KEY_CMD failed (exit code 3)',
  ],
])('%s is an error that quotes nothing of it', async (_, env, message) => {
  const path = join(home, 'other');
  await writeFile(path, 'hunter2\n');
  const finding = findIdentities({}, edgeOf(env(path)));
  await expect(finding).rejects.toThrow(message);
  await expect(finding).rejects.not.toThrow('hunter2');
});

/** Of `age -p`, with an easy scrypt: the identity of this public key, protected by «correct horse». */
const PROTECTED = `-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCBPdFNGVUdQRklNYmJ6UlFw
dUZNZUNBIDIKV3Q1azh5OWs5MXhYSGhUWHpmYzc2TDdNOGRwUmFJcjh6bHVqcXNL
MXVadwotLS0gNXZKNUNsWjlRZUF4SU1uRWZEY3Y3bE9YbnpUT1NNWDdFYTNCUnc4
T0hkWQqNbcRtVg7995dPm8om5PtZdNFC9DRMC8GuNrGe2JpQxzm9ytgS1pnYCTjM
FS628xRsWWk2wG+oY7WELZHgeSh9zuVS55gpvlyHu8+uhXJUXpBBDFszZGoUduIT
G65/rgU41I7llT4nHp3H2A==
-----END AGE ENCRYPTED FILE-----
`;
const PROTECTED_RECIPIENT = 'age1xg0eecnddcr7z9308z5hmde3d4tc92zrx7pe8muj2f7lm6027c3qp0yrwj';

describe('a file with a passphrase', () => {
  let path: string;
  beforeEach(async () => {
    path = join(home, 'protected');
    await writeFile(path, PROTECTED);
  });

  async function typing(text: string): Promise<readonly FoundIdentity[]> {
    const edge = edgeOf();
    const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => {} });
    const stderr = Object.assign(new PassThrough(), { isTTY: true, columns: 200 });
    stdin.write(text);
    const found = await findIdentities({ identity: [path] }, { ...edge, stdin, stderr });
    expect(String(stderr.read())).not.toContain('correct');
    return found;
  }

  test('is opened with what a person types, which is not shown', async () => {
    const [found] = await typing('correct horse\r');
    expect(await recipientOf(found?.identity ?? '')).toBe(PROTECTED_RECIPIENT);
  });

  test('stays closed to another passphrase', async () => {
    await expect(typing('battery staple\r')).rejects.toThrow('does not open: the passphrase is wrong');
  });

  test('is an error where there is nobody to ask', async () => {
    await expect(findIdentities({ identity: [path] }, edgeOf())).rejects.toThrow(
      'has a passphrase, and there is no terminal to ask for it',
    );
  });
});
