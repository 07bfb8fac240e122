import type { ReadRequest, SecretsClient, Snapshot } from '@hikyaku/core';
import { describe, expect, test } from 'vitest';
import { createWorld, everything, MemoryClient, snapshot, sourceOf, spec } from './engine.test.kit.ts';
import { Engine } from './engine.ts';

const MINUTE = 60_000;

/** Never answers; `isDeaf`: not even when it is told to stop. */
class HangingClient implements SecretsClient {
  readonly requests: ReadRequest[] = [];
  readonly answers: ((answer: Snapshot) => void)[] = [];
  disposed = 0;
  readonly #isDeaf: boolean;

  constructor(isDeaf: boolean) {
    this.#isDeaf = isDeaf;
  }

  read(request: ReadRequest): Promise<Snapshot> {
    this.requests.push(request);
    return new Promise((resolve, reject) => {
      this.answers.push(resolve);
      if (!this.#isDeaf) request.signal.addEventListener('abort', () => reject(new Error('aborted')));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disposed++;
    if (this.#isDeaf) await new Promise(() => {});
  }
}

type World = ReturnType<typeof createWorld>;

async function running(world: World, body: () => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const ended = new Engine({ ...world, resyncMs: 600 * MINUTE }).run({ signal: stop.signal });
  try {
    await world.clock.advance(0);
    await body();
  } finally {
    stop.abort();
    await ended;
  }
}

describe('100 sources of which 30 hang', () => {
  function hundred() {
    const names = Array.from({ length: 100 }, (_, index) => `s${String(index).padStart(2, '0')}`);
    const world = createWorld({ specs: names.map((name) => spec(`web/${name}`, { bulk: [everything(name)] })) });
    world.sources.clear();
    const well = new Map<string, MemoryClient>();
    const hanging = new Map<string, HangingClient>();
    for (const [index, name] of names.entries()) {
      const client = index < 30 ? new HangingClient(index < 15) : new MemoryClient(snapshot({ A: '1' }));
      if (client instanceof MemoryClient) well.set(name, client);
      else hanging.set(name, client);
      world.sources.set(name, sourceOf(client, { name, clock: world.clock }));
    }
    return { world, well, hanging };
  }

  test('leave the other 70 on time', async () => {
    const { world: all, well } = hundred();
    await running(all, async () => {
      for (const name of well.keys()) expect(all.live(`web/${name}`)).toEqual({ A: '1' });
      for (let minute = 1; minute <= 30; minute++) {
        for (const client of well.values()) client.answer = snapshot({ A: String(minute) });
        await all.clock.advance(MINUTE);
        for (const [name, client] of well) {
          expect(client.reads).toBe(minute + 1);
          expect(all.live(`web/${name}`)).toEqual({ A: String(minute) });
        }
      }
    });
  });

  test('are given up and said to be stuck after five minutes, and read again', async () => {
    const { world: all, hanging } = hundred();
    await running(all, async () => {
      await all.clock.advance(5 * MINUTE - 1);
      expect(all.report.sources.filter(({ stuck }) => stuck)).toEqual([]);
      await all.clock.advance(1_001);
      const stuck = all.report.sources.filter((record) => record.stuck);
      expect(stuck.map(({ source }) => source).toSorted()).toEqual([...hanging.keys()]);
      expect(stuck[0]?.error).toMatchObject({ code: 'UNAVAILABLE', retryable: true });
      await all.clock.advance(1_000);
      for (const { requests } of hanging.values()) expect(requests).toHaveLength(2);
    });
  });

  test('do not keep the agent from stopping', async () => {
    const { world: all } = hundred();
    await running(all, async () => {});
    expect(all.clock.sleeping).toBe(0);
  });
});

describe('a read without an end', () => {
  function world(isDeaf: boolean) {
    const client = new HangingClient(isDeaf);
    const all = createWorld({ specs: [spec('web/app', { bulk: [everything('homelab')] })] });
    let connects = 0;
    const connect = async () => {
      connects++;
      return client;
    };
    all.sources.set('homelab', sourceOf(client, { clock: all.clock, connect }));
    return { all, client, connects: () => connects };
  }

  test('that comes to one after all is not listened to', async () => {
    const { all, client } = world(true);
    await running(all, async () => {
      await all.clock.advance(6 * MINUTE);
      client.answers[0]?.(snapshot({ A: 'late' }));
      client.requests[0]?.progress(snapshot({ A: 'late' }));
      await all.clock.advance(0);
      expect(all.live('web/app')).toBeUndefined();
      client.answers[1]?.(snapshot({ A: 'now' }));
      await all.clock.advance(0);
      expect(all.live('web/app')).toEqual({ A: 'now' });
      expect(all.report.sources.at(-1)).toMatchObject({ ok: true });
      expect(all.report.sources.at(-1)).not.toHaveProperty('stuck');
    });
  });

  test.each([
    [true, 2],
    [false, 1],
  ])('of a client that is deaf (%s) leaves it behind', async (isDeaf, expected) => {
    const { all, client, connects } = world(isDeaf);
    await running(all, async () => {
      await all.clock.advance(6 * MINUTE);
      expect([connects(), client.disposed]).toEqual([expected, expected - 1]);
    });
  });

  test('is none while it brings something', async () => {
    const { all, client } = world(false);
    await running(all, async () => {
      for (let minute = 0; minute < 60; minute++) {
        await all.clock.advance(MINUTE);
        client.requests[0]?.progress(snapshot({ A: String(minute) }));
      }
      expect(client.requests).toHaveLength(1);
      expect(all.live('web/app')).toEqual({ A: '58' });
    });
  });

  test('does not keep a client from being closed for long', async () => {
    const { all, client } = world(true);
    await running(all, async () => {});
    const source = all.sources.get('homelab');
    const closing = source?.[Symbol.asyncDispose]();
    await all.clock.advance(1_000);
    await closing;
    expect(client.disposed).toBe(1);
  });
});
