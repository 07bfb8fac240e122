import type { LogFields, Logger } from '@hikyaku/core';
import { ProviderError } from '@hikyaku/core';
import type { HeldPlan, PushRecord, SecretRecord, SourceRecord } from '@hikyaku/engine';
import { describe, expect, test } from 'vitest';
import { Records } from './records.ts';
import { holdsOf } from './status/build-status.ts';

function createWorld() {
  const lines: string[] = [];
  const seen: LogFields[] = [];
  const at = (level: string) => (fields: LogFields, message: string) => {
    lines.push(`${level} ${message}`);
    seen.push(fields);
  };
  const logger: Logger = {
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
  };
  let called = 0;
  const records = new Records(logger, () => called++);
  return {
    records,
    seen,
    get called() {
      return called;
    },
    secret: (record: Partial<SecretRecord>): string | undefined => {
      records.secret({ id: 'web/app', state: 'synced', messages: [], ...record });
      return lines.at(-1);
    },
    push: (record: Partial<PushRecord>): string | undefined => {
      records.push({
        id: 'web/app → homelab',
        from: 'web/app',
        to: 'homelab',
        state: 'pushed',
        messages: [],
        ...record,
      });
      return lines.at(-1);
    },
    source: (record: Partial<SourceRecord>): string | undefined => {
      records.source({ source: 'homelab', ok: true, ...record });
      return lines.at(-1);
    },
  };
}

describe('pushes', () => {
  const changes = { added: ['A'], changed: [], removed: [] };

  test('what was pushed is said; that nothing was only for who looks closely', () => {
    const { push, seen } = createWorld();
    expect(push({ changes })).toBe('info pushed');
    expect(seen.at(-1)).toEqual({ push: 'web/app → homelab', state: 'pushed', changes });
    expect(push({})).toBe('debug nothing to push');
    expect(push({ messages: ['B is not as it was pushed any more'] })).toBe('info pushed');
    expect(push({ state: 'removed', changes })).toBe('info pushed');
  });

  test('a problem is said once, until it is another, or something was pushed beside it', () => {
    const { push } = createWorld();
    expect(push({ state: 'held', messages: ['changed there'] })).toBe('warn not pushed');
    expect(push({ state: 'held', messages: ['changed there'] })).toBe('debug still not pushed');
    expect(push({ state: 'held', messages: ['changed there'], changes })).toBe('warn not pushed');
    expect(push({ state: 'failed', messages: ['no answer'] })).toBe('warn not pushed');
    expect(push({})).toBe('info push recovered');
  });
});

describe('Secrets', () => {
  test('what was done is said; that nothing was done only for who looks closely', () => {
    const { secret } = createWorld();
    expect(secret({ outcome: 'created' })).toBe('info applied');
    expect(secret({ outcome: 'unchanged' })).toBe('debug unchanged');
    expect(secret({ outcome: 'repaired' })).toBe('info applied');
    expect(secret({ state: 'removed', outcome: 'deleted' })).toBe('info applied');
    expect(secret({ state: 'left' })).toBe('info applied');
  });

  test('a problem is said once, until it is another', () => {
    const { secret } = createWorld();
    expect(secret({ state: 'failed', messages: ['no answer'] })).toBe('warn not synced');
    expect(secret({ state: 'failed', messages: ['no answer'] })).toBe('debug still not synced');
    expect(secret({ state: 'failed', messages: ['quota'] })).toBe('warn not synced');
    expect(secret({ state: 'refused', messages: ['quota'] })).toBe('warn not synced');
    expect(secret({ state: 'refused', messages: ['quota', 'more'] })).toBe('warn not synced');
  });

  test('that it is over is said, also where nothing had to be written', () => {
    const { secret } = createWorld();
    secret({ state: 'failed', messages: ['no answer'] });
    expect(secret({ outcome: 'unchanged' })).toBe('info recovered');
    expect(secret({ outcome: 'unchanged' })).toBe('debug unchanged');
  });

  test('what recovered and fails again is said again', () => {
    const { secret } = createWorld();
    secret({ state: 'failed', messages: ['no answer'] });
    secret({ outcome: 'unchanged' });
    expect(secret({ state: 'failed', messages: ['no answer'] })).toBe('warn not synced');
  });

  test('a contest is said once, however often it is put right', () => {
    const { secret } = createWorld();
    const contested = { state: 'contested', outcome: 'repaired', messages: ['somebody else'] } as const;
    expect(secret(contested)).toBe('warn not synced');
    expect(secret(contested)).toBe('debug still not synced');
    expect(secret({ outcome: 'unchanged' })).toBe('info recovered');
  });

  test('one does not speak for another', () => {
    const { secret } = createWorld();
    secret({ state: 'failed', messages: ['no answer'] });
    expect(secret({ id: 'web/other', state: 'failed', messages: ['no answer'] })).toBe('warn not synced');
  });

  test('the fields have the names that they have everywhere', () => {
    const { secret, seen } = createWorld();
    const changes = { added: ['A'], changed: [], removed: [], shape: false };
    secret({ outcome: 'updated', changes });
    expect(seen.at(-1)).toEqual({ secret: 'web/app', state: 'synced', outcome: 'updated', changes });
    secret({ state: 'held', messages: ['too much'], changes });
    expect(seen.at(-1)).toMatchObject({ secret: 'web/app', state: 'held', messages: ['too much'] });
  });
});

