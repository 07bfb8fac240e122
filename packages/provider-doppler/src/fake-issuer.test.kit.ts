import { generateKeyPairSync, randomUUID } from 'node:crypto';
import type { JsonWebKey } from 'node:crypto';
import { signToken } from '@hikyaku/provider-utils/testing';

/** A cluster that signs tokens of its ServiceAccounts. */
export interface FakeIssuer {
  readonly url: string;
  /** Its JWKS. */
  readonly keys: readonly JsonWebKey[];
  /** The private one, PEM. */
  readonly key: string;
  readonly keyId: string;
  sign(claims: Readonly<Record<string, unknown>>): string;
}

export function fakeIssuer(): FakeIssuer {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const keyId = randomUUID();
  return {
    url: 'https://issuer.example',
    keys: [{ ...publicKey.export({ format: 'jwk' }), kid: keyId, alg: 'RS256', use: 'sig' }],
    key,
    keyId,
    sign: (claims) => signToken(claims, { key, keyId }),
  };
}
