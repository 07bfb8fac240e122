import { FakeClock } from '@hikyaku/core/testing';
import { expect, test } from 'vitest';
import { RequestBudgets } from './request-budgets.ts';

const { signal } = new AbortController();

function createWorld() {
  const clock = new FakeClock();
  const budgets = new RequestBudgets(clock);
  const passed: string[] = [];
  return {
    clock,
    passed,
    take: (name: string, account = 'a', perMinute = 2, until = signal): void => {
      budgets.take(account, perMinute, { signal: until }).then(
        () => passed.push(name),
        () => passed.push(`${name} aborted`),
      );
    },
  };
}

test('a minute’s worth passes at once, the rest evenly and in order', async () => {
  const { clock, passed, take } = createWorld();
  for (const name of ['1', '2', '3', '4']) take(name);
  await clock.advance(0);
  expect(passed).toEqual(['1', '2']);
  await clock.advance(29_999);
  expect(passed).toEqual(['1', '2']);
  await clock.advance(1);
  expect(passed).toEqual(['1', '2', '3']);
  await clock.advance(30_000);
  expect(passed).toEqual(['1', '2', '3', '4']);
});

test('in no stretch of time more than twice the budget of a minute', async () => {
  const { clock, passed, take } = createWorld();
  for (let i = 0; i < 100; i++) take(String(i), 'a', 10);
  await clock.advance(60_000);
  expect(passed).toHaveLength(20);
  await clock.advance(60_000);
  expect(passed).toHaveLength(30);
});

test('a quiet hour saves up no more than one minute', async () => {
  const { clock, passed, take } = createWorld();
  take('1');
  await clock.advance(3_600_000);
  for (const name of ['2', '3', '4']) take(name);
  await clock.advance(0);
  expect(passed).toEqual(['1', '2', '3']);
});

test('accounts do not wait for each other', async () => {
  const { clock, passed, take } = createWorld();
  for (const name of ['1', '2', '3']) take(name, 'busy');
  take('other', 'idle');
  await clock.advance(0);
  expect(passed.toSorted()).toEqual(['1', '2', 'other']);
});

test('who gives up takes nothing from those behind', async () => {
  const { clock, passed, take } = createWorld();
  const stop = new AbortController();
  take('1');
  take('2');
  take('3', 'a', 2, stop.signal);
  take('4');
  await clock.advance(10_000);
  stop.abort();
  await clock.advance(0);
  expect(passed).toEqual(['1', '2', '3 aborted']);
  await clock.advance(20_000);
  expect(passed).toEqual(['1', '2', '3 aborted', '4']);
});
