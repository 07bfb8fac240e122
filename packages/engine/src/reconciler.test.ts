import { ProviderError } from '@hikyaku/core';
import { describe, expect, test } from 'vitest';
import { createWorld, entryOf, everything, item, NO_HOLDS, signal, snapshot, spec } from './engine.test.kit.ts';
import type { SecretSpec } from './secret-spec.ts';
import { TargetError } from './target.ts';
import type { TargetErrorCode } from './target.ts';

const all = { bulk: [everything('homelab')] };
const down = new TargetError('UNAVAILABLE', 'no answer');

function many(count: number): readonly SecretSpec[] {
  return Array.from({ length: count }, (_, i) => spec(`web/s${String(i).padStart(2, '0')}`, all));
}

describe('writing', () => {
  test('a Secret is made, then changed, then left alone', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    await world.refresh();
    expect(await world.reconcile()).toEqual(['web/app synced created']);
    await world.refresh(snapshot({ A: '2' }));
    expect(await world.reconcile()).toEqual(['web/app synced updated']);
    expect(world.live('web/app')).toEqual({ A: '2' });
    await world.refresh(snapshot({ A: '2' }));
    expect(await world.reconcile()).toEqual([]);
    expect(world.target.calls).toHaveLength(2);
  });

  test('what a restart finds equal is put once, and nothing is written', async () => {
    const specs = [spec('web/app', all)];
    const before = createWorld({ specs });
    await before.refresh();
    await before.reconcile();
    const world = createWorld({ specs, entries: [...before.inventory.saved.values()] });
    for (const [id, stored] of before.target.stored) world.target.stored.set(id, stored);
    await world.refresh();
    expect(await world.reconcile()).toEqual(['web/app synced unchanged']);
    expect(await world.reconcile()).toEqual([]);
  });

  test('a resync repairs what somebody changed', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    await world.refresh();
    await world.reconcile();
    world.target.tamper('web/app', 'NODE_OPTIONS', '--require evil');
    expect(await world.reconcile()).toEqual([]);
    expect(await world.reconcile({ resync: true })).toEqual(['web/app synced repaired']);
    expect(world.live('web/app')).toEqual({ A: '1' });
  });

  test('what left the config is deleted or left, and forgotten', async () => {
    const entries = [entryOf('web/a', { A: '1' }), entryOf('web/b', { A: '1' }, { whenRemoved: 'keep' })];
    const world = createWorld({ specs: [], entries });
    expect(await world.reconcile()).toEqual(['web/a removed absent', 'web/b left']);
    expect(world.target.calls).toEqual(['remove web/a']);
    expect(world.inventory.saved.size).toBe(0);
    expect(await world.reconcile()).toEqual([]);
  });

  test('a changed whenRemoved reaches the inventory', async () => {
    const world = createWorld({
      specs: [spec('web/app', { ...all, whenRemoved: 'keep' })],
      entries: [entryOf('web/app', { A: '1' })],
    });
    await world.refresh();
    await world.reconcile();
    expect(world.inventory.saved.get('web/app')?.whenRemoved).toBe('keep');
  });

  test('an error that is no TargetError is a bug, and thrown', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    await world.refresh();
    world.target.fail = () => new TypeError('bug');
    await expect(world.reconcile()).rejects.toThrow('bug');
  });
});

