import { FakeClock } from '@hikyaku/core/testing';
import { KubeError } from '@hikyaku/kube-client';
import type { AgentEvent, StatusDocument } from '@hikyaku/kubernetes';
import { afterEach, expect, test } from 'vitest';
import { EventWriter } from './event-writer.ts';

const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };
const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

type Secrets = StatusDocument['secrets'];

function statusOf(secrets: Secrets): StatusDocument {
  const at = '2026-01-01T00:00:00Z';
  return {
    version: 1,
    writtenAt: at,
    agent: { version: '1.0.0', startedAt: at },
    config: { digest: 'd', loadedAt: at },
    sources: {},
    secrets,
    pushes: {},
    restarts: {},
    holds: [],
  };
}

const refused = (name: string): Secrets => ({
  [`web/${name}`]: { state: 'refused', messages: [`Secret web/${name} exists and is not ours; label it`] },
});
const well = (name: string): Secrets => ({ [`web/${name}`]: { state: 'synced' } });

function world(before?: StatusDocument) {
  const clock = new FakeClock();
  const put: AgentEvent[] = [];
  const failures: Error[] = [];
  let status = statusOf({});
  let isComplete = true;
  let tries = 0;
  const writer = new EventWriter({
    async put(event) {
      tries++;
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      put.push(event);
    },
    build: () => status,
    isComplete: () => isComplete,
    logger: silent,
    clock,
  });
  if (before !== undefined) writer.remember(before);
  const end = new AbortController();
  const running = writer.run(end);
  ends.push(async () => {
    end.abort();
    await running;
  });
  return {
    failures,
    tried: () => tries,
    incomplete: (value: boolean) => void (isComplete = !value),
    /** What is told of it within so many milliseconds. */
    told: async (secrets: Secrets, ms = 2_000) => {
      status = statusOf(secrets);
      writer.changed();
      const already = put.length;
      for (let passed = 0; passed < ms; passed += 500) await clock.advance(500);
      return put.slice(already).map(({ type, reason, about, message }) => ({ type, reason, name: about[1], message }));
    },
  };
}

test('what goes wrong is told once, and once more when it is over', async () => {
  const { told } = world();
  expect(await told(well('a'))).toEqual([]);
  expect(await told(refused('a'))).toMatchObject([
    { type: 'Warning', reason: 'SecretRefused', name: 'web/a', message: expect.stringContaining('label it') },
  ]);
  expect(await told(refused('a'))).toEqual([]);
  expect(await told(well('a'))).toMatchObject([{ type: 'Normal', reason: 'Recovered', name: 'web/a' }]);
  expect(await told(well('a'))).toEqual([]);
});

test('after a restart nothing is told again, and what has ended meanwhile is', async () => {
  const { told } = world(statusOf({ ...refused('a'), ...refused('b') }));
  expect(await told({ 'web/a': { state: 'waiting' }, 'web/b': { state: 'waiting' } })).toEqual([]);
  expect(await told({ ...refused('a'), ...well('b') })).toMatchObject([{ type: 'Normal', name: 'web/b' }]);
});

test('a thousand at once are one Event, and nothing of them is over while it lasts', async () => {
  const { told } = world();
  await told(refused('s0'));
  const many = Object.assign({}, ...Array.from({ length: 1_000 }, (_, index) => refused(`s${index}`))) as Secrets;
  expect(await told(many)).toMatchObject([
    { type: 'Warning', reason: 'SecretRefused', message: expect.stringMatching(/^999 Secrets \(web\/s1, /) },
  ]);
  expect(await told(many)).toEqual([]);
  const events = await told(well('s0'));
  expect(events.map(({ type, name }) => [type, name])).toEqual([
    ['Normal', 'web/s0'],
    ['Normal', '* SecretRefused'],
  ]);
});

test('what goes to and fro is told less and less often', async () => {
  const { told } = world();
  let number = 0;
  for (let time = 0; time < 100; time++)
    number += (await told(time % 2 === 0 ? refused('a') : well('a'), 30_000)).length;
  expect(number).toBeLessThanOrEqual(11);
});

test('other words for the same are news only after ten minutes', async () => {
  const { told } = world();
  await told(refused('a'));
  const other: Secrets = { 'web/a': { state: 'refused', messages: ['Secret web/a: another reason'] } };
  expect(await told(other)).toEqual([]);
  expect(await told(other, 600_000)).toMatchObject([{ message: 'Secret web/a: another reason' }]);
});

test('what cannot be written is written later', async () => {
  const { told, failures } = world();
  failures.push(new KubeError('UNAVAILABLE', 'down'), new KubeError('UNAVAILABLE', 'down'));
  expect(await told(refused('a'))).toEqual([]);
  expect(await told(refused('a'), 30_000)).toHaveLength(1);
});

test('what cannot be written is tried ever more seldom, however much happens meanwhile', async () => {
  const { told, failures, tried } = world();
  failures.push(...Array.from({ length: 1_000 }, () => new KubeError('FORBIDDEN', 'no')));
  for (let second = 0; second < 3_600; second += 2) await told(refused('a'));
  expect(tried()).toBeGreaterThan(5);
  expect(tried()).toBeLessThan(25);
});

test('an Event that the API server does not take keeps no other back', async () => {
  const { told, failures } = world();
  failures.push(new KubeError('INVALID', 'no'));
  expect(await told({ ...refused('a'), ...refused('b') })).toMatchObject([{ name: 'web/b' }]);
  expect(await told({ ...refused('a'), ...refused('b') }, 10_000)).toMatchObject([{ name: 'web/a' }]);
});

test('a start that is not over yet tells nothing, for ten seconds', async () => {
  const { told, incomplete } = world();
  incomplete(true);
  expect(await told(refused('a'), 5_000)).toEqual([]);
  expect(await told(refused('a'), 10_000)).toHaveLength(1);
});
