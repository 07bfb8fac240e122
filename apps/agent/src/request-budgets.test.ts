import { FakeClock } from '@hikyaku/core/testing';
import { expect, test } from 'vitest';
import { RequestBudgets } from './request-budgets.ts';

const MINUTE_MS = 60_000;
const { signal } = new AbortController();

interface Passed {
  readonly name: string;
  readonly account: string;
  readonly at: number;
}

function createWorld() {
  const clock = new FakeClock();
  const budgets = new RequestBudgets(clock);
  const passed: Passed[] = [];
  const aborted: string[] = [];
  return {
    clock,
    budgets,
    passed,
    aborted,
    names: () => passed.map(({ name }) => name),
    take: (name: string, account = 'a', perMinute = 2, until = signal): void => {
      budgets.take(account, perMinute, { signal: until }).then(
        () => passed.push({ name, account, at: clock.monotonic() }),
        () => aborted.push(name),
      );
    },
  };
}

/** The most that passed in any minute, wherever it begins: the fullest one begins with a request. */
function fullestMinute(passed: readonly Passed[]): number {
  return Math.max(
    ...passed.map(({ at: begin }) => passed.filter(({ at }) => at >= begin && at < begin + MINUTE_MS).length),
  );
}

test('a minute’s worth passes at once, and the rest when the minute is over, in order', async () => {
  const { clock, names, take } = createWorld();
  for (const name of ['1', '2', '3', '4', '5']) take(name);
  await clock.advance(0);
  expect(names()).toEqual(['1', '2']);
  await clock.advance(MINUTE_MS);
  expect(names()).toEqual(['1', '2']);
  await clock.advance(1000);
  expect(names()).toEqual(['1', '2', '3', '4']);
  await clock.advance(61_000);
  expect(names()).toEqual(['1', '2', '3', '4', '5']);
});

test('what was spent late in a minute is not given again at its end', async () => {
  const { clock, names, take } = createWorld();
  take('1');
  await clock.advance(50_000);
  for (const name of ['2', '3', '4']) take(name);
  await clock.advance(11_000);
  expect(names()).toEqual(['1', '2', '3']);
  await clock.advance(49_000);
  expect(names()).toEqual(['1', '2', '3']);
  await clock.advance(1000);
  expect(names()).toEqual(['1', '2', '3', '4']);
});

test.each([
  ['all at once', () => 0],
  ['in bursts', (number: number) => (number % 25 === 0 ? 17_321 : 0)],
  ['evenly', () => 997],
  ['in no order', (number: number) => (number * 7919) % 2311],
])('in no minute more than the budget: 300 requests of three sources, %s', async (_, pauseMs) => {
  const { clock, passed, names, take } = createWorld();
  const wanted = Array.from({ length: 300 }, (__, number) => `${number} of source ${number % 3}`);
  for (const [number, name] of wanted.entries()) {
    take(name, 'a', 30);
    await clock.advance(pauseMs(number));
  }
  await clock.advance(15 * MINUTE_MS);
  expect(names()).toEqual(wanted);
  expect(fullestMinute(passed)).toBeLessThanOrEqual(30);
  // Nor is it slower than it needs to be.
  const first = passed[0]?.at ?? 0;
  const last = passed.at(-1)?.at ?? 0;
  expect(last - first).toBeLessThanOrEqual(Math.max(9 * 61_000, 299 * 2311));
});

test('a quiet hour saves up no more than one minute', async () => {
  const { clock, names, take } = createWorld();
  take('1');
  await clock.advance(60 * MINUTE_MS);
  for (const name of ['2', '3', '4']) take(name);
  await clock.advance(0);
  expect(names()).toEqual(['1', '2', '3']);
});

test('accounts do not wait for each other', async () => {
  const { clock, names, take } = createWorld();
  for (const name of ['1', '2', '3']) take(name, 'busy');
  take('other', 'idle');
  await clock.advance(0);
  expect(names().toSorted()).toEqual(['1', '2', 'other']);
});

test('who gives up while waiting for room takes nothing from those behind', async () => {
  const { clock, names, aborted, take } = createWorld();
  const stop = new AbortController();
  for (const name of ['1', '2']) take(name);
  take('3', 'a', 2, stop.signal);
  take('4');
  await clock.advance(10_000);
  stop.abort();
  await clock.advance(0);
  expect(aborted).toEqual(['3']);
  expect(names()).toEqual(['1', '2']);
  await clock.advance(51_000);
  expect(names()).toEqual(['1', '2', '4']);
});

test('who gives up in the middle of the queue is told at once, and lets nobody overtake', async () => {
  const { clock, names, aborted, take } = createWorld();
  const stop = new AbortController();
  for (const name of ['1', '2', '3']) take(name);
  take('4', 'a', 2, stop.signal);
  take('5');
  take('6');
  await clock.advance(0);
  stop.abort();
  await clock.advance(0);
  expect(aborted).toEqual(['4']);
  expect(names()).toEqual(['1', '2']);
  await clock.advance(61_000);
  expect(names()).toEqual(['1', '2', '3', '5']);
  await clock.advance(61_000);
  expect(names()).toEqual(['1', '2', '3', '5', '6']);
});

test('who has given up before is not let through', async () => {
  const { budgets, clock, names, take } = createWorld();
  const reason = new Error('stopped');
  await expect(budgets.take('a', 2, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  for (const name of ['1', '2']) take(name);
  await clock.advance(0);
  expect(names()).toEqual(['1', '2']);
});

test('each asks with its own budget', async () => {
  const { clock, names, take } = createWorld();
  for (const name of ['1', '2', '3']) take(name, 'a', 3);
  await clock.advance(30_000);
  take('small', 'a', 1);
  await clock.advance(30_000);
  take('large', 'a', 10);
  await clock.advance(1000);
  // In the order of the calls, also where the later one would fit sooner.
  expect(names()).toEqual(['1', '2', '3', 'small', 'large']);
});

test.each([0, -1, Number.NaN])('a budget of %d is a mistake, not an endless wait', async (perMinute) => {
  await expect(createWorld().budgets.take('a', perMinute, { signal })).rejects.toThrow(RangeError);
});