describe('the inventory', () => {
  test('announces what will be made before it is made', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    await world.refresh();
    let announced: unknown;
    world.target.during = () => {
      announced = world.inventory.saved.get('web/app');
    };
    await world.reconcile();
    expect(announced).toEqual({
      id: 'web/app',
      keys: new Map([['A', { source: 'homelab' }]]),
      existing: 'refuse',
      whenRemoved: 'delete',
    });
    expect(world.inventory.saved.get('web/app')).toMatchObject({ uid: 'uid-web/app', resourceVersion: '1' });
  });

  test.each<[TargetErrorCode, boolean]>([
    ['FOREIGN', false],
    ['NAMESPACE_MISSING', false],
    ['NOT_GRANTED', false],
    ['FORBIDDEN', false],
    ['INVALID', false],
    ['UNCHANGEABLE', false],
    // Something of ours may be there.
    ['UNAVAILABLE', true],
    ['CONFLICT', true],
  ])('after %s what was announced is still there: %s', async (code, kept) => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    await world.refresh();
    world.target.fail = () => new TargetError(code, 'no');
    await world.reconcile();
    expect(world.inventory.saved.has('web/app')).toBe(kept);
  });

  test('without it nothing is written, and it is tried again', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    await world.refresh();
    world.inventory.failures.push(down);
    expect(await world.reconcile()).toEqual(['web/app failed']);
    expect(world.target.calls).toEqual([]);
    expect(world.reconciler.nextRetryAt).toBeGreaterThan(world.clock.monotonic());
    await world.clock.advance(2_000);
    expect(await world.reconcile()).toEqual(['web/app synced created']);
    expect(world.reconciler.nextRetryAt).toBe(Infinity);
  });

  test.each([
    ['the inventory could not be saved at first', 'save'],
    ['the target could not be reached at first', 'put'],
  ])('a Secret that turns out to be foreign is not ours, also when %s', async (_, what) => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    await world.refresh();
    if (what === 'save') world.inventory.failures.push(down);
    else world.target.fail = () => down;
    expect(await world.reconcile()).toEqual(['web/app failed']);
    world.target.fail = () => new TargetError('FOREIGN', 'not ours');
    await world.clock.advance(2_000);
    expect(await world.reconcile()).toEqual(['web/app refused']);
    expect([...world.inventory.saved.keys()]).toEqual([]);
  });

  test('one whose label somebody took keeps its entry', async () => {
    const world = createWorld({ specs: [spec('web/app', all)], entries: [entryOf('web/app', { A: '0' })] });
    await world.refresh();
    world.target.fail = () => new TargetError('FOREIGN', 'not ours');
    expect(await world.reconcile()).toEqual(['web/app refused']);
    expect(world.inventory.saved.has('web/app')).toBe(true);
  });
});

test('one that has to be made again is made only when the inventory has forgotten its uid', async () => {
  const world = createWorld({ specs: [spec('web/app', all)], entries: [entryOf('web/app', { A: '1' })] });
  await world.refresh();
  const uids: unknown[] = [];
  world.target.during = () => {
    uids.push(world.inventory.saved.get('web/app')?.uid);
  };
  world.target.fail = () => (uids.length === 1 ? new TargetError('GONE', 'has to be made again') : undefined);
  expect(await world.reconcile()).toEqual(['web/app synced created']);
  expect(uids).toEqual(['uid-web/app', undefined]);
  expect(world.inventory.saved.get('web/app')?.uid).toBe('uid-web/app');
  expect(world.reconciler.nextRetryAt).toBe(Infinity);
});

describe('a target that cannot be reached', () => {
  test('is asked three times, and every Secret is tried again', async () => {
    const world = createWorld({ specs: many(16) });
    await world.refresh();
    world.target.fail = () => down;
    const said = await world.reconcile();
    expect(world.target.calls).toHaveLength(3);
    expect(said).toHaveLength(16);
    expect(new Set(said.map((text) => text.split(' ')[1]))).toEqual(new Set(['failed']));
    expect(world.reconciler.nextRetryAt).toBeGreaterThan(world.clock.monotonic());
    world.target.fail = () => undefined;
    await world.clock.advance(2_000);
    expect(await world.reconcile()).toHaveLength(16);
    expect(world.target.stored.size).toBe(16);
  });

  test('three failures with a success between them do not stop the rest', async () => {
    const world = createWorld({ specs: many(9) });
    await world.refresh();
    let count = 0;
    world.target.fail = () => (++count % 3 === 0 ? undefined : down);
    await world.reconcile();
    expect(world.target.calls).toHaveLength(9);
  });
});

