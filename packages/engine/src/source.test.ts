import { ProviderError, refId } from '@hikyaku/core';
import type { Snapshot } from '@hikyaku/core';
import { describe, expect, test } from 'vitest';
import { MemoryClient, signal, snapshot, sourceOf } from './engine.test.kit.ts';
import type { SourceOptions } from './source.ts';

const down = new ProviderError('UNAVAILABLE', 'the service is down');
const pending = new ProviderError('PENDING', 'more is coming');

async function refresh(source: ReturnType<typeof sourceOf>): Promise<number> {
  let changes = 0;
  await source.refresh(() => changes++, { signal });
  return changes;
}

function textOf({ secrets }: Snapshot | undefined = snapshot({}), id = 'A'): string | undefined {
  return secrets.get(id)?.value.text();
}

describe('refresh', () => {
  test('asks for what is wanted, and hands back what was answered', async () => {
    const client = new MemoryClient(snapshot({ A: '1' }, { revision: 'r1' }));
    const refs = [{ name: 'A' }, { name: 'B', version: '2' }];
    const source = sourceOf(client, { demand: { refs, bulk: [] } });
    await refresh(source);
    await refresh(source);
    expect(client.requests[0]).toMatchObject({ all: false, refs });
    expect(client.requests[0]).not.toHaveProperty('previous');
    expect(client.requests[1]?.previous).toBe(client.answer);
  });

  test('the previous answer itself is no change', async () => {
    const source = sourceOf(new MemoryClient(snapshot({ A: '1' })));
    expect(await refresh(source)).toBe(1);
    const before = source.state.snapshot;
    expect(await refresh(source)).toBe(0);
    expect(source.state.snapshot).toBe(before);
  });

  test('the previous answer itself is no change, also where it knows not everything', async () => {
    const source = sourceOf(new MemoryClient(snapshot({ A: '1' }, { unknown: new Map([['B', down]]) })));
    expect(await refresh(source)).toBe(1);
    expect(await refresh(source)).toBe(0);
    expect(source.state.error).toBe(down);
  });

  test('connects once, and only when it is read', async () => {
    let connects = 0;
    const client = new MemoryClient(snapshot({}));
    const source = sourceOf(client, {
      connect: async () => {
        connects++;
        return client;
      },
    });
    expect(connects).toBe(0);
    await refresh(source);
    await refresh(source);
    expect(connects).toBe(1);
  });

  test('a connect that fails is tried again', async () => {
    let fails = true;
    const client = new MemoryClient(snapshot({ A: '1' }));
    const source = sourceOf(client, {
      connect: async () => {
        if (fails) throw new ProviderError('INVALID_CONFIG', 'no token');
        return client;
      },
    });
    expect(await refresh(source)).toBe(0);
    expect(source.state).toMatchObject({ failures: 1, error: { code: 'INVALID_CONFIG' } });
    fails = false;
    expect(await refresh(source)).toBe(1);
    expect(source.state).toMatchObject({ failures: 0 });
    expect(source.state).not.toHaveProperty('error');
  });

  test('a failure keeps the last good snapshot', async () => {
    const client = new MemoryClient(snapshot({ A: '1' }));
    const source = sourceOf(client);
    await refresh(source);
    client.answer = down;
    expect(await refresh(source)).toBe(0);
    expect(await refresh(source)).toBe(0);
    expect(textOf(source.state.snapshot)).toBe('1');
    expect(source.state).toMatchObject({ failures: 2, error: down });
  });

  test('the signal’s reason comes through, and is no failure', async () => {
    const stop = new AbortController();
    const source = sourceOf({
      read: async () => {
        stop.abort(new Error('stopped'));
        throw new Error('something else');
      },
    });
    await expect(source.refresh(() => {}, { signal: stop.signal })).rejects.toThrow('stopped');
    expect(source.state.failures).toBe(0);
  });

  test('a client that fails to close hurts nobody', async () => {
    const source = sourceOf({
      read: async () => snapshot({}),
      [Symbol.asyncDispose]: async () => {
        throw new Error('closed already');
      },
    });
    await refresh(source);
    await source[Symbol.asyncDispose]();
  });

  test('closes its client, and needs none', async () => {
    let closed = 0;
    const source = sourceOf({
      read: async () => snapshot({}),
      [Symbol.asyncDispose]: async () => void closed++,
    });
    await source[Symbol.asyncDispose]();
    expect(closed).toBe(0);
    await refresh(source);
    await source[Symbol.asyncDispose]();
    expect(closed).toBe(1);
  });
});

