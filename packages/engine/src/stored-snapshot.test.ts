import { ProviderError } from '@hikyaku/core';
import type { Snapshot } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import { describe, expect, test } from 'vitest';
import type { Demand } from './demand.ts';
import {
  createWorld,
  entryOf,
  everything,
  EVERYTHING,
  item,
  MemoryArchive,
  MemoryClient,
  signal,
  snapshot,
  sourceOf,
  spec,
} from './engine.test.kit.ts';
import { toStored } from './stored-snapshot.ts';

const down = new ProviderError('UNAVAILABLE', 'the service is down');
const pending = new ProviderError('PENDING', 'more is coming');
const databaseOnly: Demand = { refs: [], bulk: [{ include: ['DB_*'], exclude: [] }] };

function texts({ secrets }: Snapshot | undefined = snapshot({})): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries([...secrets].map(([id, { value }]) => [id, value.text()]));
}

function archiveOf(known: Snapshot, { demand = EVERYTHING, identity = 'here' } = {}): MemoryArchive {
  const archive = new MemoryArchive();
  archive.stored.set('homelab', toStored(identity, demand, known));
  return archive;
}

function keptSource(archive: MemoryArchive, client: MemoryClient, demand: Demand = EVERYTHING) {
  return sourceOf(client, { demand, kept: { identity: 'here', archive } });
}

describe('what is kept', () => {
  test('is what is in use, after each read that brought something', async () => {
    const archive = new MemoryArchive();
    const client = new MemoryClient(snapshot({ DB_A: '1', MAIL: '2' }, { revision: 'r1' }));
    const source = keptSource(archive, client, databaseOnly);
    await source.refresh(() => {}, { signal });
    const stored = archive.stored.get('homelab');
    expect(texts(stored?.snapshot)).toEqual({ DB_A: '1' });
    expect(stored?.snapshot.revision).toBe('r1');

    await source.refresh(() => {}, { signal });
    expect(archive.stored.get('homelab')).toBe(stored);
    client.answer = snapshot({ DB_A: '3' });
    await source.refresh(() => {}, { signal });
    expect(texts(archive.stored.get('homelab')?.snapshot)).toEqual({ DB_A: '3' });
  });

  test('of a read that failed in part, the last good values, and no revision that would vouch for them', async () => {
    const archive = new MemoryArchive();
    const client = new MemoryClient(snapshot({ A: '1', B: '2' }));
    const source = keptSource(archive, client);
    await source.refresh(() => {}, { signal });
    client.answer = snapshot({ A: '9' }, { unknown: new Map([['B', down]]), revision: 'r2' });
    await source.refresh(() => {}, { signal });
    expect(texts(archive.stored.get('homelab')?.snapshot)).toEqual({ A: '9', B: '2' });
    expect(archive.stored.get('homelab')?.snapshot).not.toHaveProperty('revision');
  });

  test('stays when nothing can be read', async () => {
    const archive = archiveOf(snapshot({ A: '1' }));
    const before = archive.stored.get('homelab');
    await keptSource(archive, new MemoryClient(down)).refresh(() => {}, { signal });
    expect(archive.stored.get('homelab')).toBe(before);
  });

  test('progress of a read that takes long is kept within seconds, before its end', async () => {
    const archive = new MemoryArchive();
    const clock = new FakeClock();
    const partial = snapshot({ A: '1' }, { unknown: new Map([['B', pending]]) });
    let finish: (answer: Snapshot) => void = () => {};
    const source = sourceOf(
      {
        read(request) {
          request.progress(partial);
          return new Promise((resolve) => {
            finish = resolve;
          });
        },
      },
      { clock, kept: { identity: 'here', archive } },
    );
    const read = source.refresh(() => {}, { signal });
    await clock.advance(5_000);
    expect(texts(archive.stored.get('homelab')?.snapshot)).toEqual({ A: '1' });
    expect([...(archive.stored.get('homelab')?.snapshot.unknown?.keys() ?? [])]).toEqual(['B']);
    finish(snapshot({ A: '1', B: '2' }));
    await read;
    expect(texts(archive.stored.get('homelab')?.snapshot)).toEqual({ A: '1', B: '2' });
  });
});

