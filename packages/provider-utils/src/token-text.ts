import { ProviderError } from '@hikyaku/core';
import type { SecretValue } from '@hikyaku/core';

export interface TokenTextOptions {
  /** Of the credential, as the config has it: `token`. */
  readonly path: string;
  /** For the message: `a Doppler token`. */
  readonly what: string;
}

/** A credential of visible ASCII without spaces, which any header can hold; anything else is `INVALID_CONFIG`. */
export function tokenText(credential: SecretValue, { path, what }: TokenTextOptions): string {
  // A file's last line break belongs to the file, not to the token.
  const text = credential.text()?.trim() ?? '';
  if (/^[\x21-\x7e]+$/.test(text)) return text;
  throw new ProviderError(
    'INVALID_CONFIG',
    `what \`${path}\` points to is not ${what}: it is empty, or has spaces, line breaks or other characters than visible ASCII`,
  );
}
