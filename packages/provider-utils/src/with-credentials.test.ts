import { ProviderError, SecretValue } from '@hikyaku/core';
import { expect, test } from 'vitest';
import { withCredentials } from './with-credentials.ts';

const { signal } = new AbortController();

/** Credentials that are replaced once they are refused. */
function contextOf(now: Record<string, string>, afterwards: Record<string, string> = now) {
  const asked: string[] = [];
  return {
    asked,
    async credential(path: string, { refused }: { readonly refused?: SecretValue }): Promise<SecretValue> {
      asked.push(refused === undefined ? path : `${path} instead of ${refused.text()}`);
      return SecretValue.of((refused === undefined ? now : afterwards)[path] ?? '');
    },
  };
}

function refuse(wrong: string): (credentials: readonly SecretValue[]) => Promise<string> {
  return async (credentials) => {
    const texts = credentials.map((credential) => credential.text()).join(' ');
    if (texts === wrong) throw new ProviderError('UNAUTHENTICATED', 'no');
    return texts;
  };
}

test('credentials that were replaced meanwhile are used', async () => {
  const context = contextOf({ user: 'ann', key: 'old' }, { user: 'ann', key: 'new' });
  expect(await withCredentials(context, ['user', 'key'], refuse('ann old'), { signal })).toBe('ann new');
  expect(context.asked).toEqual(['user', 'key', 'user instead of ann', 'key instead of old']);
});

test('the same credentials are not tried twice', async () => {
  const context = contextOf({ key: 'old' });
  await expect(withCredentials(context, ['key'], refuse('old'), { signal })).rejects.toMatchObject({ message: 'no' });
  expect(context.asked).toHaveLength(2);
});

test('another failure than a refusal is not a reason to ask again', async () => {
  const context = contextOf({ key: 'old' }, { key: 'new' });
  const work = () => Promise.reject(new ProviderError('FORBIDDEN', 'no'));
  await expect(withCredentials(context, ['key'], work, { signal })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  expect(context.asked).toEqual(['key']);
});
