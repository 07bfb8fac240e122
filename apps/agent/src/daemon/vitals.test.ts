import { FakeClock } from '@hikyaku/core/testing';
import { beforeEach, expect, test } from 'vitest';
import { Vitals } from './vitals.ts';

const RESYNC_MS = 600_000;
let clock: FakeClock;
let vitals: Vitals;
let reconciledAt: number | undefined;
let readAt: Map<string, number | undefined>;

beforeEach(() => {
  clock = new FakeClock();
  vitals = new Vitals(clock);
  reconciledAt = undefined;
  readAt = new Map([['homelab', undefined]]);
});

function begin(): void {
  vitals.engine = {
    resyncMs: RESYNC_MS,
    notice: () => {},
    get progress() {
      return { readAt, ...(reconciledAt !== undefined && { reconciledAt }) };
    },
  };
}

test('it is ready when every source was read and what came of it was written, and stays so', async () => {
  expect(vitals.ready()).toEqual(['starting']);
  begin();
  expect(vitals.ready()).toEqual(['homelab was not read yet']);
  reconciledAt = clock.monotonic();
  await clock.advance(1);
  readAt.set('homelab', clock.monotonic());
  expect(vitals.ready()).toEqual(['Secrets are being written']);
  reconciledAt = clock.monotonic();
  expect(vitals.ready()).toEqual([]);
  readAt.set('nas', undefined);
  expect(vitals.ready()).toEqual([]);
});

test('without any source the first reconcile makes it ready', () => {
  readAt.clear();
  begin();
  expect(vitals.ready()).not.toEqual([]);
  reconciledAt = clock.monotonic();
  expect(vitals.ready()).toEqual([]);
});

test('a replica that waits for its turn is ready as long as another one leads', () => {
  const election = { isLeading: false, leader: '' };
  vitals.election = election;
  expect(vitals.ready()).toEqual(['starting']);
  election.leader = 'another';
  expect(vitals.ready()).toEqual([]);
  election.isLeading = true;
  expect(vitals.ready()).toEqual(['starting']);
});

test('an engine that finishes nothing for three resyncs is not live, whether it ever has or not', async () => {
  begin();
  expect(vitals.live()).toEqual([]);
  await clock.advance(RESYNC_MS * 3);
  expect(vitals.live()).toEqual([]);
  await clock.advance(1_000);
  expect(vitals.live()).toEqual(['nothing was finished for 1801 s']);
  reconciledAt = clock.monotonic();
  expect(vitals.live()).toEqual([]);
  await clock.advance(RESYNC_MS * 3 + 1);
  expect(vitals.live()).not.toEqual([]);
});

test('a source that is stuck is no reason for a restart', async () => {
  begin();
  for (let times = 0; times < 10; times++) {
    await clock.advance(RESYNC_MS);
    reconciledAt = clock.monotonic();
    expect(vitals.live()).toEqual([]);
  }
  expect(vitals.ready()).toEqual(['homelab was not read yet']);
});

test('an engine that begins anew has all the time again', async () => {
  begin();
  expect(vitals.live()).toEqual([]);
  await clock.advance(RESYNC_MS * 4);
  vitals.engine = undefined;
  expect(vitals.live()).toEqual([]);
  begin();
  expect(vitals.live()).toEqual([]);
});
