import { SecretValue } from '@hikyaku/core';
import {
  bindingOf,
  generateIdentity,
  isProtected,
  open,
  parseIdentities,
  readHeader,
  recipientOf,
  seal,
  SealedError,
} from '@hikyaku/sealing';
import { beforeAll, expect, test } from 'vitest';
import { decryptWithAge, encryptWithAge, generateWithKeygen, recipientsOfKeygen } from './age-command.ts';
import { ensureReferenceTool } from './index.ts';

const binding = bindingOf('doppler', 'token', ['https://api.doppler.com']);
const now = Date.UTC(2026, 2, 1);

beforeAll(async () => {
  await ensureReferenceTool('age');
  await ensureReferenceTool('age-keygen');
});

test.each([0, 1, 50, 64 * 1024, 64 * 1024 + 1, 1024 * 1024])(
  'a value of %i bytes sealed by us opens with age by each recipient',
  async (length) => {
    const bytes = Buffer.alloc(length, 'a token, and again ');
    const keys = await Promise.all([generateIdentity(), generateIdentity(), generateIdentity()]);
    const [home, cabin, me] = keys.map(({ recipient }) => [recipient]);
    const recipients = new Map([
      ['home', home ?? []],
      ['cabin', cabin ?? []],
      ['me', me ?? []],
    ]);
    const sealed = await seal(SecretValue.of(bytes), { recipients, binding, now });
    for (const { file } of keys) expect((await decryptWithAge(sealed, file)).equals(bytes)).toBe(true);
    await expect(decryptWithAge(sealed, (await generateIdentity()).file)).rejects.toThrow(/no identity matched/);
  },
);

test('a value sealed to post-quantum keys opens with age', async () => {
  const file = await generateWithKeygen('-pq');
  const [recipient = ''] = await recipientsOfKeygen(file);
  const sealed = await seal(SecretValue.of('token'), { recipients: new Map([['me', [recipient]]]), binding, now });
  expect((await decryptWithAge(sealed, file)).toString()).toBe('token');
  expect((await open(sealed, parseIdentities(file))).value.text()).toBe('token');
});

test('what age has sealed opens here, and says nothing of its use', async () => {
  const { file, recipient } = await generateIdentity();
  const sealed = await encryptWithAge('token', [recipient]);
  const opened = await open(sealed, parseIdentities(file));
  expect(opened.value.text()).toBe('token');
  expect(opened.header.binding).toBeUndefined();
  expect((await readHeader(sealed)).binding).toBeUndefined();
});

test('age authenticates what a value may be used for', async () => {
  const { file, recipient } = await generateIdentity();
  const sealed = await seal(SecretValue.of('token'), { recipients: new Map([['home', [recipient]]]), binding, now });
  const bytes = Buffer.from(sealed.split('\n').slice(1, -2).join(''), 'base64').toString('latin1');
  const [bound = ''] = /(?<=bind v1\n)[A-Za-z0-9+/\n]+?(?=\n-> )/.exec(bytes) ?? [];
  const body = Buffer.from(bound, 'base64').toString('latin1');
  const forged = Buffer.from(body.replace('api.doppler.com', 'api.dopp1er.com'), 'latin1').toString('base64');
  const other = Buffer.from(
    bytes.replace(bound, (forged.match(/.{1,64}/g) ?? []).join('\n').replace(/=+$/, '')),
    'latin1',
  );
  await expect(decryptWithAge(other, file)).rejects.toThrow(/bad header MAC/);
});

test('identities made here are as those of age-keygen, but for the numbers', async () => {
  const ours = await generateIdentity();
  const theirs = await generateWithKeygen();
  const shape = (file: string) =>
    file
      .replace(/(?<=^# created: )\S+$/m, 'TIME')
      .replace(/(?<=^# public key: age1)[02-9ac-hj-np-z]{58}$/m, 'PUBLIC')
      .replace(/(?<=^AGE-SECRET-KEY-1)[02-9AC-HJ-NP-Z]{58}$/m, 'PRIVATE');
  expect(shape(ours.file)).toBe(shape(theirs));
  expect(await recipientsOfKeygen(ours.file)).toEqual([ours.recipient]);
  const [identity = ''] = parseIdentities(theirs);
  expect([await recipientOf(identity)]).toEqual(await recipientsOfKeygen(theirs));
});

test('several keys in one file mean the same to age-keygen', async () => {
  const both = (await generateIdentity()).file + (await generateWithKeygen());
  expect(await Promise.all(parseIdentities(both).map(recipientOf))).toEqual(await recipientsOfKeygen(both));
});

test('a file of age for a key is no identity, and not protected by a passphrase', async () => {
  const { recipient } = await generateIdentity();
  const sealed = await encryptWithAge('token', [recipient]);
  expect(isProtected(sealed)).toBe(false);
  expect(() => parseIdentities(sealed)).toThrow(SealedError);
});
