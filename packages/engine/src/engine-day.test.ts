import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ProviderError } from '@hikyaku/core';
import type { Snapshot } from '@hikyaku/core';
import { expect, test } from 'vitest';
import { createWorld, everything, half, MemoryClient, snapshot, sourceOf, spec } from './engine.test.kit.ts';
import { Engine } from './engine.ts';
import type { SourceRecord } from './report.ts';
import type { Schedule } from './schedule.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY_MINUTES = 24 * 60;

interface Kind {
  readonly count: number;
  readonly schedule: Schedule;
  readonly answer: Snapshot | Error;
  /** Of one source, with the read at the start. */
  readonly reads: number;
}

/** With every jitter in its middle. */
const KINDS: Readonly<Record<string, Kind>> = {
  minute: { count: 20, schedule: { everyMs: MINUTE }, answer: snapshot({ A: '1' }), reads: 1 + DAY_MINUTES },
  hour: { count: 10, schedule: { everyMs: HOUR }, answer: snapshot({ A: '1' }), reads: 1 + 24 },
  cron: {
    count: 14,
    schedule: { cron: '*/5 * * * *', timeZone: 'Asia/Tokyo' },
    answer: snapshot({ A: '1' }),
    reads: 1 + DAY_MINUTES / 5 - 1, // the last would come after midnight, by the spread
  },
  // After 1, 2, 4, 8, 16 and 32 s, which are 63 s, then each minute.
  down: {
    count: 3,
    schedule: { everyMs: MINUTE },
    answer: new ProviderError('UNAVAILABLE', 'down'),
    reads: 1 + 6 + (DAY_MINUTES - 2),
  },
  // After 1, 2, 4 and 8 minutes, then every ten.
  forbidden: {
    count: 2,
    schedule: { everyMs: MINUTE },
    answer: new ProviderError('FORBIDDEN', 'no'),
    reads: 1 + 4 + Math.floor((DAY_MINUTES - 15) / 10),
  },
  slow: {
    count: 1,
    schedule: { everyMs: MINUTE },
    answer: new ProviderError('RATE_LIMITED', 'slowly', { retryAfterMs: 30 * MINUTE }),
    reads: 1 + 48,
  },
};

test('a day with 50 sources costs the requests that arithmetic says, writes nothing, and memory does not grow', async () => {
  const named = Object.entries(KINDS).flatMap(([kind, { count }]) =>
    Array.from({ length: count }, (_, index) => ({ kind, name: `${kind}-${index}` })),
  );
  expect(named).toHaveLength(50);
  const world = createWorld({ specs: named.map(({ name }) => spec(`web/${name}`, { bulk: [everything(name)] })) });
  const { clock, sources, target } = world;
  sources.clear();
  const clients = new Map<string, MemoryClient>();
  for (const { kind, name } of named) {
    const { schedule, answer } = KINDS[kind] ?? {};
    if (schedule === undefined || answer === undefined) throw new Error(`no ${kind}`);
    const client = new MemoryClient(answer);
    // What the test itself keeps is not to look like growth.
    Object.assign(client.requests, { restart: () => {}, push: () => 0 });
    clients.set(name, client);
    sources.set(name, sourceOf(client, { name, schedule, clock, random: half }));
  }
  const report = {
    secret: () => {},
    push: () => {},
    restart: () => {},
    source: (record: SourceRecord) => void latest.set(record.source, record),
  };
  const latest = new Map<string, SourceRecord>();
  world.report.secret = () => {};
  const stop = new AbortController();
  const ended = new Engine({ ...world, report, resyncMs: 48 * HOUR }).run({ signal: stop.signal });

  await clock.advance(2 * HOUR);
  const writes = target.calls.length;
  const [sleeping, before] = [clock.sleeping, await usedBytes()];
  await clock.advance(22 * HOUR);
  const after = await usedBytes();
  expect(target.calls.length).toBe(writes);
  expect(Math.abs(clock.sleeping - sleeping)).toBeLessThan(20);
  expect(after - before).toBeLessThan(4_000_000);
  const reads = Object.fromEntries(named.map(({ name }) => [name, clients.get(name)?.reads]));
  expect(reads).toEqual(Object.fromEntries(named.map(({ kind, name }) => [name, KINDS[kind]?.reads])));
  expect([...latest.values()].filter(({ ok }) => ok)).toHaveLength(44);

  stop.abort();
  await ended;
  expect(clock.sleeping).toBe(0);
}, 240_000);

async function usedBytes(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect !== 'function') throw new Error('no gc');
  // What weak references have been asked about lives until the turn of the event loop ends.
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  }
  return process.memoryUsage().heapUsed;
}