describe('what could not be read', () => {
  test('keeps its last good value, and the rest moves on', async () => {
    const client = new MemoryClient(snapshot({ A: '1', B: '1' }));
    const source = sourceOf(client);
    await refresh(source);
    client.answer = snapshot({ B: '2' }, { unknown: new Map([['A', down]]) });
    expect(await refresh(source)).toBe(1);
    const { snapshot: now, error, failures } = source.state;
    expect([textOf(now, 'A'), textOf(now, 'B')]).toEqual(['1', '2']);
    expect(now?.unknown?.size).toBe(0);
    expect([error, failures]).toEqual([down, 0]);
  });

  test('stays unknown where nothing was known', async () => {
    const source = sourceOf(new MemoryClient(snapshot({ B: '2' }, { unknown: new Map([['A', down]]) })));
    await refresh(source);
    expect(source.state.snapshot?.unknown?.get('A')).toBe(down);
    expect(source.state.snapshot?.secrets.has('A')).toBe(false);
  });

  test('is kept over several reads, and gone once the source says so', async () => {
    const client = new MemoryClient(snapshot({ A: '1' }));
    const source = sourceOf(client);
    await refresh(source);
    for (let i = 0; i < 3; i++) {
      client.answer = snapshot({}, { unknown: new Map([['A', down]]) });
      await refresh(source);
    }
    expect(textOf(source.state.snapshot)).toBe('1');
    client.answer = snapshot({});
    await refresh(source);
    expect(source.state.snapshot?.secrets.size).toBe(0);
  });

  test('a pinned version and the latest are told apart', async () => {
    const pinned = refId({ name: 'A', version: '1' });
    const client = new MemoryClient(snapshot({ A: 'latest', [pinned]: 'one' }));
    const source = sourceOf(client);
    await refresh(source);
    client.answer = snapshot({ A: 'newer' }, { unknown: new Map([[pinned, down]]) });
    await refresh(source);
    expect([textOf(source.state.snapshot, 'A'), textOf(source.state.snapshot, pinned)]).toEqual(['newer', 'one']);
  });
});

describe('progress', () => {
  test('is used at once, survives a failure, and what is pending is no error', async () => {
    const seen: (string | undefined)[] = [];
    const source = sourceOf({
      async read(request) {
        request.progress(snapshot({ A: '1' }, { unknown: new Map([['B', pending]]) }));
        throw down;
      },
    });
    await source.refresh(() => seen.push(textOf(source.state.snapshot), source.state.error?.code), { signal });
    expect(seen).toEqual(['1', undefined]);
    expect(textOf(source.state.snapshot)).toBe('1');
    expect(source.state).toMatchObject({ failures: 1, error: down });
  });

  test('does not take back what was known before', async () => {
    const client = new MemoryClient(snapshot({ A: 'old', B: 'old' }));
    const source = sourceOf({
      read: async (request) => {
        if (client.reads > 0) request.progress(snapshot({ A: 'new' }, { unknown: new Map([['B', pending]]) }));
        return await client.read(request);
      },
    });
    await refresh(source);
    client.answer = down;
    await refresh(source);
    expect([textOf(source.state.snapshot, 'A'), textOf(source.state.snapshot, 'B')]).toEqual(['new', 'old']);
  });

  test('of a read after one that failed does not say that it is well again, before it is', async () => {
    const client = new MemoryClient(down);
    const source = sourceOf({
      read: async (request) => {
        request.progress(snapshot({ A: String(client.reads) }, { unknown: new Map([['B', pending]]) }));
        return await client.read(request);
      },
    });
    await refresh(source);
    const codes: (string | undefined)[] = [];
    await source.refresh(() => codes.push(source.state.error?.code), { signal });
    client.answer = snapshot({ A: '1', B: '1' });
    await source.refresh(() => codes.push(source.state.error?.code), { signal });
    expect(codes).toEqual(['UNAVAILABLE', 'UNAVAILABLE', undefined]);
    expect(source.state).toMatchObject({ failures: 0 });
  });

  test('is handed back, so that the next read goes on where it was', async () => {
    const previous: unknown[] = [];
    const partial = snapshot({ A: '1' }, { unknown: new Map([['B', pending]]) });
    const source = sourceOf({
      async read(request) {
        previous.push(request.previous);
        request.progress(partial);
        throw down;
      },
    });
    await refresh(source);
    await refresh(source);
    expect(previous).toEqual([undefined, partial]);
  });
});

describe('progress of a read that has ended', () => {
  test('is too late: what was read since stays', async () => {
    let late: (() => void) | undefined;
    const source = sourceOf({
      async read(request) {
        late ??= () => request.progress(snapshot({ A: 'older' }));
        return snapshot({ A: 'newer' });
      },
    });
    await refresh(source);
    late?.();
    expect(textOf(source.state.snapshot)).toBe('newer');
  });
});

