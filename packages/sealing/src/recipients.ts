import { createHash } from 'node:crypto';
import { readBech32 } from './bech32.ts';

/** Bytes of each kind of public key, by what stands before the `1` of its checksummed part. */
const KINDS: ReadonlyMap<string, number> = new Map([
  ['age', 32], // X25519
  ['age1pq', 1216], // ML-KEM-768 with X25519
  ['age1tag', 33], // P-256 in hardware
  ['age1tagpq', 1249], // ML-KEM-768 with P-256 in hardware
]);

/** 96 bits of SHA-256 of an age recipient, in hex: tells keys apart, for people to compare. */
export function fingerprintOf(recipient: string): string {
  return createHash('sha256').update(recipient).digest('hex').slice(0, 24);
}

/** Whether something can be sealed to it, as far as its text tells. */
export function isRecipient(text: string): boolean {
  return recipientProblem(text) === undefined;
}

/** What is wrong with a public key, to go on from its name: `is a private key …`. Never quotes it. */
export function recipientProblem(text: string): string | undefined {
  if (/AGE-SECRET-KEY-|AGE-PLUGIN-/i.test(text))
    return 'is a private key: write its public key, as `age-keygen -y` says it, and replace the private one, which may have been seen';
  if (/^(ssh-|ecdsa-|sk-ssh-)/.test(text)) return 'is a key of SSH: make one of age with `age-keygen`';
  if (!/^age1[a-z0-9]+$/.test(text) || text.length > 4096)
    return 'is no public key of age: `age1` and 58 more letters and digits';
  const read = readBech32(text);
  if (read === undefined) return 'is mistyped or cut off: its checksum is wrong';
  const byteLength = KINDS.get(read.prefix);
  if (byteLength === undefined)
    return `is a key of a plug-in of age, which cannot be used here; for a key in hardware make one that begins with age1tag`;
  return byteLength === read.byteLength ? undefined : 'is mistyped or cut off: it has another length';
}

/** Whether it withstands a quantum computer; such keys and others are not used together. */
export function isPostQuantum(recipient: string): boolean {
  return /^age1(pq|tagpq)1/.test(recipient);
}
