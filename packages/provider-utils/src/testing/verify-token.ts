import { createPublicKey, verify } from 'node:crypto';
import type { JsonWebKey, KeyObject } from 'node:crypto';
import { parseJson } from '../parse-json.ts';

export interface VerifiedToken {
  readonly header: ReadonlyMap<string, unknown>;
  readonly claims: ReadonlyMap<string, unknown>;
}

/** By the `alg` of the header: RFC 7518, 3.1. */
const ALGORITHMS: Readonly<Record<string, string>> = { RS256: 'rsa', ES256: 'ec' };

/**
 * What a JWT (RFC 7519) says, when it is signed RS256 or ES256 with the key that `find` gives for its header; `undefined`
 * otherwise. What it says is not judged.
 */
export function verifyToken(
  token: unknown,
  find: (header: ReadonlyMap<string, unknown>) => KeyObject | undefined,
): VerifiedToken | undefined {
  const [header, claims, signature, more] = typeof token === 'string' ? token.split('.') : [];
  if (header === undefined || claims === undefined || signature === undefined || more !== undefined) return undefined;
  const said = fieldsOf(header);
  const key = find(said);
  if (key === undefined || ALGORITHMS[String(said.get('alg'))] !== key.asymmetricKeyType) return undefined;
  const signed = verify(
    'sha256',
    Buffer.from(`${header}.${claims}`),
    { key, dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'),
  );
  return signed ? { header: said, claims: fieldsOf(claims) } : undefined;
}

/** The key of a JWKS (RFC 7517) that a header names. */
export function findKey(keys: readonly JsonWebKey[], header: ReadonlyMap<string, unknown>): KeyObject | undefined {
  const found = keys.find((key) => key['kid'] === header.get('kid'));
  return found && createPublicKey({ key: found, format: 'jwk' });
}

function fieldsOf(part: string): ReadonlyMap<string, unknown> {
  return new Map(Object.entries(Object(parseJson(Buffer.from(part, 'base64url')))));
}
