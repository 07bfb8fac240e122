import { createPrivateKey, randomUUID, sign } from 'node:crypto';
import { ProviderError, SecretValue } from '@hikyaku/core';
import type { Assertion, Clock } from '@hikyaku/core';

/** A JWT for the assertion grant (RFC 7523), RS256. `key` is PEM. */
export function signAssertion(
  { issuer, subject, audience, keyId, lifetimeMs }: Assertion,
  key: string,
  clock: Clock,
): SecretValue {
  const now = Math.floor(clock.now() / 1_000);
  const header = { alg: 'RS256', typ: 'JWT', kid: keyId };
  const claims = {
    iss: issuer,
    sub: subject,
    aud: audience,
    iat: now,
    exp: now + Math.floor(lifetimeMs / 1_000),
    jti: randomUUID(),
  };
  const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return SecretValue.of(`${text}.${sign('RSA-SHA256', Buffer.from(text), privateKey(key)).toString('base64url')}`);
}

function privateKey(pem: string): ReturnType<typeof createPrivateKey> {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'rsa') return key;
  } catch {
    // Its message may quote the key.
  }
  throw new ProviderError('INVALID_CONFIG', "the cluster's key for assertions is no RSA private key in PEM");
}
