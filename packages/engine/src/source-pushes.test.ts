import { ProviderError } from '@hikyaku/core';
import type { SecretsClient } from '@hikyaku/core';
import { describe, expect, test } from 'vitest';
import { signal } from './engine.test.kit.ts';
import { createPushWorld, MemoryPushInventory, MemorySource, push, saidOf } from './push.test.kit.ts';
import type { PushWorldOptions, Texts } from './push.test.kit.ts';
import { TargetError } from './target.ts';

/** An agent that knows what another one of before has pushed. */
function next(inventory: MemoryPushInventory, source: MemorySource, more: Partial<PushWorldOptions>) {
  const after = new MemoryPushInventory();
  after.saved = new Map(inventory.saved);
  return createPushWorld({ specs: [push('web/app')], source, inventory: after, ...more });
}

/** `web/app` with these keys, pushed. */
async function pushed(texts: Texts, more: Partial<PushWorldOptions> = {}) {
  const source = new MemorySource();
  const world = createPushWorld({ specs: [push('web/app')], secrets: { 'web/app': texts }, source, ...more });
  await world.round();
  return { ...world, source };
}

describe('a push', () => {
  test('makes at the source what the Secret has, once', async () => {
    const { source, round, inventory } = await pushed({ A: '1', B: '2' });
    expect(source.texts).toEqual({ A: '1', B: '2' });
    expect(await round()).toEqual(['web/app pushed']);
    expect(source.writes).toEqual(['+A', '+B']);
    expect(inventory.saved.get('homelab/A')).toEqual({
      id: 'homelab/A',
      identity: 'here',
      from: 'web/app',
      whenRemoved: 'keep',
      written: true,
      fingerprint: 'homelab/A=1',
      version: '1',
    });
  });

  test('by `data` pushes those keys under those names, and no others', async () => {
    const { source } = await pushed({ a: '1', b: '2' }, { specs: [push('web/app', { data: { A: 'a' } })] });
    expect(source.texts).toEqual({ A: '1' });
  });

  test.each([true, false])('follows a change of the Secret (a source with versions: %s)', async (versioned) => {
    const source = new MemorySource({}, { versioned });
    const { origin, round } = await pushed({ A: '1', B: '2' }, { source });
    origin.set('web/app', { A: '3', B: '2', C: '4' });
    expect(await round()).toEqual(['web/app pushed +C ~A']);
    expect(source.texts).toEqual({ A: '3', B: '2', C: '4' });
  });

  test('asks the source nothing while nothing has changed, until the resync', async () => {
    const { source, round, origin } = await pushed({ A: '1' });
    const { length } = source.reads;
    origin.set('web/app', { A: '1' });
    expect(await round({ resync: false })).toEqual([]);
    expect(source.reads).toHaveLength(length);
    await round({ resync: true });
    expect(source.reads).toHaveLength(length + 1);
  });

  test('reads only the names that are pushed', async () => {
    const { source } = await pushed({ a: '1', b: '2' }, { specs: [push('web/app', { data: { A: 'a' } })] });
    expect(source.reads).toEqual([['A']]);
  });

  test('makes again what somebody has removed at the source', async () => {
    const { source, round } = await pushed({ A: '1' });
    source.secrets.delete('A');
    expect(await round()).toEqual(['web/app pushed +A']);
  });

  test('to a source that can only be read is refused, and said so', async () => {
    const { round, report } = createPushWorld({
      specs: [push('web/app')],
      secrets: { 'web/app': { A: '1' } },
      source: { read: async () => ({ secrets: new Map() }) },
    });
    await round();
    expect(await round()).toEqual(['web/app refused']);
    expect(report.pushes).toEqual([]);
  });

  test('that is not granted does not even look at the Secret', async () => {
    const source = new MemorySource();
    const { origin, pushes, report, round } = createPushWorld({
      specs: [push('web/app')],
      secrets: { 'web/app': { A: '1' } },
      source,
      refusal: () => 'not granted',
    });
    await pushes.push({ resync: true, signal });
    expect(report.pushes).toMatchObject([{ state: 'refused', messages: ['not granted'] }]);
    await round();
    expect({ reads: origin.reads, texts: source.texts, watched: pushes.granted }).toEqual({
      reads: 0,
      texts: {},
      watched: [],
    });
  });

  test('a key under `data` that the Secret does not have leaves the source alone, and the others go on', async () => {
    const specs = [push('web/app', { data: { A: 'a', B: 'b' }, whenRemoved: 'delete' })];
    const { source, origin, pushes, report } = await pushed({ a: '1', b: '2' }, { specs });
    report.pushes.splice(0);
    origin.set('web/app', { a: '3' });
    await pushes.push({ resync: false, signal });
    expect(report.pushes).toMatchObject([
      { state: 'kept', messages: [expect.stringContaining('web/app has no key b: B of homelab stays as it is')] },
    ]);
    expect(source.texts).toEqual({ A: '3', B: '2' });
  });

  test('two Secrets that would write one name write it not, and all else', async () => {
    const source = new MemorySource();
    const { round } = createPushWorld({
      specs: [push('web/app'), push('web/b')],
      secrets: { 'web/app': { A: '1', X: '1' }, 'web/b': { B: '1', X: '2' } },
      source,
    });
    expect(await round()).toEqual(['web/app kept +A', 'web/b kept +B']);
    expect(source.texts).toEqual({ A: '1', B: '1' });
  });
});