describe('sources', () => {
  const down = new ProviderError('UNAVAILABLE', 'the service is down');

  test('the first read is said, the others only for who looks closely', () => {
    const { source } = createWorld();
    expect(source({ secrets: 3 })).toBe('info source read');
    expect(source({ secrets: 3 })).toBe('debug source read');
  });

  test('a failure is said once, until it is another, and that it is over', () => {
    const { source, seen } = createWorld();
    expect(source({ ok: false, error: down })).toBe('warn source failed');
    expect(seen.at(-1)).toEqual({ source: 'homelab', error: down });
    expect(source({ ok: false, error: new ProviderError('UNAVAILABLE', 'the service is down') })).toBe(
      'debug source still failing',
    );
    expect(source({ ok: false, error: new ProviderError('UNAUTHENTICATED', 'refused') })).toBe('warn source failed');
    expect(source({ ok: false, error: down, stuck: true })).toBe('warn source failed');
    expect(seen.at(-1)).toEqual({ source: 'homelab', error: down, stuck: true });
    expect(source({})).toBe('info source recovered');
    expect(source({})).toBe('debug source read');
    expect(source({ ok: false, error: down })).toBe('warn source failed');
  });
});

test('the latest of each is kept, and every one is told', () => {
  const world = createWorld();
  world.secret({ state: 'failed', messages: ['x'] });
  world.secret({ outcome: 'created' });
  world.source({ secrets: 1 });
  expect(world.called).toBe(3);
  expect(world.records.secrets.get('web/app')).toMatchObject({ state: 'synced', outcome: 'created' });
  expect(world.records.sources.get('homelab')).toMatchObject({ ok: true, secrets: 1 });
});

test('with another config what is over is forgotten, and what goes on is not', () => {
  const { records, secret, push, source } = createWorld();
  secret({ id: 'web/old', state: 'removed' });
  secret({ id: 'web/failing', state: 'failed', messages: ['no'] });
  secret({});
  push({ state: 'left' });
  source({ source: 'gone' });
  source({});
  records.forgetEnded(new Set(['homelab']), new Set(['homelab']));
  expect([...records.secrets.keys()]).toEqual(['web/failing', 'web/app']);
  expect([...records.sources.keys()]).toEqual(['homelab']);
  expect(records.pushes.size).toBe(0);
  expect(records.moments.of('secret web/old')).toBeUndefined();
  expect(records.moments.of('secret web/app')).toBeDefined();
});

describe('what was wrong with a push', () => {
  const held: HeldPlan = { scope: 'push:homelab', digest: '0', messages: [], changes: [] };

  test('is over when its entry has left the config, and only then', () => {
    const { records, push } = createWorld();
    push({ id: 'web/gone → homelab', from: 'web/gone', state: 'held', messages: ['another A'] });
    push({ state: 'refused', messages: ['no grant'] });
    push({ id: 'web/app → nas', to: 'nas', state: 'failed', messages: ['down'] });
    records.pushesTo('homelab', new Set(['web/app → homelab']));
    const states = [...records.pushes.values()].map(({ id, state }) => [id, state]);
    expect(states).toEqual([
      ['web/gone → homelab', 'left'],
      ['web/app → homelab', 'refused'],
      ['web/app → nas', 'failed'],
    ]);
  });

  test('is over when nothing is pushed to its source any more, and so is what was held of it', () => {
    const { records, push } = createWorld();
    push({ state: 'held', messages: ['another A'] });
    records.held('push:homelab', [held]);
    records.forgetEnded(new Set(['homelab']), new Set());
    expect(records.pushes.size).toBe(0);
    expect(records.holds.size).toBe(0);
    expect(holdsOf({ secrets: [], pushes: [] }, records)).toEqual([]);
  });
});
