import type { CallOptions } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import { expect, test } from 'vitest';
import { Records } from '../records.ts';
import { answerRefresh } from './answer-refresh.ts';

const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };
const secrets = [
  {
    namespace: 'web',
    name: 'app',
    bulk: [{ source: 'homelab', include: ['*'], exclude: [], rename: undefined }],
    items: new Map(),
  },
];

test('a source that asks to be left alone keeps nobody waiting for ever', async () => {
  const clock = new FakeClock();
  const { signal } = new AbortController();
  let claims = 0;
  const answer = answerRefresh(
    { id: '0'.repeat(16), value: { kind: 'refresh', what: 'homelab' } },
    {
      engine: {
        refresh: (_, { signal: until }: CallOptions) =>
          new Promise((_resolve, reject) => until.addEventListener('abort', () => reject(new Error('aborted')))),
        tryNow: () => {},
      },
      records: new Records(silent, undefined, clock),
      config: () => ({ secrets, pushes: [] }) as never,
      writeStatus: async () => {},
      logger: silent,
      clock,
    },
    { signal, claim: async () => claims++ === 0 },
  );
  await clock.advance(600_000);
  expect(await answer).toMatchObject({ state: 'refused', message: expect.stringContaining('10 minutes') });
  expect(claims).toBe(1);
  expect(clock.sleeping).toBe(0);
});
