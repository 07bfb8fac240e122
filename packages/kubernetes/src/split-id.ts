import type { SecretId } from '@hikyaku/engine';

export function splitId(id: SecretId): readonly [namespace: string, name: string] {
  const slash = id.indexOf('/');
  return [id.slice(0, slash), id.slice(slash + 1)];
}
