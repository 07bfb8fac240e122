import type { KubeClient } from '@hikyaku/kube-client';
import { beforeEach, describe, expect, test } from 'vitest';
import { guardWrites } from './guard-writes.ts';

const { signal } = new AbortController();
const object = { metadata: { namespace: 'web', name: 'app' } };
const secret = { ...object, type: 'Opaque' };
let sent: string[];
let leads: boolean;
let guarded: KubeClient;

beforeEach(() => {
  sent = [];
  leads = true;
  const call =
    (name: string) =>
    async (...given: readonly unknown[]) =>
      void sent.push(typeof given[0] === 'string' ? `${name} ${given[0]}` : name);
  const calls = { get: call('get'), create: call('create'), replace: call('replace'), delete: call('delete') };
  const client = { request: call('request'), secrets: calls, configMaps: calls, leases: calls };
  guarded = guardWrites(client as unknown as KubeClient, () => leads);
});

const WRITES: readonly (readonly [string, () => Promise<unknown>])[] = [
  ['a Secret that is made', () => guarded.secrets.create(secret, { signal })],
  ['a Secret that is changed', () => guarded.secrets.replace(secret, { signal })],
  ['a Secret that is deleted', () => guarded.secrets.delete('web', 'app', { uid: 'u', signal })],
  ['a ConfigMap that is made', () => guarded.configMaps.create(object, { signal })],
  ['a ConfigMap that is changed', () => guarded.configMaps.replace(object, { signal })],
  ['a ConfigMap that is deleted', () => guarded.configMaps.delete('web', 'app', { uid: 'u', signal })],
  ['a workload that is restarted', () => guarded.request('PATCH', '/apis/apps/v1', { signal })],
  ['anything that is posted', () => guarded.request('POST', '/x', { signal })],
  ['anything that is put', () => guarded.request('PUT', '/x', { signal })],
  ['anything that is deleted', () => guarded.request('DELETE', '/x', { signal })],
];

describe('who leads no more writes nothing', () => {
  test.each(WRITES)('%s', async (_, write) => {
    await write();
    expect(sent).toHaveLength(1);
    leads = false;
    await expect(write()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(sent).toHaveLength(1);
  });
});

test('it still reads, and takes part in the election', async () => {
  leads = false;
  await guarded.secrets.get('hikyaku', 'hikyaku-snapshot-0', { signal });
  await guarded.request('GET', '/x', { signal });
  await guarded.leases.replace(object, { signal });
  expect(sent).toEqual(['get hikyaku', 'request GET', 'replace']);
});
