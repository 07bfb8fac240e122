import { createHash } from 'node:crypto';

/** 22 characters (`A-Z a-z 0-9 - _`) that stand for these parts, which are given to JSON, and tell nobody what they are. */
export function fingerprint(...parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 22);
}