describe('backoff', () => {
  test('what failed waits longer and longer, then is done', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    await world.refresh();
    world.target.fail = () => down;
    for (const delay of [1_000, 2_000, 4_000]) {
      await world.reconcile();
      expect(world.reconciler.nextRetryAt - world.clock.monotonic()).toBe(delay);
      await world.clock.advance(delay - 1);
      expect(await world.reconcile()).toEqual([]);
      await world.clock.advance(1);
    }
    world.target.fail = () => undefined;
    expect(await world.reconcile()).toEqual(['web/app synced created']);
    expect(world.reconciler.nextRetryAt).toBe(Infinity);
  });

  test.each<[TargetErrorCode, number | undefined, number]>([
    ['UNAVAILABLE', undefined, 1_000],
    ['CONFLICT', undefined, 1_000],
    ['UNAVAILABLE', 5_000, 5_000],
    ['FOREIGN', undefined, 30_000],
    ['NOT_GRANTED', undefined, 30_000],
    ['INVALID', undefined, 30_000],
  ])('%s, told to wait %s: tried again after %d ms', async (code, retryAfterMs, delay) => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    await world.refresh();
    world.target.fail = () => new TargetError(code, 'no', retryAfterMs === undefined ? {} : { retryAfterMs });
    await world.reconcile();
    expect(world.reconciler.nextRetryAt - world.clock.monotonic()).toBe(delay);
  });

  test('a changed desired state is tried at once', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    await world.refresh();
    world.target.fail = () => new TargetError('INVALID', 'no');
    await world.reconcile();
    world.target.fail = () => undefined;
    expect(await world.reconcile()).toEqual([]);
    await world.refresh(snapshot({ A: '2' }));
    expect(await world.reconcile()).toEqual(['web/app synced created']);
  });

  test('a resync tries everything', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    await world.refresh();
    world.target.fail = () => new TargetError('INVALID', 'no');
    await world.reconcile();
    world.target.fail = () => undefined;
    expect(await world.reconcile({ resync: true })).toEqual(['web/app synced created']);
  });

  test('one that fails does not hold up another', async () => {
    const world = createWorld({ specs: [spec('web/bad', all), spec('web/good', all)] });
    await world.refresh();
    world.target.fail = (call) => (call === 'put web/bad' ? new TargetError('INVALID', 'no') : undefined);
    expect(await world.reconcile()).toEqual(['web/bad refused', 'web/good synced created']);
  });

  test('what somebody else finished meanwhile is not waited for', async () => {
    const world = createWorld({
      specs: [spec('web/empty', { items: { x: item('homelab', 'X', { optional: true }) } })],
      entries: [entryOf('web/gone', { A: '1' })],
    });
    await world.refresh();
    world.target.fail = (call) => (call.startsWith('remove') ? down : undefined);
    expect(await world.reconcile()).toEqual(['web/empty held', 'web/gone failed']);
    // Another process deletes it and says so in the inventory, which is read again as something is held.
    world.inventory.saved.delete('web/gone');
    await world.clock.advance(2_000);
    await world.reconcile();
    expect(world.inventory.entries.has('web/gone')).toBe(false);
    expect(world.reconciler.nextRetryAt).toBe(Infinity);
  });
});

describe('a missing namespace', () => {
  test('its Secrets are tried again as soon as it appears, and no others', async () => {
    const world = createWorld({ specs: [spec('web/app', all), spec('web2/app', all)] });
    await world.refresh();
    world.target.fail = () => new TargetError('NAMESPACE_MISSING', 'no such namespace');
    expect(await world.reconcile()).toEqual(['web/app waiting', 'web2/app waiting']);
    expect([...world.reconciler.missingNamespaces]).toEqual(['web', 'web2']);
    world.target.fail = () => undefined;
    world.reconciler.namespaceAppeared('other');
    expect(await world.reconcile()).toEqual([]);
    world.reconciler.namespaceAppeared('web');
    expect(world.reconciler.nextRetryAt).toBeLessThanOrEqual(world.clock.monotonic());
    expect(await world.reconcile()).toEqual(['web/app synced created']);
    expect([...world.reconciler.missingNamespaces]).toEqual(['web2']);
  });
});

test('a namespace that no entry wants any more is not waited for', async () => {
  const world = createWorld({ specs: [spec('web/app', all), spec('web2/app', all)] });
  await world.refresh();
  world.target.fail = () => new TargetError('NAMESPACE_MISSING', 'no such namespace');
  await world.reconcile();
  const holds = { lostSecrets: 'off', lostKeys: new Map() } as const;
  world.reconciler.update({ specs: [spec('web2/app', all)], sources: world.sources, holds });
  expect([...world.reconciler.missingNamespaces]).toEqual(['web2']);
});

