import { FakeClock } from '@hikyaku/core/testing';
import { describe, expect, test } from 'vitest';
import { Contests } from './contests.ts';
import { createWorld, everything, half, snapshot, spec } from './engine.test.kit.ts';
import { TargetError } from './target.ts';

const MINUTE = 60_000;
const all = { bulk: [everything('homelab')] };

function contests() {
  const clock = new FakeClock();
  return { clock, contests: new Contests({ clock, random: half }) };
}

describe('a contest', () => {
  test('begins with the third repair within an hour', async () => {
    const { clock, contests: some } = contests();
    some.lost('web/app');
    some.lost('web/app');
    await clock.advance(61 * MINUTE);
    some.lost('web/app');
    some.lost('web/app');
    expect(some.has('web/app')).toBe(false);
    some.lost('web/app');
    expect(some.has('web/app')).toBe(true);
  });

  test('is waited out longer and longer, ten minutes at the most', async () => {
    const { clock, contests: some } = contests();
    some.lost('web/app');
    some.lost('web/app');
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      some.lost('web/app');
      const now = clock.monotonic();
      waits.push(some.nextAt - now);
      await clock.advance(some.nextAt - now);
      some.wake();
      expect(some.waits('web/app')).toBe(false);
      expect(some.nextAt).toBe(Infinity);
    }
    expect(waits.map((ms) => ms / MINUTE)).toEqual([0.5, 1, 2, 4, 8, 10, 10, 10]);
  });

  test('that is slow becomes no faster', async () => {
    const { clock, contests: some } = contests();
    for (let i = 0; i < 3; i++) {
      await clock.advance(8 * MINUTE);
      some.lost('web/app');
    }
    expect(some.nextAt - clock.monotonic()).toBe(8 * MINUTE);
  });
});

describe('a Secret that somebody else changes again and again', () => {
  /** Somebody who is as quick as a watch, and an agent that is told at once; how often the agent wrote. */
  async function contest(world: ReturnType<typeof createWorld>, minutes: number): Promise<number> {
    const before = world.target.calls.length;
    for (let second = 0; second < minutes * 60; second++) {
      world.target.tamper('web/app', 'A', `evil ${second}`);
      await world.reconcile({ resync: true });
      await world.clock.advance(1_000);
    }
    return world.target.calls.length - before;
  }

  async function contestedWorld(more = {}) {
    const world = createWorld({ specs: [spec('web/app', all)], ...more });
    await world.refresh();
    await world.reconcile();
    return world;
  }

  test('is put right a few times, and then only now and then', async () => {
    const world = await contestedWorld();
    expect(await contest(world, 60)).toBe(3 + 4 + 5);
    expect(await contest(world, 60)).toBe(6);
  });

  test('is said to be contested, and how to find out by whom', async () => {
    const world = await contestedWorld();
    await contest(world, 1);
    world.target.tamper('web/app', 'A', 'evil');
    await world.clock.advance(MINUTE);
    const said = await world.reconcile();
    expect(said).toEqual(['web/app contested repaired']);
    world.target.tamper('web/app', 'A', 'evil');
    expect(await world.reconcile({ resync: true })).toEqual([]);
  });

  test('names the others where they could be seen', async () => {
    const world = await contestedWorld();
    const put = world.target.put.bind(world.target);
    world.target.put = async (...args) => ({ ...(await put(...args)), others: ['kustomize-controller'] });
    const messages: string[] = [];
    world.report.secret = (record) => void messages.push(...record.messages);
    await contest(world, 2);
    expect(new Set(messages)).toEqual(
      new Set([
        'somebody else keeps changing Secret web/app: it is put right only now and then, every 10 minutes at the most; take it out of there, or out of the config; it is managed by kustomize-controller as well',
      ]),
    );
  });

  test('is well again by itself when the other stops', async () => {
    const world = await contestedWorld();
    await contest(world, 1);
    world.report.said();
    while (world.reconciler.nextRetryAt !== Infinity) {
      await world.clock.advance(world.reconciler.nextRetryAt - world.clock.monotonic());
      await world.reconciler.reconcile({ resync: false, signal: new AbortController().signal });
    }
    expect(world.report.secrets.map(({ state, outcome }) => `${state} ${outcome}`)).toEqual([
      'contested repaired',
      'synced unchanged',
    ]);
    expect(world.live('web/app')).toEqual({ A: '1' });
  });

  test('gets what its sources say now at once', async () => {
    const world = await contestedWorld();
    await contest(world, 1);
    await world.refresh(snapshot({ A: '2' }));
    expect(await world.reconcile()).toEqual(['web/app contested repaired']);
    expect(world.live('web/app')).toEqual({ A: '2' });
  });

  test('that keeps its last good data is put right only now and then, too', async () => {
    const world = await contestedWorld({
      specs: [spec('web/app', { items: { A: { source: 'homelab', ref: { name: 'A' }, optional: false } } })],
    });
    await world.refresh(snapshot({}));
    expect(await contest(world, 60)).toBeLessThanOrEqual(3 + 4 + 5);
    expect(world.report.secrets.at(-1)?.state ?? 'kept').toBe('kept');
  });

  test('whose every write loses a race is contested', async () => {
    const world = await contestedWorld();
    world.target.fail = () => new TargetError('CONFLICT', 'somebody else keeps changing it');
    const states: string[] = [];
    for (let i = 0; i < 4; i++) {
      states.push(...(await world.reconcile({ resync: true })));
      await world.clock.advance(1_000);
    }
    expect(states).toEqual(['web/app failed', 'web/app failed', 'web/app contested']);
  });

  test('is no contest where the other writes the same', async () => {
    const world = await contestedWorld();
    for (let i = 0; i < 20; i++) {
      world.target.tamper('web/app', 'A', '1');
      await world.reconcile({ resync: true });
    }
    expect(world.report.secrets).toEqual([]);
    world.target.tamper('web/app', 'A', 'evil');
    expect(await world.reconcile({ resync: true })).toEqual(['web/app synced repaired']);
  });

  test('does not keep the others waiting', async () => {
    const world = await contestedWorld({ specs: [spec('web/app', all), spec('web/other', all)] });
    await contest(world, 1);
    world.target.tamper('web/other', 'A', 'evil');
    await world.reconcile({ resync: true });
    expect(world.live('web/other')).toEqual({ A: '1' });
  });
});
