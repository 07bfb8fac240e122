import { SecretValue } from '@hikyaku/core';
import { expect, test } from 'vitest';
import doppler from './index.ts';
import { webhookSignature } from './testing/send-webhook.ts';

const secret = SecretValue.of('a signing secret');

function verdict(body: string, signature: string | undefined) {
  return doppler.verifyNotice?.(
    { body: Buffer.from(body), headers: { 'x-doppler-signature': signature }, now: 0 },
    secret,
  );
}

test('a webhook of Doppler is genuine by its signature, whatever its payload is', () => {
  for (const body of ['{"type":"config.secrets.update"}', 'custom', ''])
    expect(verdict(body, webhookSignature(body, 'a signing secret'))).toEqual({ genuine: true });
});

test('one without a signature, or with another secret, is not', () => {
  for (const signature of [undefined, '', webhookSignature('{}', 'another')])
    expect(verdict('{}', signature)?.genuine).toBe(false);
});
