import type { InventoryEntry } from '@hikyaku/engine';
import { TargetError } from '@hikyaku/engine';
import { describe, expect, test } from 'vitest';
import { ConfigMapInventory } from './config-map-inventory.ts';
import { AGENT, entryOf, kubeError, memoryKube, signal } from './memory-kube.test.kit.ts';

const ID = 'hikyaku/hikyaku-inventory';

function open(kube: ReturnType<typeof memoryKube>, unreadable: string[] = []): ConfigMapInventory {
  const access = { agent: AGENT, proof: 'policy' } as const;
  return new ConfigMapInventory({ client: kube.client, access, onUnreadable: (what) => unreadable.push(what) });
}

function textIn({ configMaps }: ReturnType<typeof memoryKube>): string {
  return configMaps.live.get(ID)?.data?.['secrets.json'] ?? '';
}

function write({ configMaps }: ReturnType<typeof memoryKube>, text: string): void {
  const metadata = { namespace: 'hikyaku', name: 'hikyaku-inventory' };
  configMaps.put({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'secrets.json': text } });
}

const full: InventoryEntry = {
  id: 'web/app',
  uid: 'u1',
  resourceVersion: '7',
  shape: 's',
  existing: 'refuse',
  whenRemoved: 'keep',
  keys: new Map([
    ['A', { source: 'homelab', fingerprint: 'f1' }],
    ['B', { source: 'nas', fingerprint: 'f2' }],
    ['C', { source: 'homelab' }],
  ]),
};

describe('roundtrip', () => {
  test('what was merged, and what is about to be', async () => {
    const kube = memoryKube();
    const inventory = open(kube);
    const keys = new Map([
      ['A', { source: 'homelab', fingerprint: 'f1', intended: ['f2', 'f5'] }],
      ['__proto__', { source: 'constructor', intended: ['f3'] }],
      ['B', { source: 'nas', fingerprint: 'f4' }],
    ]);
    inventory.set({ ...full, existing: 'merge', keys });
    await inventory.save({ signal });
    const other = open(kube);
    await other.reload({ signal });
    const entry = other.entries.get('web/app');
    expect(entry?.existing).toBe('merge');
    expect(new Map(entry?.keys)).toEqual(keys);
  });

  test('restarts that are owed, and that will be', async () => {
    const kube = memoryKube();
    const inventory = open(kube);
    const restarts = {
      owedRestart: { change: 'c1', keys: ['A', 'B'] },
      announcedRestart: { change: 'c2', keys: ['C'] },
    };
    inventory.set({ ...full, ...restarts });
    await inventory.save({ signal });
    const other = open(kube);
    await other.reload({ signal });
    expect(other.entries.get('web/app')).toMatchObject(restarts);
    other.set(full);
    await other.save({ signal });
    await inventory.reload({ signal });
    expect(inventory.entries.get('web/app')).not.toHaveProperty('owedRestart');
    expect(inventory.entries.get('web/app')).not.toHaveProperty('announcedRestart');
  });

  test('an entry from before there were merges is a whole Secret', async () => {
    const kube = memoryKube();
    write(kube, '{"web/app": {"uid": "u", "whenRemoved": "delete", "keys": {}}}');
    const inventory = open(kube);
    await inventory.reload({ signal });
    expect(inventory.entries.get('web/app')?.existing).toBe('refuse');
  });

  test('what was set is there after a reload by somebody else', async () => {
    const kube = memoryKube();
    const inventory = open(kube);
    inventory.set(full);
    inventory.set(entryOf({ id: 'api/x' }));
    await inventory.save({ signal });
    const other = open(kube);
    await other.reload({ signal });
    expect(other.entries.get('web/app')).toEqual({ ...full, keys: expect.any(Map) });
    expect(Object.fromEntries(other.entries.get('web/app')?.keys ?? [])).toEqual(Object.fromEntries(full.keys));
    expect(other.entries.get('api/x')).toEqual(entryOf({ id: 'api/x' }));
  });

  test('one line per Secret, in order', async () => {
    const kube = memoryKube();
    const inventory = open(kube);
    for (const id of ['web/b', 'api/z', 'web/a']) inventory.set(entryOf({ id }));
    await inventory.save({ signal });
    const lines = textIn(kube).split('\n').slice(1, -2);
    expect(lines.map((line) => line.split(':')[0])).toEqual(['"api/z"', '"web/a"', '"web/b"']);
  });

  test('keys and sources with the names of built-ins are kept, and break nothing', async () => {
    const kube = memoryKube();
    const inventory = open(kube);
    const { keys } = Object;
    const names = ['__proto__', 'constructor', 'keys'];
    inventory.set(
      entryOf({ keys: new Map(names.map((name) => [name, { source: 'constructor', fingerprint: `f-${name}` }])) }),
    );
    await inventory.save({ signal });
    expect(Object.keys).toBe(keys);
    const other = open(kube);
    await other.reload({ signal });
    expect([...(other.entries.get('web/app')?.keys.keys() ?? [])]).toEqual(names);
  });

  test('what was removed is gone', async () => {
    const kube = memoryKube();
    const inventory = open(kube);
    inventory.set(full);
    await inventory.save({ signal });
    inventory.remove('web/app');
    await inventory.save({ signal });
    const other = open(kube);
    await other.reload({ signal });
    expect(other.entries.size).toBe(0);
  });

  test('what else is in the ConfigMap stays', async () => {
    const kube = memoryKube();
    const metadata = { namespace: 'hikyaku', name: 'hikyaku-inventory', labels: { team: 'x' } };
    kube.configMaps.put({ metadata, data: { note: 'hello' } });
    const inventory = open(kube);
    await inventory.reload({ signal });
    inventory.set(full);
    await inventory.save({ signal });
    expect(kube.configMaps.live.get(ID)).toMatchObject({
      metadata: { labels: { team: 'x' } },
      data: { note: 'hello' },
    });
  });
});

