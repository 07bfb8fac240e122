import type { KubeClient, SecretObject } from '@hikyaku/kube-client';
import { generateIdentity } from '@hikyaku/sealing';
import { expect, test } from 'vitest';
import { IdentityEntries } from './identity-entries.ts';

const { signal } = new AbortController();

test('a key that is dropped is dropped, too, where what has applied the Secret keeps a copy of it', async () => {
  const [older, newer] = await Promise.all([generateIdentity(), generateIdentity()]);
  let live: SecretObject = {
    metadata: {
      namespace: 'hikyaku',
      name: 'hikyaku-identity',
      uid: 'u',
      resourceVersion: '7',
      annotations: {
        'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify({
          stringData: { 'age.agekey': older.file },
        }),
        'objectset.rio.cattle.io/applied': 'H4sI',
        'kustomize.toolkit.fluxcd.io/prune': 'disabled',
      },
    },
    type: 'Opaque',
    data: { 'age.agekey': encoded(older.file), 'age-2026-11-25.agekey': encoded(newer.file), note: 'bWluZQ==' },
  };
  const secrets = {
    get: async () => live,
    replace: async (object: SecretObject) => {
      live = object;
      return object.metadata;
    },
  };
  const client = { secrets } as unknown as KubeClient;
  const entries = await IdentityEntries.read(client, { agent: 'hikyaku', proof: 'look' }, { signal });
  await entries.remove(['age.agekey'], { signal });
  expect(entries.keys).toEqual([newer.recipient]);
  expect(live).toMatchObject({ type: 'Opaque', metadata: { uid: 'u', resourceVersion: '7' } });
  expect(Object.keys(live.data ?? {})).toEqual(['age-2026-11-25.agekey', 'note']);
  expect(live.metadata.annotations).toEqual({ 'kustomize.toolkit.fluxcd.io/prune': 'disabled' });
});

function encoded(text: string): string {
  return Buffer.from(text).toString('base64');
}