describe('the delay until the next read', () => {
  async function delayAfter(
    answer: Snapshot | Error,
    times: number,
    more: Partial<SourceOptions> = {},
  ): Promise<number> {
    const source = sourceOf(new MemoryClient(answer), more);
    for (let i = 0; i < times; i++) await refresh(source);
    return source.nextDelayMs();
  }

  test.each<[random: number, delay: number]>([
    [0, 54_000],
    [0.5, 60_000],
    [1, 66_000],
  ])('the interval, give or take a tenth (%d)', async (random, delay) => {
    expect(await delayAfter(snapshot({}), 1, { random: () => random })).toBe(delay);
  });

  test.each<[code: 'UNAVAILABLE' | 'FORBIDDEN', refreshMs: number, failures: number, delay: number]>([
    ['UNAVAILABLE', 60_000, 1, 1_000],
    ['UNAVAILABLE', 60_000, 2, 2_000],
    ['UNAVAILABLE', 60_000, 5, 16_000],
    ['UNAVAILABLE', 60_000, 50, 60_000],
    ['UNAVAILABLE', 10_000, 50, 60_000],
    ['UNAVAILABLE', 300_000, 50, 300_000],
    ['UNAVAILABLE', 3_600_000, 50, 600_000],
    ['FORBIDDEN', 60_000, 1, 60_000],
    ['FORBIDDEN', 60_000, 2, 120_000],
    ['FORBIDDEN', 60_000, 50, 600_000],
    ['FORBIDDEN', 1_000, 1, 5_000],
    ['FORBIDDEN', 3_600_000, 1, 600_000],
  ])('%s every %d ms, after %d failures: %d', async (code, refreshMs, failures, delay) => {
    expect(await delayAfter(new ProviderError(code, 'no'), failures, { schedule: { everyMs: refreshMs } })).toBe(delay);
  });

  test('never longer than ten minutes, whatever the jitter', async () => {
    expect(await delayAfter(new ProviderError('FORBIDDEN', 'no'), 50, { random: () => 1 })).toBe(600_000);
  });

  test.each([
    [90_000, 90_000],
    [10, 1_000],
  ])('a service that asks to wait %d ms waits %d', async (retryAfterMs, delay) => {
    expect(await delayAfter(new ProviderError('RATE_LIMITED', 'slow down', { retryAfterMs }), 1)).toBe(delay);
  });

  test('a service that asks to wait is heard, also when only one secret of many was refused', async () => {
    const slow = new ProviderError('RATE_LIMITED', 'slow down', { retryAfterMs: 120_000 });
    expect(await delayAfter(snapshot({ B: '1' }, { unknown: new Map([['A', slow]]) }), 1)).toBe(120_000);
  });

  test.each([
    [Number.NaN, 1_000],
    [-5, 1_000],
    [Infinity, 3_600_000],
  ])('an error that asks to wait %d ms, which makes no sense, ends in no hot loop', async (retryAfterMs, delay) => {
    const error = Object.assign(new ProviderError('RATE_LIMITED', 'slow down'), { retryAfterMs });
    expect(await delayAfter(error, 1)).toBe(delay);
    const partly = await delayAfter(snapshot({}, { unknown: new Map([['A', error]]) }), 1);
    expect(partly).toBe(Math.max(delay, 10_000));
  });

  test.each<[error: ProviderError, refreshMs: number, reads: number, delay: number]>([
    [down, 60_000, 1, 10_000],
    [down, 3_600_000, 2, 20_000],
    [down, 3_600_000, 9, 60_000],
    [down, 2_000, 9, 2_000],
    [pending, 3_600_000, 1, 10_000],
    [new ProviderError('PENDING', 'later', { retryAfterMs: 45_000 }), 3_600_000, 1, 45_000],
    [new ProviderError('FORBIDDEN', 'no'), 3_600_000, 1, 3_600_000],
  ])('%s of one secret, every %d ms, after %d reads: %d', async (error, refreshMs, reads, delay) => {
    const answer = snapshot({ B: '1' }, { unknown: new Map([['A', error]]) });
    expect(await delayAfter(answer, reads, { schedule: { everyMs: refreshMs } })).toBe(delay);
  });

  test('a good read starts over', async () => {
    const client = new MemoryClient(down);
    const source = sourceOf(client);
    for (let i = 0; i < 4; i++) await refresh(source);
    client.answer = snapshot({});
    await refresh(source);
    expect(source.nextDelayMs()).toBe(60_000);
    client.answer = down;
    await refresh(source);
    expect(source.nextDelayMs()).toBe(1_000);
  });
});

test.each<[string, Error]>([
  ['Error', new Error('token hunter2')],
  ['TypeError', new TypeError('hunter2 is not a function')],
  ['Error', Object.assign(new Error('hunter2'), { code: 'ENOENT' })],
])('a provider that throws a plain %s never shows its text', async (kind, error) => {
  const source = sourceOf(new MemoryClient(error));
  await refresh(source);
  const message = `the provider failed with an unexpected ${kind}; this is a bug of the provider`;
  expect(source.state.error).toMatchObject({ code: 'INVALID_RESPONSE', retryable: true, message });
});
