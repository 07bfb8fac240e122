import { ProviderError } from '@hikyaku/core';
import type { CallOptions, SecretsClient, Snapshot } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import { describe, expect, test } from 'vitest';
import {
  createWorld,
  everything,
  half,
  MemoryClient,
  MemoryReport,
  NO_HOLDS,
  signal,
  snapshot,
  sourceOf,
  spec,
} from './engine.test.kit.ts';
import { Engine } from './engine.ts';
import type { EngineOptions, EngineUpdate } from './engine.ts';
import { createPushWorld, push } from './push.test.kit.ts';
import { refreshAll } from './report-source.ts';
import { TargetError } from './target.ts';

const all = { bulk: [everything('homelab')] };

type World = ReturnType<typeof createWorld>;

async function running(world: World, body: () => Promise<void>, more: Partial<EngineOptions> = {}): Promise<void> {
  const stop = new AbortController();
  const options = { resyncMs: 600_000, ...world, ...more };
  const ended = new Engine(options).run({ signal: stop.signal });
  try {
    await world.clock.advance(0);
    await body();
  } finally {
    stop.abort();
    await ended;
  }
}

describe('an engine', () => {
  test('reads and writes at once, then every source on its interval', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    await running(world, async () => {
      expect(world.report.said()).toEqual(['web/app synced created']);
      expect(world.report.sources).toMatchObject([{ source: 'homelab', ok: true, secrets: 1, nextMs: 60_000 }]);
      await world.clock.advance(59_999);
      expect(world.client.reads).toBe(1);
      world.client.answer = snapshot({ A: '2' });
      await world.clock.advance(1);
      expect(world.client.reads).toBe(2);
      expect(world.report.said()).toEqual(['web/app synced updated']);
      await world.clock.advance(180_000);
      expect(world.client.reads).toBe(5);
      expect(world.target.calls).toHaveLength(2);
    });
  });

  test('says of each read how long it took and whether it brought anything, and how long each round took', async () => {
    const rounds: number[] = [];
    const world = createWorld({ specs: [spec('web/app', all)] });
    const report = Object.assign(world.report, { reconciled: (ms: number) => rounds.push(ms) });
    await running(world, async () => {
      await world.clock.advance(60_000);
      expect(report.sources.map(({ read }) => read)).toEqual([
        { ms: 0, changed: true },
        { ms: 0, changed: false },
      ]);
      expect(rounds.length).toBeGreaterThanOrEqual(2);
    });
  });

  test('a resync puts every Secret again, within a tenth of its time', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    await running(world, async () => {
      await world.clock.advance(539_000);
      world.target.tamper('web/app', 'A', 'evil');
      expect(world.target.calls).toHaveLength(1);
      await world.clock.advance(122_000);
      expect(world.live('web/app')).toEqual({ A: '1' });
      expect(world.target.calls).toHaveLength(2);
    });
  });

  test('what failed is tried again by itself', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    world.target.fail = () => new TargetError('UNAVAILABLE', 'no answer');
    await running(world, async () => {
      await world.clock.advance(3_500);
      // After 1 s and after 2 s more.
      expect(world.target.calls).toHaveLength(3);
      world.target.fail = () => undefined;
      await world.clock.advance(4_000);
      expect(world.live('web/app')).toEqual({ A: '1' });
    });
  });

  test('a source that is down backs off, and its Secrets wait', async () => {
    const world = createWorld({ specs: [spec('web/app', all)], answer: new ProviderError('UNAVAILABLE', 'down') });
    await running(world, async () => {
      await world.clock.advance(7_000);
      expect(world.client.reads).toBe(4);
      expect(world.target.calls).toEqual([]);
      world.client.answer = snapshot({ A: '1' });
      await world.clock.advance(8_000);
      expect(world.live('web/app')).toEqual({ A: '1' });
    });
  });

  test('a source that hangs does not delay another, and does not keep it from stopping', async () => {
    const hanging: SecretsClient = {
      read: ({ signal: until }) =>
        new Promise((_, reject) => until.addEventListener('abort', () => reject(new Error('aborted')))),
    };
    const world = createWorld({ specs: [spec('web/app', all), spec('web/other', { bulk: [everything('slow')] })] });
    world.sources.set('slow', sourceOf(hanging, { name: 'slow', clock: world.clock }));
    await running(world, async () => {
      expect(world.live('web/app')).toEqual({ A: '1' });
      await world.clock.advance(60_000);
      expect(world.client.reads).toBe(2);
    });
  });

  test('a partial answer is used while the read goes on', async () => {
    const world = createWorld({ specs: [spec('web/app', { bulk: [everything('slow')] })] });
    const partial: SecretsClient = {
      read: (request) => {
        const { signal: until } = request;
        request.progress(snapshot({ A: 'early' }));
        return new Promise((_, reject) => until.addEventListener('abort', () => reject(new Error('aborted'))));
      },
    };
    world.sources.set('slow', sourceOf(partial, { name: 'slow', clock: world.clock }));
    await running(world, async () => {
      expect(world.live('web/app')).toEqual({ A: 'early' });
    });
  });

  test('a namespace that appears is noticed at once, by one watch', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    let watches = 0;
    let appear = () => {};
    const appeared = new Promise<void>((resolve) => (appear = resolve));
    async function* namespaces(): AsyncIterable<string> {
      watches++;
      yield 'default';
      await appeared;
      yield 'web';
    }
    world.target.fail = () => new TargetError('NAMESPACE_MISSING', 'no such namespace');
    await running(
      world,
      async () => {
        expect(world.report.said()).toEqual(['web/app waiting']);
        world.target.fail = () => undefined;
        appear();
        await world.clock.advance(0);
        await world.clock.advance(0);
        expect(world.live('web/app')).toEqual({ A: '1' });
        expect(watches).toBe(1);
      },
      { target: Object.assign(world.target, { namespaces }) },
    );
  });

  test('with no source at all what left the config still goes', async () => {
    const world = createWorld({
      specs: [],
      entries: [{ id: 'web/gone', keys: new Map(), existing: 'refuse', whenRemoved: 'delete' }],
    });
    world.sources.clear();
    await running(world, async () => {
      expect(world.target.calls).toEqual(['remove web/gone']);
    });
  });

  test('stopping finishes what is being written', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    const stop = new AbortController();
    let finish = () => {};
    world.target.during = () => new Promise<void>((resolve) => (finish = resolve));
    const ended = new Engine({ resyncMs: 600_000, ...world }).run({ signal: stop.signal });
    await world.clock.advance(0);
    stop.abort();
    await world.clock.advance(0);
    finish();
    await ended;
    expect(world.inventory.saved.get('web/app')?.uid).toBe('uid-web/app');
  });

  test('stopping waits no longer than its grace', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    const stop = new AbortController();
    world.target.during = (_, { signal: cut }) =>
      new Promise<void>((_resolve, reject) => cut.addEventListener('abort', () => reject(new Error('cut'))));
    const ended = new Engine({ resyncMs: 600_000, graceMs: 20, ...world }).run({ signal: stop.signal });
    await world.clock.advance(0);
    stop.abort();
    await ended;
    expect(world.target.calls).toEqual(['put web/app']);
    // It may have been written: what was announced stays.
    expect(world.inventory.saved.has('web/app')).toBe(true);
  });

  test('a bug in one loop ends all of them', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    world.target.fail = () => new TypeError('bug');
    const ended = new Engine({ resyncMs: 600_000, ...world }).run({ signal });
    await Promise.all([expect(ended).rejects.toThrow('bug'), world.clock.advance(0)]);
    expect(world.clock.sleeping).toBe(0);
  });
});

