import { ProviderError } from '@hikyaku/core';
import type { SecretRecord } from '@hikyaku/engine';
import { expect, test } from 'vitest';
import type { NewRecord } from '../records.ts';
import { RecentChanges } from './recent-changes.ts';

let at = 0;
const clock = { now: () => at };

function secret(name: string, more: Partial<SecretRecord> = {}): NewRecord {
  return { kind: 'secret', record: { id: `web/${name}`, state: 'synced', messages: [], ...more } };
}

function told(...said: readonly NewRecord[]) {
  const changes = new RecentChanges(clock);
  for (const one of said) changes.note(one);
  return changes.latest.map(({ names, more, word, keys, message }) => [names.join(), more, word, keys.join(), message]);
}

test('what was written is told with the names of its keys, and what is as it was is not', () => {
  const changes = { added: ['A'], changed: ['B'], removed: ['C'], shape: false };
  expect(
    told(secret('app', { outcome: 'unchanged' }), secret('app', { outcome: 'updated', changes }), secret('app')),
  ).toEqual([['web/app', 0, 'updated', '+A,~B,-C', undefined]]);
});

test('coming into trouble and out of it is told once each, with the reason', () => {
  const held = secret('app', { state: 'held', messages: ['3 keys would go', 'and more'] });
  expect(told(secret('app'), held, held, secret('app'))).toEqual([
    ['web/app', 0, 'synced again', '', undefined],
    ['web/app', 0, 'held', '', '3 keys would go'],
  ]);
});

test('of a source its first read is no news; that it fails and recovers is', () => {
  const ok: NewRecord = { kind: 'source', record: { source: 'lab', ok: true } };
  const error = new ProviderError('UNAVAILABLE', 'lab is down');
  const failing: NewRecord = { kind: 'source', record: { source: 'lab', ok: false, error } };
  expect(told(ok, ok)).toEqual([]);
  expect(told(ok, failing, failing, ok).map(([, , word]) => word)).toEqual(['ok again', 'failing']);
});

test('what happens to many at once is one line, and what happens later another', () => {
  const many = Array.from({ length: 50 }, (_, i) => secret(`app-${i}`, { outcome: 'created' }));
  expect(told(...many)).toEqual([['web/app-0,web/app-1,web/app-2', 47, 'created', '', undefined]]);
  const changes = new RecentChanges(clock);
  changes.note(secret('a', { outcome: 'created' }));
  at += 60_000;
  changes.note(secret('b', { outcome: 'created' }));
  expect(changes.latest).toHaveLength(2);
});

test('no more than 100 are kept, and of each so many keys', () => {
  const added = Array.from({ length: 200 }, (_, i) => `KEY_${i}`);
  const changes = new RecentChanges(clock);
  for (let i = 0; i < 500; i++) {
    at += 60_000;
    changes.note(secret('app', { outcome: 'updated', changes: { added, changed: [], removed: [], shape: false } }));
  }
  expect(changes.latest).toHaveLength(100);
  expect(changes.latest[0]?.keys.at(-1)).toBe('and 188 more');
});

test('another config is told, and one that is refused with why', () => {
  const changes = new RecentChanges(clock);
  changes.config({ digest: 'a' });
  changes.config({ digest: 'a' });
  changes.config({ digest: 'a', problem: 'hikyaku.yaml:1:1: typ\nmore' });
  changes.config({ digest: 'b' });
  expect(changes.latest.map(({ word, message }) => [word, message])).toEqual([
    ['in force', undefined],
    ['goes on, as the new one is refused', 'hikyaku.yaml:1:1: typ'],
  ]);
});
