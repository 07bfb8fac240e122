import { createHmac } from 'node:crypto';

/** Cut to 128 bits; what it stands for goes in, so that equal values in two places do not look equal. */
export function hmac(hmacKey: Uint8Array, place: string, key: string, bytes: Uint8Array): string {
  return createHmac('sha256', hmacKey).update(`${place}\0${key}\0`).update(bytes).digest('base64url').slice(0, 22);
}
