import { SecretValue } from '@hikyaku/core';
import type { PushedKey } from '@hikyaku/engine';
import { describe, expect, test } from 'vitest';
import { ConfigMapInventory } from './config-map-inventory.ts';
import { ConfigMapPushInventory } from './config-map-push-inventory.ts';
import { AGENT, entryOf, memoryKube, signal } from './memory-kube.test.kit.ts';

const access = { agent: AGENT, proof: 'policy' } as const;
const hmacKey = new Uint8Array(32).fill(7);
const key: PushedKey = {
  id: 'homelab/APP_KEY',
  identity: 'doppler homelab/prd',
  from: 'web/app-env',
  whenRemoved: 'delete',
  written: true,
  fingerprint: 'f',
  version: '3',
  writing: 'g',
};

type Kube = ReturnType<typeof memoryKube>;

function open({ client }: Kube, said: string[] = []): ConfigMapPushInventory {
  return new ConfigMapPushInventory({ client, access, hmacKey, onUnreadable: (what) => said.push(what) });
}

function textIn({ configMaps }: Kube): string {
  return configMaps.live.get('hikyaku/hikyaku-inventory')?.data?.['pushes.json'] ?? '';
}

test('what was saved is read again', async () => {
  const kube = memoryKube();
  const inventory = open(kube);
  const names = ['with/slash', 'with "quotes"', '飛脚', '__proto__', 'a\nb'];
  const entries = [key, ...names.map((name) => ({ ...key, id: `home/${name}`, written: false }))];
  for (const entry of entries) inventory.set(entry);
  await inventory.save({ signal });
  const other = open(kube);
  await other.reload({ signal });
  expect([...other.entries.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1))).toEqual(
    entries.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
  );
});

test('it shares a ConfigMap with the inventory of Secrets, and neither undoes the other', async () => {
  const kube = memoryKube();
  const pushes = open(kube);
  const secrets = new ConfigMapInventory({ client: kube.client, access });
  await Promise.all([pushes.reload({ signal }), secrets.reload({ signal })]);
  for (const round of [1, 2, 3]) {
    pushes.set({ ...key, id: `homelab/K${round}` });
    secrets.set(entryOf({ id: `web/s${round}` }));
    await Promise.all([pushes.save({ signal }), secrets.save({ signal })]);
  }
  await Promise.all([pushes.reload({ signal }), secrets.reload({ signal })]);
  expect([...pushes.entries.keys()]).toEqual(['homelab/K1', 'homelab/K2', 'homelab/K3']);
  expect([...secrets.entries.keys()]).toEqual(['web/s1', 'web/s2', 'web/s3']);
});

test('a reload and a save of one inventory at once lose nothing', async () => {
  const kube = memoryKube();
  const inventory = open(kube);
  await inventory.reload({ signal });
  inventory.set(key);
  await Promise.all([inventory.save({ signal }), inventory.reload({ signal })]);
  inventory.remove(key.id);
  await Promise.all([inventory.reload({ signal }), inventory.save({ signal }), inventory.reload({ signal })]);
  const other = open(kube);
  await other.reload({ signal });
  expect(other.entries.size).toBe(0);
});

test('a fingerprint tells nothing of the value, and differs from place to place', async () => {
  const kube = memoryKube();
  const inventory = open(kube);
  const value = SecretValue.of('hunter2-hunter2');
  const print = inventory.fingerprint('homelab/A', value);
  inventory.set({ ...key, fingerprint: print });
  await inventory.save({ signal });
  expect(print).toMatch(/^[\w-]{22}$/);
  expect(print).toBe(open(kube).fingerprint('homelab/A', SecretValue.of('hunter2-hunter2')));
  expect(print).not.toBe(inventory.fingerprint('homelab/B', value));
  expect(textIn(kube)).not.toMatch(/hunter2|aHVudGVyMg/);
});

describe('what makes no sense is passed over', () => {
  const line = { identity: 'i', from: 'web/a', whenRemoved: 'delete', written: true };
  test.each<[string, unknown, readonly string[]]>([
    ['homelab/A', line, ['homelab/A']],
    ['homelab/A', { ...line, version: 7, fingerprint: null }, ['homelab/A']],
    ['homelab', line, []],
    ['homelab/', line, []],
    ['/A', line, []],
    ['homelab/A', null, []],
    ['homelab/A', { ...line, whenRemoved: 'burn' }, []],
    ['homelab/A', { ...line, written: 'yes' }, []],
    ['homelab/A', { ...line, from: 'hikyaku/identity' }, []],
    ['homelab/A', { ...line, from: '../x' }, []],
    ['homelab/A', { ...line, identity: undefined }, []],
  ])('%s: %j', async (id, value, read) => {
    const kube = memoryKube();
    const metadata = { namespace: 'hikyaku', name: 'hikyaku-inventory' };
    kube.configMaps.put({ metadata, data: { 'pushes.json': JSON.stringify({ [id]: value }) } });
    const said: string[] = [];
    const inventory = open(kube, said);
    await inventory.reload({ signal });
    expect([...inventory.entries.keys()]).toEqual(read);
    expect(said).toEqual(read.length === 0 ? [id] : []);
  });
});