describe('nothing is written', () => {
  test('where nothing was set', async () => {
    const kube = memoryKube();
    await open(kube).save({ signal });
    expect(kube.configMaps.calls).toEqual([]);
  });

  test('where what is set is equal', async () => {
    const kube = memoryKube();
    const inventory = open(kube);
    inventory.set(full);
    await inventory.save({ signal });
    const { length } = kube.configMaps.calls;
    inventory.set({ ...full, keys: new Map(full.keys) });
    inventory.remove('web/unknown');
    await inventory.save({ signal });
    expect(kube.configMaps.calls).toHaveLength(length);
  });
});

describe('two writers', () => {
  test('both keep what they wrote', async () => {
    const kube = memoryKube();
    write(kube, '{}');
    const [one, two] = [open(kube), open(kube)];
    await Promise.all([one.reload({ signal }), two.reload({ signal })]);
    one.set(entryOf({ id: 'web/one' }));
    two.set(entryOf({ id: 'web/two' }));
    await one.save({ signal });
    await two.save({ signal });
    expect([...two.entries.keys()].toSorted()).toEqual(['web/one', 'web/two']);
    await one.reload({ signal });
    expect([...one.entries.keys()].toSorted()).toEqual(['web/one', 'web/two']);
  });

  test('also when both make it', async () => {
    const kube = memoryKube();
    const [one, two] = [open(kube), open(kube)];
    await Promise.all([one.reload({ signal }), two.reload({ signal })]);
    one.set(entryOf({ id: 'web/one' }));
    two.set(entryOf({ id: 'web/two' }));
    await one.save({ signal });
    await two.save({ signal });
    await one.reload({ signal });
    expect([...one.entries.keys()].toSorted()).toEqual(['web/one', 'web/two']);
  });

  test('a removal survives a reload', async () => {
    const kube = memoryKube();
    const inventory = open(kube);
    inventory.set(entryOf());
    await inventory.save({ signal });
    inventory.remove('web/app');
    await inventory.reload({ signal });
    expect(inventory.entries.size).toBe(0);
  });

  test('what is set while a save runs is saved too', async () => {
    const kube = memoryKube();
    const inventory = open(kube);
    inventory.set(entryOf({ id: 'web/one' }));
    kube.configMaps.meanwhile = (call) => {
      if (call === 'POST') inventory.set(entryOf({ id: 'web/two' }));
    };
    await inventory.save({ signal });
    expect(textIn(kube)).toContain('web/two');
  });

  test('somebody who never stops writing ends in an error', async () => {
    const kube = memoryKube();
    const inventory = open(kube);
    write(kube, '{}');
    await inventory.reload({ signal });
    kube.configMaps.meanwhile = (call) => {
      if (call === 'PUT') write(kube, '{}');
    };
    inventory.set(full);
    await expect(inventory.save({ signal })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('a ConfigMap that somebody deletes is made again', async () => {
    const kube = memoryKube();
    const inventory = open(kube);
    inventory.set(entryOf({ id: 'web/one' }));
    await inventory.save({ signal });
    kube.configMaps.live.clear();
    inventory.set(entryOf({ id: 'web/two' }));
    await inventory.save({ signal });
    expect(textIn(kube)).toContain('web/two');
  });
});

describe('what makes no sense is passed over', () => {
  test.each<[text: string, unreadable: readonly string[], ids: readonly string[]]>([
    ['', ['secrets.json'], []],
    ['hunter2', ['secrets.json'], []],
    ['{"web/app": ', ['secrets.json'], []],
    ['null', [], []],
    ['7', [], []],
    ['{}', [], []],
    ['{"web/app": null}', ['web/app'], []],
    ['{"web/app": {}}', ['web/app'], []],
    ['{"web/app": {"whenRemoved": "burn"}}', ['web/app'], []],
    ['{"web": {"whenRemoved": "keep"}}', ['web'], []],
    ['{"../x/y": {"whenRemoved": "keep"}}', ['../x/y'], []],
    ['{"web/app": {"whenRemoved": "keep", "keys": {"s": {"k": 1}}}}', ['web/app'], []],
    ['{"web/app": {"whenRemoved": "keep"}, "web/bad": 1}', ['web/bad'], ['web/app']],
    ['{"web/app": {"whenRemoved": "keep", "uid": 1, "keys": 7, "shape": null}}', [], ['web/app']],
  ])('%j', async (text, unreadable, ids) => {
    const kube = memoryKube();
    write(kube, text);
    const said: string[] = [];
    const inventory = open(kube, said);
    await inventory.reload({ signal });
    expect(said).toEqual(unreadable);
    expect([...inventory.entries.keys()]).toEqual(ids);
  });

  test('a missing ConfigMap is an empty inventory', async () => {
    const inventory = open(memoryKube());
    await inventory.reload({ signal });
    expect(inventory.entries.size).toBe(0);
  });
});

describe('errors', () => {
  test.each([
    ['FORBIDDEN', 'FORBIDDEN', 'apply deploy/'],
    ['INVALID', 'INVALID', 'does not fit'],
    ['TOO_LARGE', 'INVALID', 'does not fit'],
    ['UNAVAILABLE', 'UNAVAILABLE', 'cannot be reached'],
    ['RATE_LIMITED', 'UNAVAILABLE', 'cannot be reached'],
  ] as const)('%s when it is made: %s', async (code, expected, message) => {
    const kube = memoryKube();
    kube.configMaps.admit = (verb) => {
      if (verb === 'POST') throw kubeError(code);
    };
    const inventory = open(kube);
    inventory.set(full);
    const error = await inventory.save({ signal }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TargetError);
    expect(error).toMatchObject({ code: expected, message: expect.stringContaining(message) });
    // What could not be saved is not forgotten.
    kube.configMaps.admit = () => {};
    await inventory.save({ signal });
    expect(textIn(kube)).toContain('web/app');
  });

  test('403 on a look says what to apply', async () => {
    const kube = memoryKube();
    kube.configMaps.admit = () => {
      throw kubeError('FORBIDDEN');
    };
    await expect(open(kube).reload({ signal })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  test('a missing namespace is named', async () => {
    const kube = memoryKube();
    kube.configMaps.admit = (verb) => {
      if (verb === 'POST') throw kubeError('NOT_FOUND', { kind: 'namespaces' });
    };
    const inventory = open(kube);
    inventory.set(full);
    await expect(inventory.save({ signal })).rejects.toThrow('namespace hikyaku does not exist');
  });
});
