import { SecretValue } from '@hikyaku/core';
import type { SecretChange, SecretsClient } from '@hikyaku/core';
import { expect, test } from 'vitest';
import { guardClient } from './guard-client.ts';

test('who may not write any more reads, and writes nothing', async () => {
  const written: SecretChange[] = [];
  const client: SecretsClient = {
    read: async () => ({ secrets: new Map() }),
    async write(changes) {
      written.push(...changes);
      return changes.map(({ name }) => ({ name }));
    },
  };
  let leads = true;
  const guarded = guardClient(client, () => leads);
  const { signal } = new AbortController();
  const change = { name: 'A', value: SecretValue.of('1') };
  await guarded.write?.([change], { signal });
  leads = false;
  await expect(guarded.write?.([change], { signal })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(written).toHaveLength(1);
});
