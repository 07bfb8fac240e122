import { describe, expect, test } from 'vitest';
import { createWorld, entryOf, everything, item, signal, snapshot, spec } from './engine.test.kit.ts';
import { Engine } from './engine.ts';
import { ResyncPace } from './resync-pace.ts';

const SECOND = 1_000;
const RESYNC_MS = 600 * SECOND;
const all = { bulk: [everything('homelab')] };

function valuesOf(count: number): Readonly<Record<string, string>> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`K${index}`, '1']));
}

/** `count` Secrets with a value of their own each, put once. */
async function withEngine(
  count: number,
  resyncMs: number,
  body: (world: ReturnType<typeof createWorld>) => Promise<void>,
) {
  const values = valuesOf(count);
  const specs = Object.keys(values).map((key) =>
    spec(`web/${key.toLowerCase()}`, { items: { A: item('homelab', key) } }),
  );
  const world = createWorld({ specs, answer: snapshot(values) });
  const stop = new AbortController();
  const ended = new Engine({ ...world, resyncMs }).run({ signal: stop.signal });
  try {
    await world.clock.advance(0);
    expect(world.target.calls).toHaveLength(count);
    world.target.calls.length = 0;
    await body(world);
  } finally {
    stop.abort();
    await ended;
  }
}

describe('a resync', () => {
  test('of 1,000 Secrets is 20 of them in each second, each once, and done after 50 s', async () => {
    await withEngine(1_000, RESYNC_MS, async ({ clock, target }) => {
      const perSecond: number[] = [];
      for (let second = 0; second < (RESYNC_MS / SECOND) * 1.1 + 50; second++) {
        const before = target.calls.length;
        await clock.advance(SECOND);
        perSecond.push(target.calls.length - before);
      }
      expect(Math.max(...perSecond)).toBeLessThanOrEqual(20);
      expect(perSecond.filter((count) => count > 0)).toHaveLength(50);
      expect(new Set(target.calls).size).toBe(1_000);
      expect(target.calls).toHaveLength(1_000);
    });
  });

  test('that is under way does not keep a changed value waiting', async () => {
    await withEngine(1_000, RESYNC_MS, async (world) => {
      const { clock, client, target } = world;
      while (target.calls.length === 0) await clock.advance(SECOND);
      const waiting = 'web/k999';
      client.answer = snapshot({ ...valuesOf(1_000), K999: '2' });
      const before = target.calls.length;
      // The source is read once a minute, give or take.
      while (world.live(waiting)?.['A'] !== '2') await clock.advance(100);
      const last = target.calls.lastIndexOf(`put ${waiting}`);
      expect(last).toBeGreaterThanOrEqual(before);
      expect(target.calls.length - last).toBeLessThanOrEqual(21);
    });
  });

  test('takes half of a short interval at the most', async () => {
    await withEngine(200, 2 * SECOND, async ({ clock, target }) => {
      await clock.advance(1_799);
      expect(target.calls).toEqual([]);
      await clock.advance(401 + SECOND);
      expect(new Set(target.calls).size).toBe(200);
    });
  });

  test('of a few Secrets is over at once', async () => {
    await withEngine(20, RESYNC_MS, async ({ clock, target }) => {
      while (target.calls.length === 0) await clock.advance(SECOND);
      expect(target.calls).toHaveLength(20);
    });
  });

  test('looks into the inventory every ten seconds while it goes on', async () => {
    await withEngine(1_000, RESYNC_MS, async ({ clock, target, inventory }) => {
      while (target.calls.length === 0) await clock.advance(SECOND);
      expect(inventory.reloads).toBe(1);
      await clock.advance(60 * SECOND);
      expect(target.calls).toHaveLength(1_000);
      expect(inventory.reloads).toBe(5);
    });
  });
});

test('a resync that begins anew starts over', () => {
  const pace = new ResyncPace();
  const ids = Array.from({ length: 30 }, (_, index) => `web/${index}`);
  pace.begin(ids, { now: 0, withinMs: 60_000 });
  expect([...pace.take(0)]).toEqual(ids.slice(0, 20));
  expect([...pace.take(SECOND - 1)]).toEqual([]);
  pace.begin(ids.slice(5), { now: SECOND, withinMs: 60_000 });
  expect([...pace.take(SECOND)]).toEqual(ids.slice(5, 25));
  expect([...pace.take(2 * SECOND)]).toEqual(ids.slice(25));
  expect(pace.nextAt).toBe(Infinity);
});

describe('what somebody has changed', () => {
  test('is put right from the last good data, though a key is gone at the source', async () => {
    const world = createWorld({ specs: [spec('web/app', { items: { A: item('homelab', 'A') } })] });
    await world.refresh();
    await world.reconcile();
    await world.refresh(snapshot({}));
    await world.reconcile();
    world.target.tamper('web/app', 'A', 'evil');
    expect(world.reconciler.putAgain(['web/app'])).toBe(true);
    expect(await world.reconcile()).toEqual(['web/app kept repaired']);
    expect(world.live('web/app')).toEqual({ A: '1' });
    expect(await world.reconcile()).toEqual(['web/app kept']);
  });

  test('is left as it is where it was another agent with newer data', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    await world.refresh();
    await world.reconcile();
    world.target.tamper('web/app', 'A', '2');
    world.inventory.saved.set('web/app', entryOf('web/app', { A: '2' }));
    world.reconciler.putAgain(['web/app']);
    expect(await world.reconcile()).toEqual([]);
    expect(world.live('web/app')).toEqual({ A: '2' });
  });

  test('wakes nobody while it is contested', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    await world.refresh();
    await world.reconcile();
    const woken: boolean[] = [];
    for (let round = 0; round < 5; round++) {
      world.target.tamper('web/app', 'A', `evil ${round}`);
      woken.push(world.reconciler.putAgain(['web/app']));
      await world.reconciler.reconcile({ resync: false, signal });
    }
    expect(woken).toEqual([true, true, true, false, false]);
  });
});