describe('nothing is lost', () => {
  test.each(['ABSENT', 'EMPTY', 'FORBIDDEN', 'UNAVAILABLE', 'NOT_GRANTED', 'REFUSED'] as const)(
    'where the Secret is %s, nothing is removed or written',
    async (code) => {
      const { source, origin, round } = await pushed(
        { A: '1' },
        { specs: [push('web/app', { whenRemoved: 'delete' })] },
      );
      origin.set('web/app', code);
      await round();
      await round({ approved: true });
      expect(source.texts).toEqual({ A: '1' });
      expect(source.writes).toEqual(['+A']);
      origin.set('web/app', { A: '2' });
      expect(await round()).toEqual(['web/app pushed ~A']);
    },
  );

  test('a Secret without keys is as one that is not there', async () => {
    const { source, origin, round } = await pushed({ A: '1' }, { specs: [push('web/app', { whenRemoved: 'delete' })] });
    origin.set('web/app', {});
    expect(await round({ approved: true })).toEqual(['web/app waiting']);
    expect(source.texts).toEqual({ A: '1' });
  });

  test.each([true, false])(
    'another value at the source is held, and written over when approved (versions: %s)',
    async (versioned) => {
      const source = new MemorySource({ A: 'theirs' }, { versioned });
      const { round } = await pushed({ A: '1' }, { source });
      expect(await round()).toEqual(['web/app held']);
      expect(source.texts).toEqual({ A: 'theirs' });
      expect(await round({ approved: true })).toEqual(['web/app pushed ~A']);
      expect(source.texts).toEqual({ A: '1' });
    },
  );

  test('what somebody else has changed since is held, until both are equal again', async () => {
    const { source, origin, round, report, pushes } = await pushed({ A: '1', B: '1' });
    source.put('A', 'theirs');
    report.pushes.splice(0);
    await pushes.push({ resync: true, signal });
    expect(report.pushes).toMatchObject([
      { state: 'held', keys: 1, messages: ['somebody else has changed A at homelab: left alone'] },
    ]);
    origin.set('web/app', { A: '2', B: '2' });
    await pushes.push({ resync: false, signal });
    expect(source.texts).toEqual({ A: 'theirs', B: '2' });
    origin.set('web/app', { A: 'theirs', B: '2' });
    report.pushes.splice(0);
    expect(await round({ resync: false })).toEqual(['web/app pushed']);
    origin.set('web/app', { A: '3', B: '2' });
    expect(await round({ resync: false })).toEqual(['web/app pushed ~A']);
  });

  test.each([true, false])(
    'what changes between the look and the write is not written over (versions: %s)',
    async (versioned) => {
      const source = new MemorySource({}, { versioned });
      const { origin, round } = await pushed({ A: '1' }, { source });
      origin.set('web/app', { A: '2' });
      const calls: string[] = [];
      source.meanwhile = (call) => {
        calls.push(call);
        // Without versions there is a look right before the write, and nothing better.
        const last = versioned ? 'read write' : 'read read';
        if (calls.join(' ') === last) source.put('A', 'theirs');
      };
      expect(await round()).toEqual(['web/app failed']);
      expect(source.texts).toEqual({ A: 'theirs' });
      expect(await round()).toEqual(['web/app held']);
    },
  );

  test('`ifAbsent` makes what is not there and never touches what is, not even approved', async () => {
    const source = new MemorySource({ A: 'theirs' });
    const { origin, round } = await pushed(
      { A: '1', B: '1' },
      { source, specs: [push('web/app', { update: 'ifAbsent' })] },
    );
    origin.set('web/app', { A: '2', B: '2' });
    expect(await round({ approved: true })).toEqual(['web/app pushed']);
    expect(source.texts).toEqual({ A: 'theirs', B: '1' });
  });

  test('a name that cannot be read is left alone, and the others go on', async () => {
    const { source, origin, round } = await pushed({ A: '1', B: '1' });
    source.unreadable = (name) => (name === 'A' ? new ProviderError('UNAVAILABLE', 'not now') : undefined);
    origin.set('web/app', { A: '2', B: '2' });
    expect(await round()).toEqual(['web/app kept ~B']);
    source.unreadable = () => undefined;
    expect(await round()).toEqual(['web/app pushed ~A']);
  });

  test('a lost inventory removes nothing, and writes over nothing', async () => {
    const { source } = await pushed({ A: '1', B: '1' });
    const { round } = createPushWorld({
      specs: [push('web/app', { whenRemoved: 'delete' })],
      secrets: { 'web/app': { A: '2' } },
      source,
    });
    expect(await round()).toEqual(['web/app held']);
    expect(source.texts).toEqual({ A: '1', B: '1' });
  });

  test('another place under the same name has nothing that was pushed', async () => {
    const { inventory } = await pushed({ A: '1', B: '1' });
    const other = new MemorySource({ A: '1', B: '1' });
    const { round } = next(inventory, other, { specs: [], identity: 'elsewhere' });
    await round({ approved: true });
    expect(other.texts).toEqual({ A: '1', B: '1' });
  });
});