describe('holds', () => {
  const holds = { lostSecrets: { percent: 50 }, lostKeys: new Map([['homelab', { percent: 50 }]]) };
  const full = snapshot({ A: '1', B: '2', C: '3' });

  test('what would lose too much stays, until a person says so', async () => {
    const world = createWorld({ specs: [spec('web/app', all)], answer: full, holds });
    await world.refresh();
    await world.reconcile();
    await world.refresh(snapshot({ A: '1' }));
    expect(await world.reconcile()).toEqual(['web/app held']);
    expect(world.live('web/app')).toEqual({ A: '1', B: '2', C: '3' });
    expect(await world.reconcile({ approved: true })).toEqual(['web/app synced updated']);
    expect(world.live('web/app')).toEqual({ A: '1' });
  });

  test('somebody’s word from elsewhere is seen in the inventory', async () => {
    const world = createWorld({ specs: [spec('web/app', all)], answer: full, holds });
    await world.refresh();
    await world.reconcile();
    await world.refresh(snapshot({ A: '1' }));
    expect(await world.reconcile()).toEqual(['web/app held']);
    // Another process, with a person's word.
    const other = createWorld({ specs: [spec('web/app', all)], entries: [...world.inventory.saved.values()] });
    for (const [id, stored] of world.target.stored) other.target.stored.set(id, stored);
    await other.refresh();
    await other.reconcile({ approved: true });
    world.inventory.saved = other.inventory.saved;
    for (const [id, stored] of other.target.stored) world.target.stored.set(id, stored);
    expect(await world.reconcile()).toEqual(['web/app synced unchanged']);
    expect(world.inventory.reloads).toBeGreaterThan(0);
  });

  test('what a person has let go is in the inventory before it goes, so that a daemon does not put it back in between', async () => {
    const world = createWorld({ specs: [spec('web/app', all)], answer: full, holds });
    await world.refresh();
    await world.reconcile();
    await world.refresh(snapshot({ A: '1' }));
    const remembered: (readonly string[])[] = [];
    world.target.during = () => void remembered.push([...(world.inventory.saved.get('web/app')?.keys.keys() ?? [])]);
    await world.reconcile({ approved: true });
    expect(remembered).toEqual([['A']]);
  });

  test('is over when the keys come back', async () => {
    const world = createWorld({ specs: [spec('web/app', all)], answer: full, holds });
    await world.refresh();
    await world.reconcile();
    await world.refresh(snapshot({ A: '1' }));
    await world.reconcile();
    await world.refresh(snapshot({ A: '1', B: '2', C: '3' }));
    expect(await world.reconcile()).toEqual(['web/app synced unchanged']);
  });

  test('the last good data is repaired at a resync, and keeps its keys in the inventory', async () => {
    const world = createWorld({ specs: [spec('web/app', all)], answer: full, holds });
    await world.refresh();
    await world.reconcile();
    await world.refresh(snapshot({ A: '1' }));
    world.target.tamper('web/app', 'B', 'evil');
    expect(await world.reconcile({ resync: true })).toEqual(['web/app held repaired']);
    expect(world.live('web/app')).toEqual({ A: '1', B: '2', C: '3' });
    expect([...(world.inventory.saved.get('web/app')?.keys.keys() ?? [])]).toEqual(['A', 'B', 'C']);
  });
});

describe('problems at the source', () => {
  const one = { items: { A: item('homelab', 'A') } };

  test('nothing is written or said while the source is read for the first time', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    expect(await world.reconcile()).toEqual([]);
    expect(world.target.calls).toEqual([]);
    expect(world.inventory.saves).toBe(0);
  });

  test('a key that is gone keeps the last good data, and a resync repairs it', async () => {
    const world = createWorld({ specs: [spec('web/app', one)] });
    await world.refresh();
    await world.reconcile();
    await world.refresh(snapshot({}));
    expect(await world.reconcile()).toEqual(['web/app kept']);
    expect(world.target.calls).toHaveLength(1);
    world.target.stored.delete('web/app');
    expect(await world.reconcile({ resync: true })).toEqual(['web/app kept repaired']);
    expect(world.live('web/app')).toEqual({ A: '1' });
  });

  test('after a restart there is nothing to repair it with, and it is left alone', async () => {
    const world = createWorld({
      specs: [spec('web/app', one)],
      answer: snapshot({}),
      entries: [entryOf('web/app', { A: '1' })],
    });
    await world.refresh();
    expect(await world.reconcile({ resync: true })).toEqual(['web/app kept']);
    expect(world.target.calls).toEqual([]);
  });

  test('is said to be synced again when it is well again', async () => {
    const world = createWorld({ specs: [spec('web/app', one)] });
    await world.refresh();
    await world.reconcile();
    await world.refresh(snapshot({}));
    await world.reconcile();
    await world.refresh(snapshot({ A: '1' }));
    expect(await world.reconcile()).toEqual(['web/app synced unchanged']);
  });

  test('a source that fails changes nothing', async () => {
    const world = createWorld({ specs: [spec('web/app', one)] });
    await world.refresh();
    await world.reconcile();
    await world.refresh(new ProviderError('UNAVAILABLE', 'down'));
    expect(await world.reconcile()).toEqual([]);
    expect(await world.reconcile({ resync: true })).toEqual(['web/app synced unchanged']);
  });
});

