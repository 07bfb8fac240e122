import { armor, Encrypter } from 'age-encryption';
import { expect, test } from 'vitest';
import { openWithPassphrase } from './open-with-passphrase.ts';

async function sealed(text: string, passphrase: string): Promise<Uint8Array> {
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  encrypter.setScryptWorkFactor(4);
  return await encrypter.encrypt(text);
}

test('a file of `age -p` opens with its passphrase, armored or not', async () => {
  const file = await sealed('AGE-SECRET-KEY-1', 'correct horse');
  for (const form of [file, Buffer.from(armor.encode(file))])
    expect((await openWithPassphrase(form, 'correct horse')).text()).toBe('AGE-SECRET-KEY-1');
});

test('another passphrase and a damaged file are told apart', async () => {
  const file = await sealed('AGE-SECRET-KEY-1', 'correct horse');
  await expect(openWithPassphrase(file, 'battery staple')).rejects.toMatchObject({ code: 'NOT_FOR_THIS_KEY' });
  await expect(openWithPassphrase(file.subarray(0, -1), 'correct horse')).rejects.toMatchObject({ code: 'DAMAGED' });
});
