import { sign } from 'node:crypto';

/** A JWT (RFC 7519), signed RS256 with an RSA key in PEM. */
export function signToken(
  claims: Readonly<Record<string, unknown>>,
  { key, keyId, algorithm = 'RS256' }: { readonly key: string; readonly keyId: string; readonly algorithm?: string },
): string {
  const signed = [{ alg: algorithm, typ: 'JWT', kid: keyId }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${signed}.${sign('RSA-SHA256', Buffer.from(signed), key).toString('base64url')}`;
}