describe('no busy loop', () => {
  test.each<TargetErrorCode>(['FOREIGN', 'NAMESPACE_MISSING', 'UNAVAILABLE', 'CONFLICT', 'NOT_GRANTED'])(
    'after every reconcile the next try is in the future: %s',
    async (code) => {
      const world = createWorld({ specs: many(20), entries: [entryOf('web/gone', { A: '1' })] });
      await world.refresh();
      world.target.fail = () => new TargetError(code, 'no');
      for (let round = 0; round < 30; round++) {
        await world.reconcile();
        const wait = world.reconciler.nextRetryAt - world.clock.monotonic();
        expect(wait).toBeGreaterThan(0);
        await world.clock.advance(wait);
      }
    },
  );

  test('also when the inventory cannot be saved', async () => {
    const world = createWorld({ specs: many(2) });
    await world.refresh();
    for (let round = 0; round < 10; round++) {
      world.inventory.failures.push(down);
      await world.reconcile();
      const wait = world.reconciler.nextRetryAt - world.clock.monotonic();
      expect(wait).toBeGreaterThan(0);
      await world.clock.advance(wait);
    }
    expect(world.target.calls).toEqual([]);
  });
});

describe('stopping', () => {
  test('starts nothing new, and saves what was written', async () => {
    const stop = new AbortController();
    const world = createWorld({ specs: many(10) });
    await world.refresh();
    world.target.during = () => {
      if (world.target.calls.length === 3) stop.abort();
    };
    await world.reconciler.reconcile({ resync: false, signal, stopping: stop.signal });
    expect(world.target.calls).toHaveLength(3);
    const written = [...world.inventory.saved.values()].filter(({ uid }) => uid !== undefined);
    expect(written.map(({ id }) => id)).toEqual(['web/s00', 'web/s01', 'web/s02']);
  });

  test('a cut signal throws its reason', async () => {
    const cut = new AbortController();
    const world = createWorld({ specs: [spec('web/app', all)] });
    await world.refresh();
    world.target.during = () => {
      cut.abort(new Error('cut'));
      throw new Error('socket closed');
    };
    await expect(world.reconciler.reconcile({ resync: false, signal: cut.signal })).rejects.toThrow('cut');
  });
});

describe('preview', () => {
  test('says what would be done, and writes nothing', async () => {
    const world = createWorld({
      specs: [spec('web/new', all), spec('web/same', all), spec('web/unread', { bulk: [everything('other')] })],
      entries: [entryOf('web/gone', { A: '1' })],
    });
    await world.refresh();
    world.target.stored.set('web/same', {
      uid: 'u',
      resourceVersion: '1',
      fingerprint: { shape: JSON.stringify(['Opaque', {}, {}, false]), keys: new Map([['A', '0']]) },
    });
    const actions = await world.reconciler.preview({ signal });
    expect(actions.map(({ kind, id }) => `${kind} ${id}`)).toEqual([
      'forget web/gone',
      'create web/new',
      'update web/same',
      'keep web/unread',
    ]);
    expect(world.target.calls.every((call) => call.startsWith('observe'))).toBe(true);
    expect(world.inventory.saves).toBe(0);
  });
});

