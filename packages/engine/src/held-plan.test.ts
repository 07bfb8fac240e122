import { ProviderError } from '@hikyaku/core';
import { describe, expect, test } from 'vitest';
import { createWorld, entryOf, everything, item, signal, snapshot, spec } from './engine.test.kit.ts';
import type { WorldOptions } from './engine.test.kit.ts';
import type { HeldPlan, HoldScope } from './held-plan.ts';
import { createPushWorld, MemoryPushInventory, MemorySource, push } from './push.test.kit.ts';
import type { PushWorldOptions } from './push.test.kit.ts';
import { TargetError } from './target.ts';

const all = { bulk: [everything('homelab')] };
const holds = { lostSecrets: { percent: 50 }, lostKeys: new Map([['homelab', { percent: 50 }]]) };
const full = snapshot({ A: '1', B: '2', C: '3' });
const shrunk = snapshot({ A: '1' });

/** A Secret that holds everything, and a source that has then lost most of it. */
async function held(more: Partial<WorldOptions> = {}) {
  const world = createWorld({ specs: [spec('web/app', all)], answer: full, holds, ...more });
  await world.refresh();
  await world.reconcile();
  await world.refresh(shrunk);
  await world.reconcile();
  const plan = (scope: HoldScope = 'source:homelab') => planOf(world.report.holds.get('secrets'), scope);
  return {
    ...world,
    plan,
    approve: async (digest = plan().digest, scope: HoldScope = 'source:homelab') => {
      const outcome = world.reconciler.approve({ scope, digest });
      const said = await world.reconcile();
      return [await outcome, ...said];
    },
  };
}

function planOf(plans: readonly HeldPlan[] = [], scope: HoldScope): HeldPlan {
  const plan = plans.find((one) => one.scope === scope);
  if (plan === undefined) throw new Error(`nothing is held of ${scope}`);
  return plan;
}

describe('what is held', () => {
  test('is told by source, with the keys of each Secret', async () => {
    const { plan } = await held({
      specs: [spec('web/b', all), spec('web/a', all), spec('web/keeps', { items: { a: item('homelab', 'A') } })],
    });
    expect(plan()).toEqual({
      scope: 'source:homelab',
      digest: expect.stringMatching(/^[0-9a-f]{32}$/),
      messages: ['4 of 7 keys from homelab would go'],
      changes: [
        { id: 'web/a', removed: ['B', 'C'] },
        { id: 'web/b', removed: ['B', 'C'] },
      ],
    });
  });

  test('of the config is whole Secrets', async () => {
    const entries = [entryOf('web/a', { A: '1' }), entryOf('web/b', { A: '1' })];
    const world = createWorld({ specs: [], entries, holds });
    await world.reconcile();
    expect(world.report.holds.get('secrets')).toMatchObject([
      {
        scope: 'config',
        changes: [
          { id: 'web/a', removed: ['A'], deleted: true },
          { id: 'web/b', removed: ['A'], deleted: true },
        ],
      },
    ]);
  });

  test('is the same plan after a restart, and another one when another key would go', async () => {
    const before = await held();
    const { digest } = before.plan();
    const next = createWorld({
      specs: [spec('web/app', all)],
      entries: [...before.inventory.saved.values()],
      answer: shrunk,
      holds,
    });
    await next.refresh();
    await next.reconcile();
    expect(planOf(next.report.holds.get('secrets'), 'source:homelab').digest).toBe(digest);
    await next.refresh(snapshot({ B: '2' }));
    await next.reconcile();
    expect(planOf(next.report.holds.get('secrets'), 'source:homelab').digest).not.toBe(digest);
  });

  test('is nothing once the source has everything back', async () => {
    const world = await held();
    await world.refresh(full);
    await world.reconcile();
    expect(world.report.holds.get('secrets')).toEqual([]);
  });

  test('a Secret that would be empty is a matter of its source, also where holds are off', async () => {
    const world = await held({
      holds: { lostSecrets: 'off', lostKeys: new Map([['homelab', 'off']]) },
    });
    await world.refresh(snapshot({}));
    await world.reconcile();
    expect(world.report.holds.get('secrets')).toMatchObject([
      { scope: 'source:homelab', changes: [{ id: 'web/app', removed: ['A'] }] },
    ]);
  });
});

