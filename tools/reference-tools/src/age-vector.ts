import { createHash } from 'node:crypto';
import { inflateSync } from 'node:zlib';

/** A test vector of https://c2sp.org/CCTV/age: fields, an empty line, and an age file. */
export interface AgeVector {
  readonly name: string;
  readonly expect: 'success' | 'no match' | 'HMAC failure' | 'header failure' | 'payload failure' | 'armor failure';
  /** SHA-256 of what is to come out. */
  readonly payload: string | undefined;
  readonly identities: readonly string[];
  readonly passphrases: readonly string[];
  readonly isArmored: boolean;
  readonly file: Buffer;
}

export function parseAgeVector(name: string, content: Buffer): AgeVector {
  const end = content.indexOf('\n\n');
  const fields = content
    .toString('latin1', 0, end)
    .split('\n')
    .map((line) => line.split(': ', 2) as [string, string]);
  const all = (key: string) => fields.flatMap(([field, value]) => (field === key ? [value] : []));
  const body = content.subarray(end + 2);
  return {
    name,
    expect: all('expect')[0] as AgeVector['expect'],
    payload: all('payload')[0],
    identities: all('identity'),
    passphrases: all('passphrase'),
    isArmored: all('armored').includes('yes'),
    file: all('compressed').includes('zlib') ? inflateSync(body) : body,
  };
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