describe('two agents with one inventory', () => {
  test('a resync does not put old data over what somebody else has written since, until the source was read again', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    await world.refresh();
    await world.reconcile();
    // A laptop's sync: newer data, entered into the inventory.
    world.target.tamper('web/app', 'A', 'new');
    world.inventory.saved.set('web/app', entryOf('web/app', { A: 'new' }));
    await world.clock.advance(1_000);
    expect(await world.reconcile({ resync: true })).toEqual([]);
    expect(world.live('web/app')).toEqual({ A: 'new' });
    await world.refresh(new ProviderError('UNAVAILABLE', 'down'));
    await world.reconcile({ resync: true });
    expect(world.live('web/app')).toEqual({ A: 'new' });
    await world.clock.advance(1_000);
    await world.refresh(snapshot({ A: 'new' }));
    await world.reconcile({ resync: true });
    expect(world.live('web/app')).toEqual({ A: 'new' });
  });

  test('a resync that cannot look into the inventory is said, and made up for', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    await world.refresh();
    await world.reconcile();
    world.target.tamper('web/app', 'A', 'evil');
    world.inventory.reloadFailures.push(down);
    expect(await world.reconcile({ resync: true })).toEqual(['web/app failed']);
    expect(world.live('web/app')).toEqual({ A: 'evil' });
    expect(await world.reconcile()).toEqual([]);
    await world.clock.advance(world.reconciler.nextRetryAt - world.clock.monotonic());
    expect(await world.reconcile()).toEqual(['web/app synced repaired']);
    expect(world.reconciler.nextRetryAt).toBe(Infinity);
  });

  test('what is owed is owed no more when no Secret is left: nobody is woken for it again and again', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    await world.refresh();
    await world.reconcile();
    world.inventory.reloadFailures.push(down);
    await world.reconcile({ resync: true });
    world.reconciler.update({ specs: [], sources: world.sources, holds: NO_HOLDS });
    expect(await world.reconcile({ approved: true })).toEqual(['web/app removed deleted']);
    await world.clock.advance(60_000);
    await world.reconcile();
    expect(world.reconciler.nextRetryAt).toBe(Infinity);
  });

  test('what somebody else has made by a newer config is not pruned', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    await world.refresh();
    await world.reconcile();
    world.inventory.saved.set('web/new', entryOf('web/new', { A: '1' }));
    await world.reconcile({ resync: true });
    expect(world.target.calls).not.toContain('remove web/new');
    expect(world.inventory.entries.has('web/new')).toBe(true);
  });
});

test('`keep` is remembered of a Secret whose source is broken, so that its entry can leave the config', async () => {
  const broken = [spec('web/app', { ...all, whenRemoved: 'keep' })];
  const world = createWorld({ specs: broken, entries: [entryOf('web/app', { A: '1' })] });
  await world.refresh(new ProviderError('UNAUTHENTICATED', 'revoked'));
  await world.reconcile();
  expect(world.inventory.saved.get('web/app')?.whenRemoved).toBe('keep');
});

test('an inventory that could not be saved is tried again after a while, not at every refresh', async () => {
  const world = createWorld({ specs: [spec('web/app', all)] });
  await world.refresh();
  world.inventory.failures.push(down, down);
  await world.reconcile();
  await world.reconcile();
  expect(world.inventory.failures).toHaveLength(1);
  await world.clock.advance(world.reconciler.nextRetryAt - world.clock.monotonic());
  await world.reconcile();
  expect(world.inventory.failures).toHaveLength(0);
});