describe('an approval', () => {
  test('lets exactly the plan go that it names', async () => {
    const world = await held();
    expect(await world.approve()).toEqual(['given', 'web/app synced updated']);
    expect(world.live('web/app')).toEqual({ A: '1' });
    expect(world.report.holds.get('secrets')).toEqual([]);
  });

  test('of another plan lets nothing go', async () => {
    const world = await held();
    const { digest } = world.plan();
    await world.refresh(snapshot({ B: '2' }));
    expect(await world.approve(digest)).toEqual(['changed', 'web/app held']);
    expect(world.live('web/app')).toEqual({ A: '1', B: '2', C: '3' });
  });

  test('of what has recovered lets nothing go, now or later', async () => {
    const world = await held();
    const { digest } = world.plan();
    await world.refresh(full);
    expect((await world.approve(digest))[0]).toBe('over');
    await world.refresh(shrunk);
    expect(await world.reconcile()).toEqual(['web/app held']);
  });

  test('is used up: when the same is lost again, it is held again', async () => {
    const world = await held();
    await world.approve();
    await world.refresh(full);
    await world.reconcile();
    await world.refresh(shrunk);
    expect(await world.reconcile()).toEqual(['web/app held']);
  });

  test('of one source lets nothing go of the config', async () => {
    const world = await held({ entries: [entryOf('web/old', { X: '1' }), entryOf('web/older', { X: '1' })] });
    expect(await world.approve()).toEqual(['given', 'web/app synced updated', 'web/old held', 'web/older held']);
    expect(await world.approve(world.plan('config').digest, 'config')).toEqual([
      'given',
      'web/old removed absent',
      'web/older removed absent',
    ]);
  });

  test('counts for what could not be deleted at once, until it is', async () => {
    const entries = [entryOf('web/a', { A: '1' }), entryOf('web/b', { A: '1' })];
    const world = createWorld({ specs: [], entries, holds });
    await world.reconcile();
    const { digest } = planOf(world.report.holds.get('secrets'), 'config');
    const outcome = world.reconciler.approve({ scope: 'config', digest });
    world.target.fail = (call) => (call.includes('web/a') ? new TargetError('UNAVAILABLE', 'no answer') : undefined);
    expect(await world.reconcile()).toEqual(['web/a failed', 'web/b removed absent']);
    expect(await outcome).toBe('given');
    world.target.fail = () => undefined;
    await world.clock.advance(120_000);
    expect(await world.reconcile()).toEqual(['web/a removed absent']);
  });

  test('does not wait for the turn of what failed while it was held', async () => {
    const world = await held();
    world.target.fail = () => new TargetError('NOT_GRANTED', 'no');
    world.target.tamper('web/app', 'A', 'evil');
    expect(await world.reconcile({ resync: true })).toEqual(['web/app refused']);
    world.target.fail = () => undefined;
    expect(await world.approve()).toEqual(['given', expect.stringMatching(/^web\/app synced/)]);
    expect(world.live('web/app')).toEqual({ A: '1' });
  });

  test('that was given before the inventory could be written holds after a crash: nothing has gone', async () => {
    const world = await held();
    const outcome = world.reconciler.approve({ scope: 'source:homelab', digest: world.plan().digest });
    world.inventory.failures.push(new TargetError('UNAVAILABLE', 'no answer'));
    await world.reconcile();
    expect(await outcome).toBe('given');
    const next = createWorld({
      specs: [spec('web/app', all)],
      entries: [...world.inventory.saved.values()],
      answer: shrunk,
      holds,
    });
    await next.refresh();
    expect(await next.reconcile()).toEqual(['web/app held']);
  });
});