describe('what is not pushed any more', () => {
  const all = [push('web/app', { whenRemoved: 'delete' })];

  test('is removed with `whenRemoved: delete`, when the key has left a Secret that was read', async () => {
    const { source, origin, round } = await pushed({ A: '1', B: '1', C: '1' }, { specs: all });
    source.put('OTHER', 'theirs');
    origin.set('web/app', { A: '1', B: '1' });
    expect(await round()).toEqual(['web/app pushed -C']);
    expect(source.texts).toEqual({ A: '1', B: '1', OTHER: 'theirs' });
  });

  test('stays without it, and is forgotten', async () => {
    const { source, origin, round, inventory } = await pushed({ A: '1', B: '1' });
    origin.set('web/app', { A: '1' });
    expect(await round()).toEqual(['web/app pushed']);
    expect(source.texts).toEqual({ A: '1', B: '1' });
    expect([...inventory.saved.keys()]).toEqual(['homelab/A']);
  });

  test('is removed when its line or its entry is gone', async () => {
    const specs = [push('web/app', { data: { A: 'a', B: 'b', C: 'c' }, whenRemoved: 'delete' })];
    const { source, inventory } = await pushed({ a: '1', b: '1', c: '1' }, { specs });
    const secrets = { 'web/app': { a: '1', b: '1', c: '1' } };
    const without = next(inventory, source, {
      specs: [push('web/app', { data: { A: 'a', B: 'b' }, whenRemoved: 'delete' })],
      secrets,
    });
    expect(await without.round()).toEqual(['web/app pushed -C']);
    const gone = next(without.inventory, source, { specs: [] });
    expect(await gone.round()).toEqual(['web/app removed -A -B']);
    expect(gone.inventory.saved.size).toBe(0);
    expect(source.texts).toEqual({});
  });

  test('stays when its entry is gone and had said `keep`, also while its Secret could not be read', async () => {
    const { source, inventory } = await pushed({ A: '1' }, { specs: all });
    const broken = next(inventory, source, {
      specs: [push('web/app', { whenRemoved: 'keep' })],
      secrets: { 'web/app': 'FORBIDDEN' },
    });
    await broken.round();
    const gone = next(broken.inventory, source, { specs: [] });
    expect(await gone.round()).toEqual(['web/app left']);
    expect(source.texts).toEqual({ A: '1' });
  });

  test('is left alone when somebody else has changed it, or written the same again', async () => {
    const { source, origin, inventory, pushes, report } = await pushed(
      { A: '1', B: '1', C: '1', D: '1' },
      { specs: all },
    );
    source.put('B', 'theirs');
    source.put('C', '1');
    origin.set('web/app', { A: '1', D: '1' });
    report.pushes.splice(0);
    await pushes.push({ resync: false, signal });
    expect(report.pushes).toMatchObject([
      {
        state: 'pushed',
        messages: [expect.stringContaining('B at homelab is not as it was pushed'), expect.stringContaining('C at')],
      },
    ]);
    expect(source.texts).toEqual({ A: '1', B: 'theirs', C: '1', D: '1' });
    expect([...inventory.saved.keys()]).toEqual(['homelab/A', 'homelab/D']);
  });

  test('is never removed when this agent had only found it equal', async () => {
    const source = new MemorySource({ A: '1', B: '1' });
    const { origin, round } = await pushed({ A: '1', B: '1' }, { source, specs: all });
    origin.set('web/app', { A: '1' });
    expect(await round({ approved: true })).toEqual(['web/app pushed']);
    expect(source.texts).toEqual({ A: '1', B: '1' });
  });

  test('is held when it would be too much or all, until a person approves', async () => {
    const { source, origin, round, inventory } = await pushed(
      { A: '1', B: '1', C: '1' },
      { specs: all, hold: { percent: 50 } },
    );
    origin.set('web/app', { A: '1' });
    expect(await round()).toEqual(['web/app held']);
    expect(source.writes).toEqual(['+A', '+B', '+C']);
    const gone = next(inventory, source, { specs: [], hold: { percent: 100 } });
    expect(await gone.round()).toEqual(['web/app held']);
    expect(await gone.round({ approved: true })).toEqual(['web/app removed -A -B -C']);
  });

  test('stays while another Secret that could not be read may still want it', async () => {
    const { source, inventory } = await pushed({ A: '1' }, { specs: all });
    const specs = [push('web2/app', { whenRemoved: 'delete' })];
    const moved = next(inventory, source, { specs, secrets: { 'web2/app': 'ABSENT' } });
    await moved.round({ approved: true });
    expect(source.texts).toEqual({ A: '1' });
    moved.origin.set('web2/app', { A: '2' });
    expect(await moved.round({ resync: false })).toEqual(['web2/app pushed ~A']);
  });

  test('is removed only while it is as it was seen', async () => {
    const { source, origin, round } = await pushed({ A: '1', B: '1' }, { specs: all });
    origin.set('web/app', { A: '1' });
    source.meanwhile = (call) => {
      if (call === 'write') source.put('B', 'theirs');
    };
    expect(await round()).toEqual(['web/app failed']);
    expect(source.texts).toEqual({ A: '1', B: 'theirs' });
    source.meanwhile = () => {};
    expect(await round()).toEqual(['web/app pushed']);
    expect(source.texts).toEqual({ A: '1', B: 'theirs' });
  });
});

