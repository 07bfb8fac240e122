import { setTimeout as delay } from 'node:timers/promises';
import type { Snapshot } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import { afterEach, expect, test } from 'vitest';
import { codes, many, settled, slidingBudget, stored, texts, World } from './sakura.test.kit.ts';

let world: World;
afterEach(() => world[Symbol.asyncDispose]());

test('every attempt takes from the budget of the account, which is not the key', async () => {
  const clock = new FakeClock();
  world = await World.start({ clock });
  const { read, context } = await world.connect({ config: { requestsPerMinute: 7 } });
  world.fake.fail({ kind: 'status', status: 503 });
  await settled(read(), clock);
  expect(context.budgets).toHaveLength(4);
  expect(new Set(context.budgets).size).toBe(1);
  expect(context.budgets[0]).toMatch(/^[\w-]{22} 7$/);
  const other = await world.connect({ config: { vault: world.fake.addVault() } });
  await other.read();
  expect(other.context.budgets[0]?.split(' ')[0]).toBe(context.budgets[0]?.split(' ')[0]);
  expect(context.budgets.join(' ')).not.toContain(world.key.accessToken);
});

test('a first sync of 100 secrets is paced, hands over what it has, and is seen in the log', async () => {
  const clock = new FakeClock();
  world = await World.start({ clock, secrets: many(100) });
  const { read, partials, context } = await world.connect({ budget: slidingBudget(clock) });
  const start = clock.now();
  const snapshot = await settled(read(), clock);
  expect(snapshot).toMatchObject({ secrets: { size: 100 } });
  expect(clock.now() - start).toBeGreaterThanOrEqual(60_000);
  expect(clock.now() - start).toBeLessThan(75_000);
  expect(world.fake.counters).toMatchObject({ requests: 101, throttled: 0 });

  expect(partials).toHaveLength(99);
  for (const partial of partials) {
    const pending = Object.values(codes(partial));
    expect(partial.secrets.size + pending.length).toBe(100);
    expect(new Set(pending)).toEqual(new Set(['PENDING']));
  }
  const lines = context.logged.filter(({ level }) => level === 'info');
  expect(new Set(lines.map(({ message }) => message))).toEqual(new Set(['reading secrets']));
  expect(lines.map(({ fields }) => fields)).toEqual([
    { done: 0, total: 100 },
    { done: expect.any(Number), total: 100 },
  ]);
});

test('killed in the middle of a first sync, another client goes on where it was', async () => {
  const clock = new FakeClock();
  world = await World.start({ clock, secrets: many(100) });
  const kill = new AbortController();
  const before = await world.connect({ budget: slidingBudget(clock) });
  const killed = before.read({ signal: kill.signal }).catch((error: unknown) => error);
  while (world.fake.counters.requests < 60) await delay(5);
  await clock.advance(1000);
  kill.abort(new Error('killed'));
  expect(await killed).toBe(kill.signal.reason);
  const last = before.partials.at(-1);
  expect(last?.secrets.size).toBe(59);

  await clock.advance(60_000);
  world.fake.resetCounters();
  const after = await world.connect({ budget: slidingBudget(clock) });
  const snapshot = await settled(after.read({ ...(last && { previous: stored(last) }) }), clock);
  expect(snapshot).toMatchObject({ secrets: { size: 100 } });
  expect(world.fake.counters).toMatchObject({ lists: 1, unveils: 41 });
});

test.each([true, false])(
  'throttled in the middle (retry-after: %s), what was read stays and the next read goes on',
  async (retryAfter) => {
    const clock = new FakeClock();
    // Somebody else uses the key, too: the budget lets through what the contract has no room for.
    world = await World.start({ clock, secrets: many(40), perMinute: 30, retryAfter });
    const { read } = await world.connect();
    const first = (await settled(read(), clock)) as Snapshot;
    expect(first.secrets.size).toBe(29);
    expect(first.unknown?.size).toBe(11);
    const [limited, ...rest] = Object.values(codes(first));
    expect(limited).toBe('RATE_LIMITED');
    expect(new Set(rest)).toEqual(new Set(['PENDING']));
    expect((first.unknown?.get('S29')?.retryAfterMs ?? 0) > 10_000).toBe(retryAfter);

    await clock.advance(60_000);
    world.fake.resetCounters();
    expect(texts((await settled(read({ previous: first }), clock)) as Snapshot)).toEqual(many(40));
    expect(world.fake.counters).toMatchObject({ lists: 1, unveils: 11, throttled: 0 });
  },
);

test('ten minutes with three sources of one key: the quota is never exceeded, and all is read', async () => {
  const clock = new FakeClock();
  world = await World.start({ clock, secrets: many(100), secretLimit: 300 });
  const vaults = [world.vault, ...[1, 2].map(() => world.fake.addVault({ secrets: many(100) }))];
  const stop = new AbortController();
  const latest = new Map<string, Snapshot>();

  const limited = slidingBudget(clock);
  let letThrough = 0;
  async function budget(...asked: Parameters<typeof limited>): Promise<void> {
    await limited(...asked);
    letThrough++;
  }

  async function follow(vault: string): Promise<void> {
    const { read } = await world.connect({ config: { vault }, budget });
    for (;;) {
      const previous = latest.get(vault);
      const snapshot = await read({ signal: stop.signal, ...(previous && { previous }) });
      latest.set(vault, snapshot);
      await clock.sleep(60_000, { signal: stop.signal });
    }
  }
  const sources = vaults.map((vault) => follow(vault).catch((error: unknown) => error));

  const start = clock.now();
  const end = start + 600_000;
  let change = 0;
  while (clock.now() < end) {
    if (change < (clock.now() - start) / 20_000) {
      for (const vault of vaults) world.fake.set(vault, `S${change}`, `changed ${change}`);
      change++;
    }
    await clock.advance(250);
    do await delay(1);
    while (world.fake.requests.length < letThrough);
  }
  stop.abort(new Error('ten minutes are over'));
  expect(await Promise.all(sources)).toEqual(vaults.map(() => stop.signal.reason));

  const { busiestMinute, throttled, unveils } = world.fake.counters;
  // What is let through arrives up to one step of the clock later, so that a few more may fall into a minute.
  expect(busiestMinute).toBeLessThanOrEqual(70);
  expect(throttled).toBe(0);
  expect(unveils).toBeGreaterThanOrEqual(300);
  for (const vault of vaults) expect(latest.get(vault)?.secrets.size).toBe(100);
  expect(texts(latest.get(world.vault) ?? { secrets: new Map() })).toMatchObject({
    S0: 'changed 0',
    S20: 'changed 20',
  });
}, 30_000);
