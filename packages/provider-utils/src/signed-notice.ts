import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Notice, NoticeVerdict, SecretValue } from '@hikyaku/core';

export interface VerifySignedNoticeOptions {
  /** Lower case: `x-hub-signature-256`. */
  readonly header: string;
  readonly secret: SecretValue;
}

/**
 * Whether a header holds the HMAC-SHA256 of the body in hex, with or without `sha256=` before it, as Doppler, GitHub, Gitea and many others
 * sign their webhooks. It says nothing about when: the same notice can be sent again by whoever has seen one.
 */
export function verifySignedNotice(
  { body, headers }: Notice,
  { header, secret }: VerifySignedNoticeOptions,
): NoticeVerdict {
  const given = headers[header];
  if (typeof given !== 'string') return { genuine: false, because: `the header ${header} is missing or comes twice` };
  const [, hex = ''] = /^(?:sha256=)?([\da-f]{64})$/i.exec(given) ?? [];
  const signature = Buffer.from(hex, 'hex');
  const right = createHmac('sha256', secret.reveal()).update(body).digest();
  const genuine = signature.byteLength === right.byteLength && timingSafeEqual(signature, right);
  return genuine ? { genuine } : { genuine, because: 'the signature does not fit' };
}