describe('after a restart', () => {
  test('what was kept is handed to the provider, which may confirm it', async () => {
    const archive = archiveOf(snapshot({ A: '1' }, { revision: 'r1' }));
    const client = new MemoryClient(snapshot({}));
    client.read = async ({ previous }) => previous ?? snapshot({});
    const source = keptSource(archive, client);
    await source.refresh(() => {}, { signal });
    expect(texts(source.state.snapshot)).toEqual({ A: '1' });
    expect(source.state.stored).toEqual(new Set());
  });

  test('it is used while the source cannot be read, and no longer than that', async () => {
    const client = new MemoryClient(down);
    const source = keptSource(archiveOf(snapshot({ A: '1' })), client);
    let changes = 0;
    await source.refresh(() => changes++, { signal });
    expect(texts(source.state.snapshot)).toEqual({ A: '1' });
    expect(source.state).toMatchObject({ stored: 'all', error: { code: 'UNAVAILABLE' }, failures: 1 });
    expect(changes).toBe(1);
    client.answer = snapshot({ B: '2' });
    await source.refresh(() => changes++, { signal });
    expect(texts(source.state.snapshot)).toEqual({ B: '2' });
    expect(source.state).toMatchObject({ stored: new Set(), failures: 0 });
  });

  test('it fills what one read could not say', async () => {
    const client = new MemoryClient(snapshot({ A: '9' }, { unknown: new Map([['B', down]]) }));
    const source = keptSource(archiveOf(snapshot({ A: '1', B: '2', C: '3' })), client);
    await source.refresh(() => {}, { signal });
    expect(texts(source.state.snapshot)).toEqual({ A: '9', B: '2' });
    expect(source.state.stored).toEqual(new Set(['B']));
  });

  test('it fills what one read could not say, also when other names are wanted in bulk', async () => {
    const client = new MemoryClient(snapshot({ MAIL: '9' }, { unknown: new Map([['DB_A', down]]) }));
    const source = keptSource(archiveOf(snapshot({ DB_A: '1', DB_B: '2' }), { demand: databaseOnly }), client);
    await source.refresh(() => {}, { signal });
    expect(texts(source.state.snapshot)).toEqual({ MAIL: '9', DB_A: '1' });
  });

  test('of other data it is worth nothing', async () => {
    const client = new MemoryClient(down);
    const source = keptSource(archiveOf(snapshot({ A: '1' }), { identity: 'elsewhere' }), client);
    await source.refresh(() => {}, { signal });
    expect(client.requests[0]).not.toHaveProperty('previous');
    expect(source.state.snapshot).toBeUndefined();
  });

  test('when more is wanted in bulk than was kept, it saves requests but stands for nothing', async () => {
    const archive = archiveOf(snapshot({ DB_A: '1', MAIL: '2' }, { revision: 'r1' }), { demand: databaseOnly });
    const client = new MemoryClient(down);
    const source = keptSource(archive, client);
    await source.refresh(() => {}, { signal });
    expect(texts(client.requests[0]?.previous)).toEqual({ DB_A: '1' });
    expect(client.requests[0]?.previous).not.toHaveProperty('revision');
    expect(source.state.snapshot).toBeUndefined();
  });

  test('when another key is wanted by name, that one is unknown and not absent', async () => {
    const demand: Demand = { refs: [{ name: 'A' }], bulk: [] };
    const archive = archiveOf(snapshot({ A: '1' }), { demand });
    const source = keptSource(archive, new MemoryClient(down), { refs: [{ name: 'A' }, { name: 'B' }], bulk: [] });
    await source.refresh(() => {}, { signal });
    expect(texts(source.state.snapshot)).toEqual({ A: '1' });
    expect([...(source.state.snapshot?.unknown?.keys() ?? [])]).toEqual(['B']);
  });

  test('a name that was known to be absent is no problem, also from what was kept', async () => {
    const demand: Demand = { refs: [{ name: 'A' }, { name: 'B' }], bulk: [] };
    const source = keptSource(archiveOf(snapshot({ A: '1' }), { demand }), new MemoryClient(down), demand);
    await source.refresh(() => {}, { signal });
    expect(source.state.snapshot?.unknown).toBeUndefined();
  });
});

