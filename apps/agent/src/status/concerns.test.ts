import type { StatusDocument } from '@hikyaku/kubernetes';
import { describe, expect, test } from 'vitest';
import { concernsOf, openQuestions, overText } from './concerns.ts';

function status(parts: Partial<StatusDocument>): StatusDocument {
  return {
    version: 1,
    writtenAt: '2026-01-01T00:00:00Z',
    agent: { version: '1.0.0', startedAt: '2026-01-01T00:00:00Z' },
    config: { digest: 'd', loadedAt: '2026-01-01T00:00:00Z' },
    sources: {},
    secrets: {},
    pushes: {},
    restarts: {},
    holds: [],
    ...parts,
  };
}

describe('what a person should know', () => {
  test('of what is well, on its way or not looked at yet, nothing', () => {
    const calm = status({
      sources: { a: { state: 'ok' }, b: { state: 'reading', pending: 3 }, c: { state: 'unread' } },
      secrets: { 'web/a': { state: 'synced' }, 'web/b': { state: 'waiting' }, 'web/c': { state: 'left' } },
      pushes: { 'web/a → a': { state: 'pushed' } },
      restarts: {
        'web/Deployment/a': { state: 'waiting', secrets: ['web/a'] },
        'web/Deployment/b': { state: 'left', secrets: ['web/a'], messages: ['it is paused'] },
      },
    });
    expect(concernsOf(calm)).toEqual([]);
    expect([...openQuestions(calm)]).toEqual(['source c', 'secret web/b']);
  });

  test('a Secret whose source is being read is on its way; one whose source fails is not', () => {
    const waiting = { state: 'waiting', messages: ['nas has not been read yet'] } as const;
    const pending = { state: 'waiting', messages: ['3 secrets are still to be read'] } as const;
    const missing = { state: 'waiting', messages: ['namespace web does not exist'] } as const;
    const secrets = { 'web/a': waiting, 'web/b': pending, 'web/c': missing };
    const names = (state: 'unread' | 'reading' | 'failing') =>
      concernsOf(status({ sources: { nas: { state } }, secrets })).map(({ name }) => name);
    expect(names('unread')).toEqual(['web/c']);
    expect(names('reading')).toEqual(['web/c']);
    expect(names('failing')).toEqual(['nas', 'web/a', 'web/b', 'web/c']);
  });

  test('a source that fails has the code as its reason, and is named', () => {
    const failing = { state: 'failing', code: 'RATE_LIMITED', message: 'too many requests; wait' } as const;
    expect(concernsOf(status({ sources: { nas: failing } }))).toEqual([
      {
        id: 'source nas',
        kind: 'source',
        reason: 'SourceRateLimited',
        name: 'nas',
        message: 'source nas: too many requests; wait',
      },
    ]);
    const [part] = concernsOf(status({ sources: { a: { ...failing, message: 'bad token' } } }));
    expect(part).toMatchObject({ message: 'source a: bad token' });
    const [stuck] = concernsOf(status({ sources: { nas: { ...failing, message: 'nas is slow', stuck: true } } }));
    expect(stuck).toMatchObject({
      reason: 'SourceStuck',
      message: 'nas is slow; the last read had no end and was given up',
    });
  });

  test('nothing in it moves the cursor of a terminal', () => {
    const message = 'nas says \u001B[2Jfine\nSecret web/a is fine';
    const [only] = concernsOf(status({ sources: { nas: { state: 'failing', code: 'UNAVAILABLE', message } } }));
    expect(only?.message).toBe('nas says \\u001b[2Jfine\\u000aSecret web/a is fine');
  });

  test('each Secret, push and restart that is not well says all that is wrong with it', () => {
    const concerns = concernsOf(
      status({
        secrets: {
          'web/a': { state: 'refused', messages: ['it is foreign', 'no A'] },
          'web/b': { state: 'contested' },
        },
        pushes: { 'web/a → nas': { state: 'waiting', messages: ['Secret web/a is not there'] } },
        restarts: { 'web/Deployment/a': { state: 'refused', secrets: ['web/a'], messages: ['not granted'] } },
      }),
    );
    expect(concerns.map(({ id, reason, message }) => [id, reason, message])).toEqual([
      ['secret web/a', 'SecretRefused', 'Secret web/a: it is foreign; no A'],
      ['secret web/b', 'SecretContested', 'Secret web/b is not as it should be'],
      ['push web/a → nas', 'PushWaiting', 'push web/a → nas: Secret web/a is not there'],
      ['restart web/Deployment/a', 'RestartRefused', 'web/Deployment/a: not granted'],
    ]);
  });

  test('what is held says how it is let go, in the hold and in each Secret', () => {
    const concerns = concernsOf(
      status({
        secrets: { 'web/a': { state: 'held', messages: ['2 of 2 keys would go'] } },
        holds: [
          {
            scope: 'source:nas',
            digest: 'x',
            messages: ['2 of 2 keys would go'],
            changes: [{ id: 'web/a', removed: ['A', 'B'] }],
          },
        ],
      }),
    );
    expect(concerns).toMatchObject([
      {
        id: 'secret web/a',
        reason: 'SecretHeld',
        message: 'Secret web/a: 2 of 2 keys would go; hikyaku approve nas',
      },
      {
        id: 'hold source:nas',
        reason: 'Held',
        message: 'held of the source nas: 2 of 2 keys would go; look at it, and let it go, with hikyaku approve nas',
      },
    ]);
  });

  test('of the config: that it is refused, with its mistakes, and that the cluster is not known', () => {
    const config = { digest: 'd', loadedAt: '2026-01-01T00:00:00Z', problem: 'a:1:2: no\nb:3:4: no', undecided: 2 };
    expect(concernsOf(status({ config }))).toMatchObject([
      {
        id: 'config problem',
        reason: 'ConfigRefused',
        message: 'the config that is there is not in force, the last good one goes on: a:1:2: no; b:3:4: no',
      },
      { id: 'config cluster', reason: 'ClusterUnknown', message: expect.stringContaining('--cluster NAME') },
    ]);
  });

  test('when it is over, it is said whether the thing is well or gone', () => {
    const now = status({ secrets: { 'web/a': { state: 'synced' } } });
    expect(overText({ kind: 'secret', name: 'web/a' }, now)).toBe('Secret web/a is as it should be');
    expect(overText({ kind: 'secret', name: 'web/b' }, now)).toBe('Secret web/b is no more of the config');
    expect(overText({ kind: 'source', name: 'nas' }, now)).toBe('source nas is not used any more');
  });
});
