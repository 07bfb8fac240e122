import { FakeClock } from '@hikyaku/core/testing';
import { KubeError } from '@hikyaku/kube-client';
import { expect, test } from 'vitest';
import { LastingFailure } from './lasting-failure.ts';

const down = new KubeError('UNAVAILABLE', 'down');

function world() {
  const said: string[] = [];
  const say = (_: object, message: string) => void said.push(message);
  const logger = { trace() {}, debug() {}, info: say, warn: say, error() {} };
  const clock = new FakeClock();
  const words = { failing: 'not written', over: 'written again' };
  return { said, clock, failure: new LastingFailure({ words, logger, clock }) };
}

test('a failure is said once, when it has lasted, and that it is over once', async () => {
  const { said, clock, failure } = world();
  const failFor = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 5_000) {
      failure.failed(down);
      await clock.advance(5_000);
    }
  };
  await failFor(20_000);
  expect(said).toEqual([]);
  await failFor(60_000);
  expect(said).toEqual(['not written']);
  failure.succeeded();
  failure.succeeded();
  expect(said).toEqual(['not written', 'written again']);
});

test('failures of a moment are no news, however many there are', async () => {
  const { said, clock, failure } = world();
  for (let time = 0; time < 10; time++) {
    failure.failed(down);
    await clock.advance(19_000);
    failure.failed(down);
    failure.succeeded();
  }
  expect(said).toEqual([]);
});

test('a bug is no failure', () => {
  const { failure } = world();
  const bug = new TypeError('a bug');
  expect(() => failure.failed(bug)).toThrow(bug);
});
