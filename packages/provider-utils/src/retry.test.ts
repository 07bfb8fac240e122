import { ProviderError } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import { expect, test } from 'vitest';
import { retry } from './retry.ts';

const { signal } = new AbortController();
const down = new ProviderError('UNAVAILABLE', 'down');

test('the waits double and have a random part', async () => {
  for (const [random, waits] of [
    [0, [500, 1000]],
    [1, [250, 500]],
  ] as const) {
    const clock = new FakeClock();
    const delays: number[] = [];
    const result = retry(async () => Promise.reject(down), {
      clock,
      signal,
      random: () => random,
      onRetry: (_, { delayMs }) => delays.push(delayMs),
    });
    await Promise.all([expect(result).rejects.toBe(down), clock.advance(2000)]);
    expect(delays).toEqual(waits);
  }
});

test('it succeeds as soon as an attempt does', async () => {
  const clock = new FakeClock();
  const numbers: number[] = [];
  const result = retry(
    async (number) => {
      numbers.push(number);
      if (number < 2) throw down;
      return 'done';
    },
    { clock, signal },
  );
  await clock.advance(500);
  expect(await result).toBe('done');
  expect(numbers).toEqual([1, 2]);
});

test.each([new ProviderError('FORBIDDEN', 'no'), new TypeError('a bug')])(
  'what is not retryable is thrown at once: %s',
  async (error) => {
    let calls = 0;
    const result = retry(
      async () => {
        calls++;
        throw error;
      },
      { clock: new FakeClock(), signal },
    );
    await expect(result).rejects.toBe(error);
    expect(calls).toBe(1);
  },
);

test('the wait that the error asks for is kept to', async () => {
  const clock = new FakeClock();
  const start = clock.now();
  const times: number[] = [];
  const result = retry(
    async () => {
      times.push(clock.now() - start);
      throw new ProviderError('RATE_LIMITED', 'slower', { retryAfterMs: 4000 });
    },
    { clock, signal },
  );
  await Promise.all([expect(result).rejects.toMatchObject({ code: 'RATE_LIMITED' }), clock.advance(8000)]);
  expect(times).toEqual([0, 4000, 8000]);
});

test('a wait longer than allowed is left to the caller', async () => {
  const error = new ProviderError('RATE_LIMITED', 'slower', { retryAfterMs: 60_000 });
  await expect(retry(async () => Promise.reject(error), { clock: new FakeClock(), signal })).rejects.toBe(error);
});

test('an abort ends a wait', async () => {
  const clock = new FakeClock();
  const controller = new AbortController();
  const result = retry(async () => Promise.reject(down), { clock, signal: controller.signal });
  await clock.advance(0);
  controller.abort(new Error('stopped'));
  await expect(result).rejects.toThrow('stopped');
});
