import { ProviderError } from '@hikyaku/core';

/** What a ref names: a key of a Secret. */
export interface SecretKey {
  readonly secret: string;
  readonly key: string;
}

/** Of `<secret>/<key>`; `undefined` when Kubernetes would take one of the two for no name. */
export function parseSecretKey(name: string): SecretKey | undefined {
  const [, secret, key] = /^([a-z0-9.-]{1,253})\/([-._a-zA-Z0-9]{1,253})$/.exec(name) ?? [];
  if (secret === undefined || key === undefined) return undefined;
  const isName = secret.split('.').every((label) => /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/.test(label));
  return isName && key !== '.' && !key.startsWith('..') ? { secret, key } : undefined;
}

export function secretKeyName({ secret, key }: SecretKey): string {
  return `${secret}/${key}`;
}

export function secretKeyRefusal(name: string): ProviderError {
  return new ProviderError('INVALID_CONFIG', `\`${name}\` names no key of a Secret: write it as <secret>/<key>`);
}