describe('an agent that is killed', () => {
  const all = [push('web/app', { whenRemoved: 'delete' })];

  test.each([true, false])(
    'between the write and its memory knows what it has pushed (versions: %s)',
    async (versioned) => {
      const source = new MemorySource({}, { versioned });
      const first = createPushWorld({ specs: all, secrets: { 'web/app': { A: '1', B: '1' } }, source });
      first.inventory.failures.push(undefined, new TargetError('UNAVAILABLE', 'killed'));
      expect(await first.round()).toEqual(['web/app failed']);

      const second = next(first.inventory, source, { specs: all, secrets: { 'web/app': { A: '1', B: '1' } } });
      expect(await second.round()).toEqual(['web/app pushed']);
      expect(source.writes).toEqual(['+A', '+B']);
      second.origin.set('web/app', { A: '2' });
      expect(await second.round()).toEqual(['web/app pushed ~A -B']);
    },
  );

  test('and finds another value in the Secret then, writes it over its own', async () => {
    const source = new MemorySource();
    const first = createPushWorld({ specs: all, secrets: { 'web/app': { A: '1' } }, source });
    first.inventory.failures.push(undefined, new TargetError('UNAVAILABLE', 'killed'));
    await first.round();
    const second = next(first.inventory, source, { specs: all, secrets: { 'web/app': { A: '2' } } });
    expect(await second.round()).toEqual(['web/app pushed ~A']);
  });

  test('and finds its entry gone then, removes what it had written', async () => {
    const source = new MemorySource();
    const first = createPushWorld({ specs: all, secrets: { 'web/app': { A: '1' } }, source });
    first.inventory.failures.push(undefined, new TargetError('UNAVAILABLE', 'killed'));
    await first.round();
    expect(await next(first.inventory, source, { specs: [] }).round()).toEqual(['web/app removed -A']);
  });

  test('before the write has written nothing, and does it then', async () => {
    const source = new MemorySource();
    source.failing = new ProviderError('UNAVAILABLE', 'down');
    const first = createPushWorld({ specs: all, secrets: { 'web/app': { A: '1' } }, source });
    await first.round();
    source.failing = undefined;
    expect(await next(first.inventory, source, { specs: all, secrets: { 'web/app': { A: '1' } } }).round()).toEqual([
      'web/app pushed +A',
    ]);
  });

  test('writes nothing that it could not announce', async () => {
    const source = new MemorySource();
    const { round, inventory } = createPushWorld({ specs: all, secrets: { 'web/app': { A: '1' } }, source });
    inventory.failures.push(new TargetError('UNAVAILABLE', 'no inventory'));
    expect(await round()).toEqual(['web/app failed']);
    expect(source.writes).toEqual([]);
    expect(await round()).toEqual(['web/app pushed +A']);
  });

  test('told to stop before the write, writes nothing', async () => {
    const source = new MemorySource();
    const { round } = createPushWorld({ specs: all, secrets: { 'web/app': { A: '1' } }, source });
    expect(await round({ stopping: AbortSignal.abort() })).toEqual([]);
    expect(source.writes).toEqual([]);
  });
});

