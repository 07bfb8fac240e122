import { ProviderError } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import { KubeError } from '@hikyaku/kube-client';
import type { StatusDocument } from '@hikyaku/kubernetes';
import type { RestartRecord, SecretSpec } from '@hikyaku/engine';
import { afterEach, describe, expect, test } from 'vitest';
import { Records } from '../records.ts';
import { buildStatus } from '../status/build-status.ts';
import { StatusWriter } from './status-writer.ts';

const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };
const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

function spec(index: number): SecretSpec {
  const bulk = [{ source: 'homelab', include: ['*'], exclude: [], rename: undefined }];
  return { namespace: 'web', name: `s${index}`, bulk, items: new Map() } as unknown as SecretSpec;
}

const SPECS = Array.from({ length: 50 }, (_, index) => spec(index));

/** 50 Secrets of one source, and a status object in memory. */
async function world(before?: StatusDocument) {
  const clock = new FakeClock();
  const records = new Records(silent, undefined, clock);
  const written: StatusDocument[] = [];
  const failures: Error[] = [];
  let isComplete = true;
  let problem: string | undefined;
  const writer = new StatusWriter({
    object: {
      read: async () => before,
      async write(document) {
        const failure = failures.shift();
        if (failure !== undefined) throw failure;
        written.push(document);
      },
    },
    build: (withTimes) =>
      buildStatus({
        agent: { version: '1.0.0', startedAt: '2026-01-01T00:00:00Z' },
        about: { digest: 'd', loadedAt: '2026-01-01T00:00:00Z', ...(problem !== undefined && { problem }) },
        config: { secrets: SPECS, pushes: [] } as never,
        records,
        withTimes,
        now: clock.now(),
      }),
    isComplete: () => isComplete,
    logger: silent,
    clock,
  });
  const end = new AbortController();
  const { signal } = end;
  await writer.open(records.moments, { signal });
  records.listen(() => writer.changed());
  const running = writer.run({ signal });
  ends.push(async () => {
    end.abort();
    await running;
  });
  const pass = async (ms: number, stepMs = 250) => {
    for (let passed = 0; passed < ms; passed += stepMs) await clock.advance(stepMs);
  };
  return {
    clock,
    records,
    writer,
    signal,
    written,
    failures,
    pass,
    set complete(value: boolean) {
      isComplete = value;
    },
    set problem(value: string | undefined) {
      problem = value;
    },
    read: (error?: ProviderError) =>
      records.source({
        source: 'homelab',
        ok: error === undefined,
        secrets: 50,
        nextMs: 60_000,
        ...(error && { error }),
      }),
    synced: (outcome: 'created' | 'updated' | 'unchanged' = 'unchanged') => {
      for (const { name } of SPECS) records.secret({ id: `web/${name}`, state: 'synced', outcome, messages: [] });
    },
  };
}

const notGranted: RestartRecord = {
  workload: 'web/Deployment/web',
  state: 'refused',
  changes: [{ secret: 'web/s7', keys: ['A'] }],
  messages: ['not granted'],
};

const down = new ProviderError('UNAVAILABLE', 'homelab does not answer');

