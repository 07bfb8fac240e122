import { createHash } from 'node:crypto';
import { ProviderError } from '@hikyaku/core';
import type { CallOptions, ProviderContext, SecretValue } from '@hikyaku/core';

/** An API key of SAKURA Cloud: an access token and its secret. */
export interface ApiKey {
  readonly token: SecretValue;
  readonly secret: SecretValue;
}

/** The key as it is now; with `refused`, a fresh one where the credentials' sources have one. */
export async function currentKey(
  context: Pick<ProviderContext, 'credential'>,
  { signal, refused }: CallOptions & { readonly refused?: ApiKey },
): Promise<ApiKey> {
  const [token, secret] = await Promise.all([
    context.credential('accessToken', { signal, ...(refused && { refused: refused.token }) }),
    context.credential('accessTokenSecret', { signal, ...(refused && { refused: refused.secret }) }),
  ]);
  return { token, secret };
}

export function sameKey(a: ApiKey, b: ApiKey): boolean {
  return a.token.equals(b.token) && a.secret.equals(b.secret);
}

/** The value of the `authorization` header. */
export function basicAuthorization({ token, secret }: ApiKey): string {
  const user = plainText(token, 'accessToken');
  if (user.includes(':')) throw notAKey('accessToken');
  return `Basic ${Buffer.from(`${user}:${plainText(secret, 'accessTokenSecret')}`).toString('base64')}`;
}

/** Names the key in counts of requests; says nothing about it. */
export function accountOf({ token }: ApiKey, base: string): string {
  return createHash('sha256')
    .update(`hikyaku sakura ${base} ${plainText(token, 'accessToken')}`)
    .digest('base64url')
    .slice(0, 22);
}

function plainText(value: SecretValue, field: string): string {
  // A file's last line break belongs to the file, not to the key.
  const text = value.text()?.trim() ?? '';
  if (!/^[\x21-\x7e]+$/.test(text)) throw notAKey(field);
  return text;
}

function notAKey(field: string): ProviderError {
  return new ProviderError(
    'INVALID_CONFIG',
    `what \`${field}\` points to is not a part of a SAKURA Cloud API key: it is empty or has spaces, line breaks or other characters that no key has`,
  );
}