describe('pushes', () => {
  const specs = [push('web/app')];

  function world(source: MemorySource, more: Partial<PushWorldOptions> = {}) {
    const made = createPushWorld({ specs, secrets: { 'web/app': { A: '1', B: '2' } }, source, ...more });
    return {
      ...made,
      plan: () => planOf(made.report.holds.get('push:homelab'), 'push:homelab'),
      approve: async (digest: string) => {
        const outcome = made.pushes.approve({ scope: 'push:homelab', digest });
        const said = await made.round({ resync: false });
        return [await outcome, ...said];
      },
    };
  }

  test('the values of somebody else are written over by an approval that names them', async () => {
    const source = new MemorySource({ A: 'theirs' });
    const { round, plan, approve } = world(source);
    expect(await round()).toEqual(['web/app held +B']);
    expect(plan()).toMatchObject({ changes: [{ id: 'web/app → homelab', removed: [], overwritten: ['A'] }] });
    expect(await approve(plan().digest)).toEqual(['given', 'web/app pushed ~A']);
    source.put('A', 'theirs');
    expect(await round()).toEqual(['web/app held']);
  });

  test('an approval ends when what it names was written, so that what is said by then is true', async () => {
    const source = new MemorySource({ A: 'theirs' }, { versioned: false });
    const { round, plan, pushes, report } = world(source);
    await round();
    const outcome = pushes.approve({ scope: 'push:homelab', digest: plan().digest });
    void pushes.push({ resync: false, signal });
    expect(await outcome).toBe('given');
    expect(report.pushes.at(-1)).toMatchObject({ state: 'pushed' });
    expect(source.texts).toMatchObject({ A: '1' });
  });

  test('an approval whose round has no end ends with the config', async () => {
    const source = new MemorySource({ A: 'theirs' });
    const { round, plan, pushes } = world(source);
    await round();
    const written = Promise.withResolvers<void>();
    source.write = async () => {
      written.resolve();
      return await new Promise(() => {});
    };
    const outcome = pushes.approve({ scope: 'push:homelab', digest: plan().digest });
    void pushes.push({ resync: false, signal });
    await written.promise;
    await pushes[Symbol.asyncDispose]();
    expect(await outcome).toBe('given');
  });

  test('not those that have changed since it was given', async () => {
    const source = new MemorySource({ A: 'theirs' });
    const { round, plan, approve } = world(source);
    await round();
    const { digest } = plan();
    source.put('A', 'theirs, later');
    expect(await approve(digest)).toEqual(['changed', 'web/app held']);
    expect(source.texts).toMatchObject({ A: 'theirs, later' });
  });

  test('what would be removed goes by an approval', async () => {
    const source = new MemorySource();
    const inventory = new MemoryPushInventory();
    const once = [push('web/app', { whenRemoved: 'delete' })];
    await world(source, { specs: once, inventory }).round();
    const gone = world(source, { specs: [], inventory, hold: { percent: 50 } });
    expect(await gone.round()).toEqual(['web/app held']);
    expect(await gone.approve(gone.plan().digest)).toEqual(['given', 'web/app removed -A -B']);
    expect(source.texts).toEqual({});
  });

  test('an approval that cannot be looked at is not kept for later', async () => {
    const source = new MemorySource({ A: 'theirs' });
    const { round, plan, approve } = world(source);
    await round();
    source.failing = new ProviderError('UNAVAILABLE', 'no answer');
    expect(await approve(plan().digest)).toEqual(['failed', 'web/app failed']);
    source.failing = undefined;
    expect(await round()).toEqual(['web/app held']);
  });

  test('an approval that nobody looks at any more, as the config has changed, has an end', async () => {
    const source = new MemorySource({ A: 'theirs' });
    const { round, plan, pushes } = world(source);
    await round();
    const outcome = pushes.approve({ scope: 'push:homelab', digest: plan().digest });
    await pushes[Symbol.asyncDispose]();
    expect(await outcome).toBe('failed');
    expect(source.texts).toMatchObject({ A: 'theirs' });
  });
});
