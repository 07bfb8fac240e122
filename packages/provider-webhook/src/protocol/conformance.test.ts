import { testProvider } from '@hikyaku/provider-testing';
import { test } from 'vitest';
import webhook from '../index.ts';
import { startFakeProtocol } from '../testing/index.ts';
import type { FakeProtocolFault } from '../testing/index.ts';

const present = { name: 'GREETING', value: 'good morning' };

testProvider(test, webhook, async () => {
  const tokens = ['the-first-token', 'the-second-token'];
  const fake = await startFakeProtocol({ token: 'the-first-token', secrets: { GREETING: 'good night' } });
  const pinned = { name: 'GREETING', version: 'v1', value: 'good night' };
  fake.set('GREETING', present.value);
  const fail = (fault: FakeProtocolFault): void => fake.fail({ times: Number.POSITIVE_INFINITY, ...fault });
  return {
    config: { protocol: 'hikyaku', url: fake.url, requestsPerMinute: 6000 },
    credentials: { token: () => tokens[0] ?? '' },
    present,
    all: () => fake.names(),
    set: (name, value) => void fake.set(name, value),
    remove: (name) => fake.remove(name),
    pinned,
    unreadable: (name) => fake.setUnreadable(name, { code: 'UNAVAILABLE' }),
    faults: {
      unauthenticated: () => fail({ kind: '401' }),
      forbidden: () => fail({ kind: '403' }),
      notFound: () => fail({ kind: '404' }),
      rateLimited: (retryAfterMs) => fail({ kind: '429', retryAfter: retryAfterMs / 1000 }),
      unavailable: () => fail({ kind: '502-html' }),
      hang: () => fail({ kind: 'hang' }),
      reset: () => fail({ kind: 'reset' }),
      cut: () => fail({ kind: 'truncate' }),
      truncated: () => fail({ kind: 'half-json' }),
      shortList: () => fail({ kind: 'no-complete' }),
      wrongType: () => fail({ kind: 'wrong-type' }),
      page: () => fail({ kind: 'not-json' }),
      redirect: (location) => fail({ kind: '302', location }),
      slow: () => fail({ kind: 'slow' }),
    },
    recover: () => fake.recover(),
    rotate() {
      tokens.shift();
      fake.setToken(tokens[0]);
    },
    requests: () => fake.requests.length,
    names: ['a/b c%2F?#"\\', '..', '飛脚', '__proto__', 'x'.repeat(1024)],
    largest: 2 * 1024 * 1024,
    binary: true,
    empty: true,
    [Symbol.asyncDispose]: () => fake.close(),
  };
});
