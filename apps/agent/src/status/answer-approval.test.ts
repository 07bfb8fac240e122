import type { CallOptions } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import type { HeldPlan } from '@hikyaku/engine';
import { expect, test } from 'vitest';
import { answerApproval, approvalQueue } from './answer-approval.ts';

const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };
const scope = 'push:homelab';
const digest = '0'.repeat(32);
const held: HeldPlan = { scope, digest, messages: [], changes: [] };

test('a service that never answers keeps no other approval waiting for ever', async () => {
  const clock = new FakeClock();
  const { signal } = new AbortController();
  const expires = new Date(clock.now() + 60_000).toISOString();
  const answer = answerApproval(
    { id: '0'.repeat(16), value: { scope, digest, expires } },
    {
      engine: {
        approve: (_, { signal: until }: CallOptions) =>
          new Promise((_resolve, reject) => until.addEventListener('abort', () => reject(new Error('aborted')))),
      },
      holds: () => [held],
      records: { secrets: new Map(), pushes: new Map() },
      isReady: () => true,
      logger: silent,
      clock,
    },
    { signal, claim: async () => true },
  );
  await clock.advance(600_000);
  expect(await answer).toMatchObject({ state: 'failed', message: expect.stringContaining('it may still go') });
  expect(clock.sleeping).toBe(0);
});

test('what is pushed to one service waits for no other approval', () => {
  const expires = new Date(0).toISOString();
  const queueOf = (of: string) => approvalQueue({ id: 'a', value: { scope: of, digest, expires } });
  const scopes = ['config', 'source:homelab', 'push:homelab', 'push:nas', 'nonsense'];
  expect(scopes.map(queueOf)).toEqual(['secrets', 'secrets', 'push:homelab', 'push:nas', 'secrets']);
});
