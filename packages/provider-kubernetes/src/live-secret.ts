import { ProviderError, SecretValue } from '@hikyaku/core';
import type { SecretObject } from '@hikyaku/kube-client';

/** A Secret as the API server has it now. */
export interface LiveSecret {
  /** Everything of it, for a PUT that changes only its data. */
  readonly object: SecretObject;
  readonly uid: string;
  readonly resourceVersion: string;
  /** Of all its keys: it changes with anything about the Secret, also when it is deleted and made again. */
  readonly version: string;
  readonly values: ReadonlyMap<string, SecretValue>;
}

/** Throws `INVALID_RESPONSE` where the answer is not this Secret: what is no Secret must not pass for an empty one. */
export function parseLiveSecret(answer: SecretObject | undefined, namespace: string, name: string): LiveSecret {
  const { metadata, data, immutable, type } = recordOf(answer);
  const { uid, resourceVersion, labels, ...meta } = recordOf(metadata);
  const rest = [labels ?? {}, data ?? {}].every(isRecord) && ['boolean', 'undefined'].includes(typeof immutable);
  if (
    answer === undefined ||
    meta['name'] !== name ||
    meta['namespace'] !== namespace ||
    !isText(uid) ||
    !isText(resourceVersion) ||
    !isText(type) ||
    !rest
  ) {
    throw new ProviderError(
      'INVALID_RESPONSE',
      `the answer is not Secret ${namespace}/${name}: check that nothing between here and the API server answers in its place`,
    );
  }
  const entries = Object.entries(recordOf(data)).map(([key, value]): [string, SecretValue] => {
    if (typeof value !== 'string' || value.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(value)) {
      throw new ProviderError('INVALID_RESPONSE', `a value of Secret ${namespace}/${name} is not base64`);
    }
    return [key, SecretValue.of(Buffer.from(value, 'base64'))];
  });
  return { object: answer, uid, resourceVersion, version: `${uid}:${resourceVersion}`, values: new Map(entries) };
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {};
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
