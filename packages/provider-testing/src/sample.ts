import { randomBytes } from 'node:crypto';

export function bytesOf(value: string | Uint8Array): Uint8Array {
  return typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
}

/** A value that nothing else holds by chance. */
export function randomText(): string {
  return `v${randomBytes(18).toString('hex')}`;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
