import { createHmac } from 'node:crypto';
import { SecretValue } from '@hikyaku/core';
import { expect, test } from 'vitest';
import { verifySignedNotice } from './signed-notice.ts';

const secret = SecretValue.of("It's a Secret to Everybody");
const body = Buffer.from('Hello, World!');
// The example in GitHub's documentation, «Validating webhook deliveries».
const hex = '757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17';

function verdict(signature: string | readonly string[] | undefined, of: Uint8Array = body, by = secret) {
  return verifySignedNotice({ body: of, headers: { 'x-sig': signature }, now: 0 }, { header: 'x-sig', secret: by });
}

test('a signature fits with and without the name of the hash before it', () => {
  for (const signature of [`sha256=${hex}`, hex, hex.toUpperCase()])
    expect(verdict(signature), signature).toEqual({ genuine: true });
});

test('bytes that are no text are signed as they are', () => {
  const bytes = Uint8Array.of(0xff, 0x00, 0x0d, 0x0a);
  expect(verdict(createHmac('sha256', secret.reveal()).update(bytes).digest('hex'), bytes).genuine).toBe(true);
});

test.each([
  ['no header', undefined],
  ['two headers', [hex, hex]],
  ['another signature', `sha256=${hex.replace('7', '8')}`],
  ['half a signature', hex.slice(0, 32)],
  ['more than a signature', `${hex}00`],
  ['another hash', `sha1=${hex}`],
  ['nothing', ''],
])('%s is not genuine, and the reason holds nothing that was sent', (_, signature) => {
  const { genuine, ...why } = verdict(signature);
  expect(genuine).toBe(false);
  expect(JSON.stringify(why)).not.toContain(hex.slice(0, 8));
});

test('another body or another secret is not genuine', () => {
  expect(verdict(hex, Buffer.from('Hello, World')).genuine).toBe(false);
  expect(verdict(hex, body, SecretValue.of('another')).genuine).toBe(false);
});
