import { FakeClock } from '@hikyaku/core/testing';
import type { InventoryEntry } from '@hikyaku/engine';
import type { KubeObject, NamedEvent } from '@hikyaku/kube-client';
import { expect, test } from 'vitest';
import { DriftJudge } from './drift-judge.ts';

const ID = 'web/app';

function judging(entry: Partial<InventoryEntry> | undefined = { uid: 'uid', resourceVersion: '5' }) {
  const clock = new FakeClock();
  const entries = new Map<string, InventoryEntry>();
  const wrote = (more: Partial<InventoryEntry>) =>
    entries.set(ID, { id: ID, keys: new Map(), existing: 'refuse', whenRemoved: 'delete', ...more });
  if (entry !== undefined) wrote(entry);
  const judge = new DriftJudge({ clock, entries: () => entries });
  return { clock, judge, wrote, entries };
}

/** Written last by the first of these, a second after the others. */
function present(
  resourceVersion: string,
  by: readonly string[] = ['kubectl-edit', 'hikyaku'],
  second = 20,
): NamedEvent {
  const managedFields = by.map((manager, index) => ({ manager, time: `2026-01-01T00:00:${second - index}Z` }));
  const metadata: KubeObject['metadata'] = { name: 'app', resourceVersion, managedFields };
  return { type: 'PRESENT', object: { metadata } };
}

test('what is as it was written is no drift', async () => {
  const { clock, judge } = judging();
  judge.saw(ID, present('5', ['hikyaku']));
  await clock.advance(100);
  expect(judge.judge()).toEqual([]);
  expect(judge.nextAt).toBe(Infinity);
});

test('what has another version is drift after a tenth of a second, once', async () => {
  const { clock, judge } = judging();
  judge.saw(ID, present('6'));
  expect(judge.judge()).toEqual([]);
  expect(judge.nextAt - clock.monotonic()).toBe(100);
  await clock.advance(100);
  expect(judge.judge()).toEqual([ID]);
  // Also where it is told of again, by a watch that begins anew.
  judge.saw(ID, present('6'));
  await clock.advance(10_000);
  expect(judge.judge()).toEqual([]);
});

test('our own write, told of before its answer has come, is no drift', async () => {
  const { clock, judge, wrote } = judging();
  judge.saw(ID, present('6', ['hikyaku']));
  await clock.advance(50);
  wrote({ uid: 'uid', resourceVersion: '6' });
  await clock.advance(50);
  expect(judge.judge()).toEqual([]);
});

test('what another agent of ours has written is waited for in the inventory', async () => {
  const { clock, judge, wrote } = judging();
  judge.saw(ID, present('5', ['hikyaku'], 20));
  await clock.advance(100);
  judge.judge();
  judge.saw(ID, present('6', ['hikyaku'], 30));
  await clock.advance(100);
  expect(judge.judge()).toEqual([]);
  await clock.advance(4_900);
  wrote({ uid: 'uid', resourceVersion: '6' });
  await clock.advance(100);
  expect(judge.judge()).toEqual([]);
});

test('what calls itself one of us and is in no inventory is drift after five seconds', async () => {
  const { clock, judge } = judging();
  judge.saw(ID, present('6', ['hikyaku']));
  await clock.advance(5_000);
  expect(judge.judge()).toEqual([]);
  await clock.advance(5_000);
  expect(judge.judge()).toEqual([ID]);
});

test('a key that somebody took out, which leaves nobody’s mark, is drift at once', async () => {
  const { clock, judge } = judging();
  judge.saw(ID, present('5', ['hikyaku'], 20));
  await clock.advance(100);
  judge.judge();
  judge.saw(ID, present('6', ['hikyaku'], 20));
  await clock.advance(100);
  expect(judge.judge()).toEqual([ID]);
});

test('who changes it without end does not put it off', async () => {
  const { clock, judge } = judging();
  const drifted: string[] = [];
  for (let version = 6; version < 26; version++) {
    judge.saw(ID, present(String(version)));
    await clock.advance(10);
    drifted.push(...judge.judge());
  }
  expect(drifted).toEqual([ID, ID]);
});

test('a deletion is drift; what is not known after a gap is so only when nothing is told for a minute', async () => {
  const { clock, judge } = judging();
  judge.saw(ID, { type: 'ABSENT' });
  await clock.advance(100);
  expect(judge.judge()).toEqual([ID]);
  judge.saw(ID, { type: 'UNKNOWN' });
  await clock.advance(59_000);
  expect(judge.judge()).toEqual([]);
  judge.saw(ID, present('5', ['hikyaku']));
  await clock.advance(1_000);
  expect(judge.judge()).toEqual([]);
  judge.saw(ID, { type: 'UNKNOWN' });
  await clock.advance(60_000);
  expect(judge.judge()).toEqual([ID]);
});

test.each([
  ['was never written', { keys: new Map() }],
  ['is not in the inventory', undefined],
])('what %s is none of our business', async (_, entry) => {
  const { clock, judge, entries } = judging();
  entries.clear();
  if (entry !== undefined) entries.set(ID, { id: ID, existing: 'refuse', whenRemoved: 'delete', ...entry });
  judge.saw(ID, present('6'));
  judge.saw('web/other', { type: 'ABSENT' });
  await clock.advance(10_000);
  expect(judge.judge()).toEqual([]);
});