describe('what a Secret gets of it', () => {
  const all = { bulk: [everything('homelab')] };

  test('a deleted one is made again while the source is down', async () => {
    const archive = archiveOf(snapshot({ A: '1' }));
    const world = createWorld({
      specs: [spec('web/app', all)],
      answer: down,
      entries: [entryOf('web/app', { A: '1' })],
      archive,
    });
    await world.refresh();
    expect(await world.reconcile()).toEqual(['web/app synced repaired']);
    expect(world.live('web/app')).toEqual({ A: '1' });
  });

  test('one that was written since is not set back', async () => {
    const archive = archiveOf(snapshot({ A: 'old' }));
    const world = createWorld({
      specs: [spec('web/app', all)],
      answer: down,
      entries: [entryOf('web/app', { A: 'new' })],
      archive,
    });
    await world.refresh();
    expect(await world.reconcile()).toEqual(['web/app waiting']);
    expect(world.target.calls).toEqual([]);
    await world.refresh(snapshot({ A: 'newest' }));
    expect(await world.reconcile()).toEqual(['web/app synced repaired']);
    expect(world.live('web/app')).toEqual({ A: 'newest' });
  });

  test('a key that was written since keeps its Secret from losing it', async () => {
    const archive = archiveOf(snapshot({ A: '1' }));
    const entries = [entryOf('web/app', { A: '1', B: '2' })];
    const world = createWorld({ specs: [spec('web/app', all)], answer: down, entries, archive });
    await world.refresh();
    expect(await world.reconcile()).toEqual(['web/app waiting']);
  });

  test('a key that was removed since does not come back', async () => {
    const archive = archiveOf(snapshot({ A: '1', B: 'removed since' }));
    const entries = [entryOf('web/app', { A: '1' })];
    const world = createWorld({ specs: [spec('web/app', all)], answer: down, entries, archive });
    await world.refresh();
    expect(await world.reconcile()).toEqual(['web/app waiting']);
    expect(world.target.calls).toEqual([]);
  });

  const two = [
    spec('web/a', { items: { a: item('homelab', 'A') } }),
    spec('web/b', { items: { b: item('homelab', 'B') } }),
  ];
  const both: Demand = { refs: [{ name: 'A' }, { name: 'B' }], bulk: [] };
  const unreadable = new ProviderError('FORBIDDEN', 'not for you');

  test('one secret that can never be read holds up no other', async () => {
    const archive = archiveOf(snapshot({ A: '1', B: '1' }), { demand: both });
    const entries = [entryOf('web/a', { a: '1' }), entryOf('web/b', { b: '1' })];
    const world = createWorld({ specs: two, entries, archive });
    await world.refresh(snapshot({ B: '2' }, { unknown: new Map([['A', unreadable]]) }));
    expect(await world.reconcile()).toEqual(['web/a synced repaired', 'web/b synced repaired']);
    expect([world.live('web/a'), world.live('web/b')]).toEqual([{ a: '1' }, { b: '2' }]);
  });

  test('one that waits for its secret says so', async () => {
    const archive = archiveOf(snapshot({ A: 'old', B: '1' }), { demand: both });
    const entries = [entryOf('web/a', { a: 'new' }), entryOf('web/b', { b: '1' })];
    const world = createWorld({ specs: two, entries, archive });
    await world.refresh(snapshot({ B: '1' }, { unknown: new Map([['A', unreadable]]) }));
    expect(await world.reconcile()).toEqual(['web/a waiting', 'web/b synced repaired']);
  });

  test('a key that comes from another source now does not wait for the one it came from', async () => {
    const archive = archiveOf(snapshot({ A: '1', B: '2' }), { demand: both });
    const specs = [
      spec('web/a', { items: { a: item('other', 'A') } }),
      spec('web/b', { items: { b: item('homelab', 'B') } }),
    ];
    const entries = [entryOf('web/a', { a: '1' }), entryOf('web/b', { b: '2' })];
    const world = createWorld({ specs, answer: down, entries, archive });
    const other = sourceOf(new MemoryClient(snapshot({ A: '3' })), { name: 'other' });
    world.sources.set('other', other);
    await other.refresh(() => {}, { signal });
    await world.refresh();
    expect(await world.reconcile()).toEqual(['web/a synced repaired', 'web/b synced repaired']);
    expect(world.live('web/a')).toEqual({ a: '3' });
  });

  test('one is created from it', async () => {
    const specs = [spec('web/new', { items: { a: item('homelab', 'A') } })];
    const demand: Demand = { refs: [{ name: 'A' }], bulk: [] };
    const world = createWorld({ specs, answer: down, archive: archiveOf(snapshot({ A: '1' }), { demand }) });
    await world.refresh();
    expect(await world.reconcile()).toEqual(['web/new synced created']);
  });
});
