import { FakeClock } from '@hikyaku/core/testing';
import { expect, test } from 'vitest';
import { signal } from './engine.test.kit.ts';
import { giveUpWhenSilent } from './give-up.ts';

const patience = { silenceMs: 10_000, lastWordsMs: 1_000 };

test('what ends in time is what it is, and leaves no timer behind', async () => {
  const clock = new FakeClock();
  expect(await giveUpWhenSilent(async () => 'done', { clock, signal, ...patience })).toEqual({ value: 'done' });
  const failing = giveUpWhenSilent(() => Promise.reject(new Error('no')), { clock, signal, ...patience });
  await expect(failing).rejects.toThrow('no');
  expect(clock.sleeping).toBe(0);
});

test('what shows that it is alive may take its time', async () => {
  const clock = new FakeClock();
  const working = giveUpWhenSilent(
    async ({ alive }) => {
      for (let i = 0; i < 10; i++) {
        await clock.sleep(9_000, { signal });
        alive();
      }
      return 'done';
    },
    { clock, signal, ...patience },
  );
  await clock.advance(90_000);
  expect(await working).toEqual({ value: 'done' });
});

test('what is silent is told to stop, and is not deaf when it does', async () => {
  const clock = new FakeClock();
  const working = giveUpWhenSilent(({ signal: cut }) => clock.sleep(3_600_000, { signal: cut }), {
    clock,
    signal,
    ...patience,
  });
  await clock.advance(10_000);
  expect(await working).toEqual({ isDeaf: false });
  expect(clock.sleeping).toBe(0);
});

test('what goes on all the same is deaf', async () => {
  const clock = new FakeClock();
  const working = giveUpWhenSilent(() => new Promise(() => {}), { clock, signal, ...patience });
  await clock.advance(11_000);
  expect(await working).toEqual({ isDeaf: true });
});

test('nobody waits for deaf work once the signal aborts', async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const working = giveUpWhenSilent(() => new Promise(() => {}), { clock, signal: stop.signal, ...patience });
  stop.abort(new Error('stopped'));
  await expect(working).rejects.toThrow('stopped');
  expect(clock.sleeping).toBe(0);
});