test('refreshAll reads every source once, and says how it went', async () => {
  const clock = new FakeClock();
  const good = new MemoryClient(snapshot({ A: '1', B: '2' }));
  const bad = new MemoryClient(new ProviderError('FORBIDDEN', 'no'));
  const report = new MemoryReport();
  const sources = new Map([
    ['good', sourceOf(good, { name: 'good', clock, random: half })],
    ['bad', sourceOf(bad, { name: 'bad', clock, random: half })],
  ]);
  await refreshAll({ sources, report }, { signal });
  expect(report.sources).toEqual([
    { source: 'good', ok: true, secrets: 2 },
    { source: 'bad', ok: false, error: bad.answer },
  ]);
  expect([good.reads, bad.reads]).toEqual([1, 1]);
});

describe('a source that can be watched', () => {
  /** A client whose watch the test drives. */
  class WatchedClient extends MemoryClient {
    watches = 0;
    #events: { push(): void; end(error?: Error): void } | undefined;

    async *watch({ signal: until }: CallOptions): AsyncIterable<void> {
      this.watches++;
      let wake: (() => void) | undefined;
      let ended: { readonly error: Error | undefined } | undefined;
      let due = 0;
      this.#events = {
        push: () => {
          due++;
          wake?.();
        },
        end: (error) => {
          ended = { error };
          wake?.();
        },
      };
      until.addEventListener('abort', () => wake?.());
      while (!until.aborted) {
        if (due > 0) {
          due--;
          yield;
        } else if (ended !== undefined) {
          if (ended.error === undefined) return;
          throw ended.error;
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    }

    changed(): void {
      this.#events?.push();
    }

    end(error?: Error): void {
      this.#events?.end(error);
    }
  }

  function watchedWorld(answer: Snapshot | Error = snapshot({ A: '1' })) {
    const world = createWorld({ specs: [spec('web/app', all)] });
    const client = new WatchedClient(answer);
    world.sources.set('homelab', sourceOf(client, { clock: world.clock }));
    return { world, client };
  }

  test('is read as soon as it says so, and on its interval besides', async () => {
    const { world, client } = watchedWorld();
    await running(world, async () => {
      await world.clock.advance(1_000);
      client.answer = snapshot({ A: '2' });
      client.changed();
      await world.clock.advance(0);
      expect(world.live('web/app')).toEqual({ A: '2' });
      await world.clock.advance(60_000);
      expect(client.reads).toBe(3);
    });
  });

  test('a burst of changes is few reads', async () => {
    const { world, client } = watchedWorld();
    await running(world, async () => {
      for (let i = 0; i < 50; i++) {
        client.changed();
        await world.clock.advance(10);
      }
      expect(client.reads).toBeLessThanOrEqual(6);
    });
  });

  test('a change during a read leads to another one', async () => {
    const { world, client } = watchedWorld();
    await running(world, async () => {
      await world.clock.advance(1_000);
      client.during = () => {
        client.during = () => {};
        client.changed();
      };
      client.changed();
      await world.clock.advance(1_000);
      expect(client.reads).toBe(3);
    });
  });

  test('what it has asked for is not got around', async () => {
    const { world, client } = watchedWorld();
    await running(world, async () => {
      client.answer = new ProviderError('RATE_LIMITED', 'slowly', { retryAfterMs: 30_000 });
      await world.clock.advance(1_000);
      client.changed();
      await world.clock.advance(0);
      expect(client.reads).toBe(2);
      client.changed();
      await world.clock.advance(29_000);
      expect(client.reads).toBe(2);
      await world.clock.advance(1_000);
      expect(client.reads).toBe(3);
    });
  });

  test('a watch that breaks is taken up again, and what happened meanwhile is read', async () => {
    const { world, client } = watchedWorld();
    await running(world, async () => {
      await world.clock.advance(1_000);
      client.answer = snapshot({ A: '2' });
      client.end(new ProviderError('UNAVAILABLE', 'reset'));
      await world.clock.advance(3_000);
      expect(client.watches).toBe(2);
      expect(world.live('web/app')).toEqual({ A: '2' });
    });
  });

  test('what one secret of many has asked for is not got around either', async () => {
    const wait = new ProviderError('PENDING', 'later', { retryAfterMs: 30_000 });
    const { world, client } = watchedWorld(snapshot({ A: '1' }, { unknown: new Map([['B', wait]]) }));
    await running(world, async () => {
      await world.clock.advance(1_000);
      client.changed();
      await world.clock.advance(28_000);
      expect(client.reads).toBe(1);
    });
  });

  test('one that yields for ever without a pause costs few reads, and keeps nothing else from running', async () => {
    const { world, client } = watchedWorld();
    client.watch = async function* endless() {
      for (;;) yield;
    };
    await running(world, async () => {
      await world.clock.advance(60_000);
      expect(client.reads).toBeLessThan(15);
      client.answer = snapshot({ A: '2' });
      await world.clock.advance(60_000);
      expect(world.live('web/app')).toEqual({ A: '2' });
    });
  });

  test('after a quiet moment a notice is taken at once again', async () => {
    const { world, client } = watchedWorld();
    await running(world, async () => {
      for (let i = 0; i < 500; i++) {
        client.changed();
        await world.clock.advance(20);
      }
      await world.clock.advance(59_000);
      client.answer = snapshot({ A: '2' });
      client.changed();
      await world.clock.advance(0);
      expect(world.live('web/app')).toEqual({ A: '2' });
    });
  });

  test('one that breaks as soon as it has said something is not taken up again every second', async () => {
    const { world, client } = watchedWorld();
    let watches = 0;
    client.watch = async function* flapping() {
      watches++;
      yield;
      throw new ProviderError('UNAVAILABLE', 'reset');
    };
    await running(world, async () => {
      await world.clock.advance(60_000);
      expect(watches).toBeLessThan(10);
    });
  });

  test.each<[string, () => AsyncIterable<void>]>([
    [
      'throws when it is called',
      () => {
        throw new TypeError('a bug');
      },
    ],
    ['gives nothing that can be followed', () => Object.create(null)],
  ])('one that %s leaves the interval, and ends nothing', async (_, watch) => {
    const { world, client } = watchedWorld();
    client.watch = watch;
    await running(world, async () => {
      await world.clock.advance(5_000);
      client.answer = snapshot({ A: '2' });
      await world.clock.advance(120_000);
      expect(world.live('web/app')).toEqual({ A: '2' });
    });
  });

  test('one that does not listen to its signal does not keep the agent from stopping', async () => {
    const { world, client } = watchedWorld();
    client.watch = async function* deaf() {
      await new Promise(() => {});
      yield;
    };
    await running(world, async () => {
      await world.clock.advance(1_000);
    });
  });

  test('one that is not offered is not asked for again', async () => {
    const { world, client } = watchedWorld();
    await running(world, async () => {
      client.end();
      await world.clock.advance(120_000);
      expect(client.watches).toBe(1);
      expect(client.reads).toBe(3);
    });
  });
});

describe('while it runs', () => {
  async function withEngine(world: World, body: (engine: Engine) => Promise<void>): Promise<void> {
    const stop = new AbortController();
    const engine = new Engine({ resyncMs: 600_000, ...world });
    const ended = engine.run({ signal: stop.signal });
    try {
      await world.clock.advance(200);
      await body(engine);
    } finally {
      stop.abort();
      await ended;
    }
  }

  /** Whether it has ended by now. */
  function watched(work: Promise<unknown>): { done: boolean } {
    const state = { done: false };
    void work.then(() => (state.done = true));
    return state;
  }

  test('a refresh reads at once, and ends when what was read is written', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    await withEngine(world, async (engine) => {
      world.client.answer = snapshot({ A: '2' });
      const asked = engine.refresh(['homelab', 'another'], { signal });
      await world.clock.advance(0);
      await asked;
      expect(world.live('web/app')).toEqual({ A: '2' });
      expect(world.client.reads).toBe(2);
    });
  });

  test('a refresh during a read forces another one, as the first may have seen what was before', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    await withEngine(world, async (engine) => {
      let inside: { done: boolean } | undefined;
      world.client.during = () => {
        world.client.during = () => {};
        inside = watched(engine.refresh(undefined, { signal }));
      };
      const first = watched(engine.refresh(undefined, { signal }));
      await world.clock.advance(0);
      expect([first.done, inside?.done, world.client.reads]).toEqual([true, false, 2]);
      await world.clock.advance(300);
      expect([inside?.done, world.client.reads]).toEqual([true, 3]);
    });
  });

  test('a flood of refreshes is merged, and each of them ends', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    await withEngine(world, async (engine) => {
      const flood = Array.from({ length: 1_000 }, () => watched(engine.refresh(undefined, { signal })));
      await world.clock.advance(1_000);
      expect(flood.every(({ done }) => done)).toBe(true);
      expect(world.client.reads).toBe(2);
    });
  });

  test('a flood of notices costs few reads, and the last is followed by one that begins after it', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    await withEngine(world, async (engine) => {
      for (let notice = 1; notice <= 1_000; notice++) {
        world.client.answer = snapshot({ A: `${notice}` });
        engine.notice('homelab');
        engine.notice('another');
        await world.clock.advance(10);
      }
      expect(world.client.reads).toBeLessThan(12);
      await world.clock.advance(10_000);
      expect(world.live('web/app')).toEqual({ A: '1000' });
      expect(world.client.reads).toBeLessThan(12);
    });
  });

  test('a notice does not get around what the source has asked for', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    world.client.answer = new ProviderError('RATE_LIMITED', 'slowly', { retryAfterMs: 30_000 });
    await withEngine(world, async (engine) => {
      engine.notice('homelab');
      await world.clock.advance(29_000);
      expect(world.client.reads).toBe(1);
      world.client.answer = snapshot({ A: '2' });
      await world.clock.advance(1_500);
      expect(world.live('web/app')).toEqual({ A: '2' });
    });
  });

  test('a refresh does not get around what the source has asked for, and its signal ends the wait', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    world.client.answer = new ProviderError('RATE_LIMITED', 'slowly', { retryAfterMs: 30_000 });
    await withEngine(world, async (engine) => {
      const waiting = new AbortController();
      const asked = engine.refresh(undefined, { signal: waiting.signal });
      await world.clock.advance(20_000);
      expect(world.client.reads).toBe(1);
      waiting.abort(new Error('enough'));
      await expect(asked).rejects.toThrow('enough');
    });
  });

  test('a refresh ends when the engine does', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    world.client.answer = new ProviderError('RATE_LIMITED', 'slowly', { retryAfterMs: 30_000 });
    let asked: Promise<void> | undefined;
    await withEngine(world, async (engine) => {
      asked = engine.refresh(undefined, { signal });
    });
    await asked;
  });

  test('what somebody has changed is put again at once, and no source is asked', async () => {
    const world = createWorld({ specs: [spec('web/app', all), spec('web/other', all)] });
    await withEngine(world, async (engine) => {
      world.target.tamper('web/app', 'A', 'evil');
      const calls = world.target.calls.length;
      engine.putAgain(['web/app', 'web/unknown']);
      await world.clock.advance(0);
      expect(world.live('web/app')).toEqual({ A: '1' });
      expect(world.target.calls.slice(calls)).toEqual(['put web/app']);
      expect(world.client.reads).toBe(1);
    });
  });

  test('what was refused is tried at once at the word of a person, and not before its turn otherwise', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    world.target.fail = () => new TargetError('FOREIGN', 'no');
    await withEngine(world, async (engine) => {
      world.target.fail = () => undefined;
      engine.putAgain(['web/app']);
      await world.clock.advance(0);
      expect(world.live('web/app')).toBeUndefined();
      engine.tryNow(['web/app']);
      await world.clock.advance(0);
      expect(world.live('web/app')).toEqual({ A: '1' });
    });
  });

  test('it says how far it has come', async () => {
    const world = createWorld({ specs: [spec('web/app', all)] });
    await withEngine(world, async (engine) => {
      const { reconciledAt, readAt } = engine.progress;
      expect(reconciledAt).toBeDefined();
      await world.clock.advance(60_000);
      expect(engine.progress.reconciledAt).toBeGreaterThan(reconciledAt ?? Infinity);
      expect(engine.progress.readAt.get('homelab')).toBeGreaterThan(readAt.get('homelab') ?? Infinity);
    });
  });

  describe('with another config', () => {
    const both = [spec('web/app', all), spec('web/other', all)];

    test('only what changed is touched, and sources that stay are not read again', async () => {
      const world = createWorld({ specs: both });
      await withEngine(world, async (engine) => {
        world.report.said();
        const calls = world.target.calls.length;
        const specs = [spec('web/app', all), spec('web/third', { ...all, labels: { team: 'web' } })];
        await updated(world, engine, { specs });
        expect(world.target.calls.slice(calls)).toEqual(['remove web/other', 'put web/third']);
        expect(world.report.said()).toEqual(['web/other removed deleted', 'web/third synced created']);
        expect(world.client.reads).toBe(1);
      });
    });

    test('what was refused for the lack of a grant is tried again soon: it may be the grants that have changed', async () => {
      const world = createWorld({ specs: both });
      world.target.fail = (call) => (call === 'put web/app' ? new TargetError('NOT_GRANTED', 'no') : undefined);
      await withEngine(world, async (engine) => {
        await world.clock.advance(300_000);
        world.target.fail = () => undefined;
        await updated(world, engine, { specs: both });
        await world.clock.advance(1_000);
        expect(world.live('web/app')).toEqual({ A: '1' });
      });
    });

    test('what leaves it and comes back is written again', async () => {
      const world = createWorld({ specs: both });
      await withEngine(world, async (engine) => {
        await updated(world, engine, { specs: [spec('web/app', all)] });
        expect(world.live('web/other')).toBeUndefined();
        await updated(world, engine, { specs: both });
        expect(world.live('web/other')).toEqual({ A: '1' });
      });
    });

    test('a source that is new is read at once, and one that has left is not read any more', async () => {
      const world = createWorld({ specs: [spec('web/app', all)] });
      const client = new MemoryClient(snapshot({ B: '2' }));
      await withEngine(world, async (engine) => {
        const nas = sourceOf(client, { name: 'nas', clock: world.clock });
        const specs = [spec('web/app', { bulk: [everything('nas')] })];
        await updated(world, engine, { specs, sources: new Map([['nas', nas]]) });
        expect(world.live('web/app')).toEqual({ B: '2' });
        await world.clock.advance(180_000);
        expect([world.client.reads, client.reads]).toEqual([1, 4]);
      });
    });

    test('nobody waits for a source that has left', async () => {
      const world = createWorld({ specs: [spec('web/app', all)] });
      world.client.answer = new ProviderError('RATE_LIMITED', 'slowly', { retryAfterMs: 30_000 });
      await withEngine(world, async (engine) => {
        const asked = watched(engine.refresh(['homelab'], { signal }));
        await updated(world, engine, { specs: [], sources: new Map() });
        expect(asked.done).toBe(true);
      });
    });

    test('the time between two resyncs is the new one', async () => {
      const world = createWorld({ specs: [spec('web/app', all)] });
      await withEngine(world, async (engine) => {
        await updated(world, engine, { resyncMs: 30_000 });
        world.target.tamper('web/app', 'A', 'evil');
        await world.clock.advance(34_000);
        expect(world.live('web/app')).toEqual({ A: '1' });
      });
    });

    test('a round of pushes without an end holds up neither its Secrets nor the config after it', async () => {
      const hanging: SecretsClient = { read: () => new Promise(() => {}), write: () => new Promise(() => {}) };
      const { pushes, origin } = createPushWorld({
        specs: [push('web/pushed')],
        secrets: { 'web/pushed': { A: '1' } },
        source: hanging,
      });
      const world = createWorld({ specs: [spec('web/app', all)] });
      const stop = new AbortController();
      const engine = new Engine({ resyncMs: 600_000, ...world, pushes: { bySource: [pushes], origin }, graceMs: 50 });
      const ended = engine.run({ signal: stop.signal });
      await world.clock.advance(200);
      const same = { sources: world.sources, holds: NO_HOLDS, resyncMs: 600_000 };
      const first = watched(engine.update({ ...same, specs: both, pushes: { bySource: [], origin } }, { signal }));
      await world.clock.advance(0);
      expect(world.live('web/other')).toEqual({ A: '1' });
      expect(first.done).toBe(false);
      const second = engine.update({ ...same, specs: [spec('web/app', all)] }, { signal });
      await world.clock.advance(0);
      expect(world.live('web/other')).toBeUndefined();
      await second;
      expect(first.done).toBe(true);
      stop.abort();
      await ended;
    });

    test('one that another overtakes ends with it', async () => {
      const world = createWorld({ specs: both });
      await withEngine(world, async (engine) => {
        const same = { sources: world.sources, holds: NO_HOLDS, resyncMs: 600_000 };
        const first = engine.update({ ...same, specs: [] }, { signal });
        const second = engine.update({ ...same, specs: both }, { signal });
        await world.clock.advance(0);
        await Promise.all([first, second]);
        expect(world.live('web/other')).toEqual({ A: '1' });
      });
    });

    async function updated(world: World, engine: Engine, change: Partial<EngineUpdate>): Promise<void> {
      const same = { specs: [spec('web/app', all)], sources: world.sources, holds: NO_HOLDS, resyncMs: 600_000 };
      const adopting = engine.update({ ...same, ...change }, { signal });
      await world.clock.advance(200);
      await adopting;
    }
  });
});
