import { createHmac, timingSafeEqual } from 'node:crypto';
import type { NoticeVerdict, SecretValue } from '@hikyaku/core';

/** As Standard Webhooks names them (https://github.com/standard-webhooks/standard-webhooks, version 1.0.0). */
export interface NoticeHeaders {
  readonly 'webhook-id': string;
  /** Seconds since 1970. */
  readonly 'webhook-timestamp': string;
  /** `v1,<base64>`; several are separated by spaces, while the secret is being replaced. */
  readonly 'webhook-signature': string;
}

export interface SignNoticeOptions {
  /** Unique to the notice, the same when it is sent again; letters, digits, `-` and `_`. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** `whsec_` and the base64 of 24 to 64 bytes. */
  readonly secret: SecretValue;
}

/** The headers of a notice: HMAC-SHA256 over `<id>.<timestamp>.<body>`. */
export function signNotice(body: string | Uint8Array, { id, now, secret }: SignNoticeOptions): NoticeHeaders {
  const key = keyOf(secret);
  if (key === undefined) throw new TypeError('a secret for notices is `whsec_` and the base64 of 24 to 64 bytes');
  const timestamp = String(Math.floor(now / 1000));
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${signature(key, id, timestamp, body).toString('base64')}`,
  };
}

export interface VerifyNoticeOptions {
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** One, or two while it is being replaced. */
  readonly secrets: readonly SecretValue[];
  /** Milliseconds since 1970. */
  readonly now: number;
  /** How far the sender's clock may be off, and how old a notice may be; five minutes by default. */
  readonly toleranceMs?: number;
}

/** Whether a notice was signed with one of the secrets, a short time ago. `body` is what came, byte for byte, before any parsing. */
export function verifyNotice(
  body: Uint8Array,
  { headers, secrets, now, toleranceMs = 300_000 }: VerifyNoticeOptions,
): NoticeVerdict {
  const id = headers['webhook-id'];
  const timestamp = headers['webhook-timestamp'];
  const signatures = headers['webhook-signature'];
  if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof signatures !== 'string')
    return { genuine: false, because: 'a webhook-* header is missing or comes twice' };
  if (!/^[\w-]{1,128}$/.test(id)) return { genuine: false, because: 'webhook-id is not an id' };
  if (!/^\d{1,12}$/.test(timestamp)) return { genuine: false, because: 'webhook-timestamp is not in seconds' };
  // The signature goes first: what is not genuine gets no hint about clocks.
  const given = signatures
    .split(' ')
    .flatMap((one) => (one.startsWith('v1,') ? [Buffer.from(one.slice(3), 'base64')] : []));
  const genuine = secrets.some((secret) => {
    const key = keyOf(secret);
    if (key === undefined) return false;
    const right = signature(key, id, timestamp, body);
    return given.some((one) => one.byteLength === right.byteLength && timingSafeEqual(one, right));
  });
  if (!genuine) return { genuine: false, because: 'no signature fits' };
  if (Math.abs(now - Number(timestamp) * 1000) > toleranceMs)
    return { genuine: false, because: 'webhook-timestamp is too far from now' };
  return { genuine: true, id };
}

/** Whether it is one: `whsec_` and the base64 of 24 to 64 bytes. */
export function isNoticeSecret(secret: SecretValue): boolean {
  return keyOf(secret) !== undefined;
}

function signature(key: Uint8Array, id: string, timestamp: string, body: string | Uint8Array): Buffer {
  return createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
}

function keyOf(secret: SecretValue): Uint8Array | undefined {
  const [, base64 = ''] = /^whsec_([\w+/]+={0,2})$/.exec(secret.text()?.trim() ?? '') ?? [];
  const key = Buffer.from(base64, 'base64');
  return key.byteLength >= 24 && key.byteLength <= 64 ? key : undefined;
}