describe('keys in somebody else’s Secret', () => {
  const merge = { ...all, existing: 'merge' } as const;

  test('are announced only when they are about to be put, with what they will hold', async () => {
    const world = createWorld({ specs: [spec('web/app', merge)] });
    await world.refresh();
    const announced: unknown[] = [];
    world.target.during = () => void announced.push(world.inventory.saved.get('web/app'));
    expect(await world.reconcile()).toEqual(['web/app synced updated']);
    expect(world.target.calls).toEqual(['put web/app', 'put web/app']);
    expect(announced).toEqual([
      undefined,
      {
        id: 'web/app',
        keys: new Map([['A', { source: 'homelab', intended: ['1'] }]]),
        existing: 'merge',
        whenRemoved: 'delete',
      },
    ]);
    expect(world.inventory.saved.get('web/app')).toMatchObject({
      existing: 'merge',
      uid: 'uid-web/app',
      keys: new Map([['A', { source: 'homelab', fingerprint: '1' }]]),
    });
  });

  test('that change are announced beside what was put, so that a crash in between forgets neither', async () => {
    const world = createWorld({ specs: [spec('web/app', merge)] });
    await world.refresh();
    await world.reconcile();
    await world.refresh(snapshot({ A: '2', B: '1' }));
    let announced: unknown;
    world.target.during = () => {
      announced = world.inventory.saved.get('web/app')?.keys;
    };
    await world.reconcile();
    expect(announced).toEqual(
      new Map([
        ['A', { source: 'homelab', fingerprint: '1', intended: ['2'] }],
        ['B', { source: 'homelab', intended: ['1'] }],
      ]),
    );
  });

  test('of which nothing was heard after the write stay known by what they were to hold, while the source goes on', async () => {
    const world = createWorld({ specs: [spec('web/app', merge)] });
    for (let value = 0; value < 10; value++) {
      await world.refresh(snapshot({ A: String(value) }));
      let calls = 0;
      world.target.fail = () => (++calls > 1 ? down : undefined);
      expect(await world.reconcile()).toEqual(['web/app failed']);
      await world.clock.advance(120_000);
    }
    const last = ['2', '3', '4', '5', '6', '7', '8', '9'];
    expect(world.inventory.saved.get('web/app')?.keys.get('A')?.intended).toEqual(last);
    world.target.fail = () => undefined;
    await world.reconcile();
    expect(world.inventory.saved.get('web/app')?.keys.get('A')).toEqual({ source: 'homelab', fingerprint: '9' });
  });

  test.each<[TargetErrorCode, string]>([
    ['ABSENT', 'waiting'],
    ['FOREIGN', 'refused'],
    ['FORBIDDEN', 'refused'],
  ])('cost the inventory nothing while the answer is %s, which reads %s', async (code, state) => {
    const world = createWorld({ specs: [spec('web/app', merge)] });
    await world.refresh();
    world.target.fail = () => new TargetError(code, 'no');
    expect(await world.reconcile()).toEqual([`web/app ${state}`]);
    await world.clock.advance(3_600_000);
    expect(await world.reconcile()).toEqual([`web/app ${state}`]);
    expect(world.inventory.saves).toBe(0);
    expect(world.inventory.entries.size).toBe(0);
  });

  test('wait for the Secret a minute at most', async () => {
    const world = createWorld({ specs: [spec('web/app', merge)] });
    await world.refresh();
    world.target.fail = () => new TargetError('ABSENT', 'no');
    for (let time = 0; time < 20; time++) {
      await world.reconcile();
      expect(world.reconciler.nextRetryAt - world.clock.monotonic()).toBeLessThanOrEqual(60_000);
      await world.clock.advance(60_000);
    }
  });

  test('are not contested by who is always quicker with keys of his own: they come a few seconds after he stops', async () => {
    const world = createWorld({ specs: [spec('web/app', merge)] });
    await world.refresh();
    await world.reconcile();
    world.target.fail = () => new TargetError('CONFLICT', 'somebody else keeps changing it');
    await world.refresh(snapshot({ A: '2' }));
    const startedAt = world.clock.monotonic();
    for (let time = 0; time < 4; time++) {
      expect(await world.reconcile()).toEqual(['web/app failed']);
      await world.clock.advance(world.reconciler.nextRetryAt - world.clock.monotonic());
    }
    expect(world.clock.monotonic() - startedAt).toBeLessThan(20_000);
    world.target.fail = () => undefined;
    expect(await world.reconcile()).toEqual(['web/app synced updated']);
  });

  test('that were put once stay known, whatever is answered later', async () => {
    const world = createWorld({ specs: [spec('web/app', merge)] });
    await world.refresh();
    await world.reconcile();
    world.target.fail = () => new TargetError('FOREIGN', 'the label is gone');
    expect(await world.reconcile({ resync: true })).toEqual(['web/app refused']);
    expect(world.inventory.saved.get('web/app')?.keys.has('A')).toBe(true);
  });

  test('a target that never has enough of it is an error, not silence', async () => {
    const world = createWorld({ specs: [spec('web/app', merge)] });
    await world.refresh();
    world.target.fail = (call) => (call.startsWith('put') ? new TargetError('UNANNOUNCED', 'again') : undefined);
    expect(await world.reconcile()).toEqual(['web/app failed']);
    expect(world.reconciler.nextRetryAt).toBeLessThan(Infinity);
  });

  test.each([
    ['merge', 'refuse'],
    ['refuse', 'merge'],
  ] as const)(
    'of an entry that was %s and says %s: refused, and what it said of its removal stays',
    async (was, says) => {
      const entry = { ...entryOf('web/app', { A: '1' }), existing: was, whenRemoved: 'keep' } as const;
      const world = createWorld({ specs: [spec('web/app', { ...all, existing: says })], entries: [entry] });
      await world.refresh();
      expect(await world.reconcile()).toEqual(['web/app refused']);
      expect(await world.reconcile({ resync: true })).toEqual(['web/app refused']);
      expect(world.target.calls).toEqual([]);
      expect(world.inventory.entries.get('web/app')).toEqual(entry);
    },
  );
});
