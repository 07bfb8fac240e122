import { describe, expect, test } from 'vitest';
import { createWorld, entryOf, everything, signal, spec } from './engine.test.kit.ts';
import { createPushWorld, MemoryPushInventory, MemorySource, push } from './push.test.kit.ts';

const UNDECIDED = new Set(['web/maybe']);
const HALF = { lostSecrets: { percent: 50 }, lostKeys: new Map() };
const entries = ['web/maybe', 'web/app', 'web/gone'].map((id) => entryOf(id, { A: '1' }));

describe('a Secret that may be wanted or not', () => {
  test('is neither put nor taken away, whatever else goes', async () => {
    const specs = [spec('web/app', { bulk: [everything('homelab')] })];
    const world = createWorld({ specs, entries, undecided: UNDECIDED });
    await world.refresh();
    expect(await world.reconcile({ resync: true })).toEqual(['web/app synced repaired', 'web/gone removed absent']);
    expect(world.target.calls.filter((call) => call.includes('maybe'))).toEqual([]);
    expect([...world.inventory.saved.keys()].toSorted()).toEqual(['web/app', 'web/maybe']);
  });

  test('does not make a loss look small', async () => {
    const kept = [...entries, entryOf('web/more', { A: '1' })].filter(({ id }) => id !== 'web/app');
    const undecided = new Set(['web/maybe', 'web/more']);
    const world = createWorld({ specs: [], entries: kept, holds: HALF, undecided });
    expect(await world.reconcile()).toEqual(['web/gone held']);
    expect(world.target.calls).toEqual([]);
  });

  test('is not in a preview', async () => {
    const world = createWorld({ specs: [], entries, undecided: UNDECIDED });
    const actions = await world.reconciler.preview({ signal });
    expect(actions.map(({ id }) => id)).toEqual(['web/app', 'web/gone']);
    expect(world.target.calls.filter((call) => call.includes('maybe'))).toEqual([]);
  });
});

describe('a push that may be wanted or not', () => {
  const specs = [push('web/app', { whenRemoved: 'delete' }), push('web/maybe', { whenRemoved: 'delete' })];
  const secrets = { 'web/app': { A: '1' }, 'web/maybe': { B: '2' } };

  async function pushedBefore(identity: string) {
    const source = new MemorySource();
    const before = createPushWorld({ specs, secrets, source });
    await before.round();
    const inventory = new MemoryPushInventory();
    inventory.saved = new Map(before.inventory.saved);
    return {
      source,
      inventory,
      world: createPushWorld({ specs: [], source, inventory, identity, undecided: UNDECIDED }),
    };
  }

  test('takes nothing away at the source', async () => {
    const { source, inventory, world } = await pushedBefore('here');
    expect(await world.round()).toEqual(['web/app removed -A']);
    expect(source.texts).toEqual({ B: '2' });
    expect([...inventory.saved.keys()]).toEqual(['homelab/B']);
  });

  test('is remembered, also where the source is another one now', async () => {
    const { inventory, world } = await pushedBefore('elsewhere');
    await world.round();
    expect([...inventory.saved.keys()]).toEqual(['homelab/B']);
  });

  test('is not said to fail when the source does', async () => {
    const { source, world } = await pushedBefore('here');
    source.failing = new Error('down');
    expect(await world.round()).toEqual(['web/app failed']);
  });
});