describe('a source that fails', () => {
  test('and keeps its answer to itself is read before anything is written again', async () => {
    const source = new MemorySource();
    const { round } = createPushWorld({ specs: [push('web/app')], secrets: { 'web/app': { A: '1' } }, source });
    source.lost = true;
    expect(await round()).toEqual(['web/app failed']);
    source.lost = false;
    expect(await round()).toEqual(['web/app pushed']);
    expect(source.writes).toEqual(['+A']);
  });

  test('for one name fails for that one, which is not ours then', async () => {
    const source = new MemorySource();
    source.refuse = (name) => (name === 'A' ? new ProviderError('FORBIDDEN', 'A is not for you') : undefined);
    const { round, inventory, pushes, report } = createPushWorld({
      specs: [push('web/app')],
      secrets: { 'web/app': { A: '1', B: '1' } },
      source,
    });
    await pushes.push({ resync: true, signal });
    expect(report.pushes).toMatchObject([
      { state: 'failed', keys: 1, changes: { added: ['B'] }, messages: ['A is not for you'] },
    ]);
    expect([...inventory.saved.keys()]).toEqual(['homelab/B']);
    source.refuse = () => undefined;
    report.pushes.splice(0);
    expect(await round()).toEqual(['web/app pushed +A']);
  });

  test('is tried again with growing pauses, and not before it has asked to be', async () => {
    const source = new MemorySource();
    const { round, clock, pushes, origin } = createPushWorld({
      specs: [push('web/app')],
      secrets: { 'web/app': { A: '1' } },
      source,
    });
    const waits = async () => {
      await round({ resync: false });
      return pushes.nextRetryAt - clock.monotonic();
    };
    source.failing = new ProviderError('UNAVAILABLE', 'down');
    expect(await waits()).toBe(1_000);
    await clock.advance(1_000);
    expect(await waits()).toBe(2_000);
    source.failing = new ProviderError('FORBIDDEN', 'no');
    await clock.advance(2_000);
    expect(await waits()).toBeGreaterThanOrEqual(30_000);
    await clock.advance(600_000);
    source.failing = new ProviderError('RATE_LIMITED', 'slow down', { retryAfterMs: 90_000 });
    expect(await waits()).toBe(90_000);
    source.failing = undefined;
    origin.set('web/app', { A: '2' });
    expect(await round({ resync: false })).toEqual([]);
    await clock.advance(90_000);
    expect(await round({ resync: false })).toEqual(['web/app pushed +A']);
    expect(pushes.nextRetryAt).toBe(Infinity);
  });
});

