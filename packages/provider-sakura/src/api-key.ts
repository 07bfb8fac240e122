import { ProviderError } from '@hikyaku/core';
import type { SecretValue } from '@hikyaku/core';
import { fingerprint, tokenText } from '@hikyaku/provider-utils';

/** An API key of SAKURA Cloud: an access token and its secret. */
export interface ApiKey {
  readonly token: SecretValue;
  readonly secret: SecretValue;
}

const what = 'a part of a SAKURA Cloud API key';

/** The value of the `authorization` header. */
export function basicAuthorization({ token, secret }: ApiKey): string {
  const user = tokenText(token, { path: 'accessToken', what });
  if (user.includes(':'))
    throw new ProviderError('INVALID_CONFIG', `what \`accessToken\` points to is not ${what}: it has a colon`);
  const password = tokenText(secret, { path: 'accessTokenSecret', what });
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** Names the key in counts of requests; says nothing about it. */
export function accountOf({ token }: ApiKey, base: string): string {
  return fingerprint('hikyaku sakura', base, tokenText(token, { path: 'accessToken', what }));
}