describe('the status', () => {
  test('tells what is not restarted, until it is; one that waits for its turn is no reason to write', async () => {
    const { read, synced, records, pass, written } = await world();
    read();
    synced();
    await pass(2_000);
    records.restart({ ...notGranted, state: 'waiting' });
    await pass(60_000);
    expect(written).toHaveLength(1);
    records.restart(notGranted);
    await pass(60_000);
    expect(written).toHaveLength(2);
    expect(written[1]?.restarts).toEqual({
      'web/Deployment/web': { state: 'refused', secrets: ['web/s7'], messages: ['not granted'] },
    });
    records.restart({ ...notGranted, state: 'restarted', messages: [] });
    await pass(60_000);
    expect(written[2]?.restarts).toEqual({});
  });

  test('is written once for a start, and not again while nothing happens', async () => {
    const { read, synced, pass, written } = await world();
    read();
    synced('created');
    await pass(2_000);
    expect(written).toHaveLength(1);
    read();
    synced();
    await pass(60_000);
    expect(written).toHaveLength(1);
    expect(written[0]?.secrets['web/s7']).toEqual({ state: 'synced', since: '2026-01-01T00:00:00Z' });
    expect(written[0]?.sources['homelab']).not.toHaveProperty('nextAt');
  });

  test('of a start is not written while the sources are still read, but for 10 seconds', async () => {
    const late = await world();
    late.complete = false;
    late.read();
    await late.pass(9_000);
    expect(late.written).toHaveLength(0);
    await late.pass(3_000);
    expect(late.written).toHaveLength(1);
  });

  test('after a restart that finds all as before is not written, and `since` goes on', async () => {
    const first = await world();
    first.read();
    first.synced('created');
    await first.pass(2_000);
    const next = await world(first.written[0]);
    next.complete = false;
    await next.pass(5_000);
    next.read();
    next.synced();
    next.complete = true;
    await next.pass(30_000);
    expect(next.written).toEqual([]);
    next.read(down);
    await next.pass(30_000);
    expect(next.written[0]?.secrets['web/s0']).toEqual({ state: 'synced', since: '2026-01-01T00:00:00Z' });
  });

  test('of a source that flaps is written every 10 seconds at most', async () => {
    const { read, synced, pass, written } = await world();
    read();
    synced();
    await pass(2_000);
    for (let round = 0; round < 120; round++) {
      read(round % 2 === 0 ? down : undefined);
      await pass(500);
    }
    expect(written.length).toBeLessThanOrEqual(7);
  });

  test('tells of a config that is refused', async () => {
    const refused = await world();
    refused.read();
    refused.synced();
    await refused.pass(2_000);
    refused.problem = 'unknown key `projct`';
    refused.writer.changed();
    await refused.pass(12_000);
    expect(refused.written.at(-1)?.config.problem).toBe('unknown key `projct`');
  });

  test('tells of another word for the same state within ten minutes, though nothing else happens', async () => {
    const { read, synced, pass, written, records } = await world();
    read();
    synced();
    await pass(2_000);
    records.secret({ id: 'web/s0', state: 'kept', messages: ['A is missing'] });
    await pass(12_000);
    expect(written).toHaveLength(2);
    records.secret({ id: 'web/s0', state: 'kept', messages: ['B is missing'] });
    await pass(300_000);
    expect(written).toHaveLength(2);
    await pass(310_000);
    expect(written).toHaveLength(3);
    expect(written[2]?.secrets['web/s0']?.messages).toEqual(['B is missing']);
  });

  test('that somebody asks for has all times', async () => {
    const { read, synced, pass, written, writer, signal } = await world();
    read();
    synced();
    await pass(2_000);
    await writer.writeNow({ signal });
    expect(written.at(-1)?.sources['homelab']).toMatchObject({
      goodAt: expect.any(String),
      nextAt: '2026-01-01T00:01:00Z',
    });
    await pass(60_000);
    expect(written).toHaveLength(2);
  });

  test('that cannot be written is written later', async () => {
    const { read, synced, pass, written, failures } = await world();
    failures.push(new KubeError('UNAVAILABLE', 'down'), new KubeError('FORBIDDEN', 'no'));
    read();
    synced();
    await pass(30_000);
    expect(written).toHaveLength(1);
  });

  test('of 50 Secrets costs nothing on a quiet day, and with 12 failures of the source 24 writes of less than 100 KB', async () => {
    const { clock, read, synced, written, pass } = await world();
    read();
    synced('created');
    await pass(5_000);
    const atFirst = written.length;
    for (let minute = 0; minute < 1_440; minute++) {
      read();
      if (minute % 10 === 0) synced();
      await clock.advance(30_000);
      await clock.advance(30_000);
    }
    expect(written.length - atFirst).toBe(0);
    for (let minute = 0; minute < 1_440; minute++) {
      read(minute % 120 === 0 ? down : undefined);
      await clock.advance(30_000);
      await clock.advance(30_000);
    }
    const day = written.slice(atFirst);
    expect(day).toHaveLength(24);
    const bytes = day.map((document) => Buffer.byteLength(JSON.stringify(document))).reduce((sum, one) => sum + one, 0);
    expect(bytes).toBeLessThan(100_000);
  });
});