test('a source that never answers is given up after 5 minutes, and asked again by a client of its own', async () => {
  const source = new MemorySource();
  const deaf = { read: () => new Promise<never>(() => {}), write: async () => [] };
  const clients: SecretsClient[] = [source, deaf];
  const connect = async () => clients.pop() ?? source;
  const { round, clock } = createPushWorld({ specs: [push('web/app')], secrets: { 'web/app': { A: '1' } }, connect });
  const given = round();
  await clock.advance(301_000);
  expect(await given).toEqual(['web/app failed']);
  await clock.advance(60_000);
  expect(await round()).toEqual(['web/app pushed +A']);
});

test('a preview says what would be done, and does nothing', async () => {
  const source = new MemorySource({ C: 'theirs' });
  const { pushes, inventory, report } = createPushWorld({
    specs: [push('web/app'), push('web/none')],
    secrets: { 'web/app': { A: '1', C: '1' } },
    source,
  });
  expect(await pushes.preview({ signal })).toMatchObject([
    {
      id: 'web/app → homelab',
      state: 'held',
      changes: { added: ['A'] },
      messages: [expect.stringContaining('another C')],
    },
    { id: 'web/none → homelab', state: 'waiting', messages: ['web/none ABSENT'] },
  ]);
  expect(await pushes.preview({ signal, approved: true })).toMatchObject([{ changes: { changed: ['C'] } }, {}]);
  source.failing = new ProviderError('UNAUTHENTICATED', 'no token');
  expect(await pushes.preview({ signal })).toMatchObject([
    { state: 'failed', messages: ['no token'] },
    { state: 'failed' },
  ]);
  expect({ writes: source.writes, entries: inventory.entries.size, said: saidOf(report) }).toEqual({
    writes: [],
    entries: 0,
    said: [],
  });
});

test('it says which pushes there are, so that what was said of others is over', async () => {
  const { report, round } = createPushWorld({ specs: [push('web/app')], secrets: { 'web/app': { A: '1' } } });
  await round();
  expect([...report.pushedTo]).toEqual([['homelab', new Set(['web/app → homelab'])]]);
});
