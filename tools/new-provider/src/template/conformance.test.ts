import { testProvider } from '@hikyaku/provider-testing';
import { test } from 'vitest';
import provider from './index.ts';
import { startFakeAcme } from './testing/index.ts';

/** What acme cannot have, with the reason. */
const without = {
  pinned: 'acme keeps no versions to pin',
  write: 'not written yet',
  watch: 'acme does not tell of changes',
  binary: 'values are text in JSON',
};

testProvider(
  test,
  provider,
  async () => {
    const fake = await startFakeAcme({ GREETING: 'good morning', OTHER: 'something else' });
    return {
      config: { url: fake.url },
      credentials: { token: () => fake.token },
      present: { name: 'GREETING', value: 'good morning' },
      all: () => fake.names(),
      set: (name, value) => fake.set(name, Buffer.from(value).toString()),
      remove: (name) => fake.remove(name),
      rotate: () => fake.rotate(),
      unreadable: (name) => fake.fail({ status: 403, name }),
      faults: {
        unauthenticated: () => fake.fail({ status: 401 }),
        forbidden: () => fake.fail({ status: 403 }),
        notFound: () => fake.fail({ status: 404 }),
        rateLimited: (retryAfterMs) => fake.fail({ status: 429, headers: { 'retry-after': `${retryAfterMs / 1000}` } }),
        unavailable: () => fake.fail({ status: 503, body: '<html>a proxy says so</html>' }),
        hang: () => fake.fail('hang'),
        reset: () => fake.fail('reset'),
        shortList: () => fake.fail('short list'),
        wrongType: () => fake.fail({ status: 200, body: '[]' }),
        page: () => fake.fail({ status: 200, body: '<html>log in</html>' }),
        redirect: (location) => fake.fail({ status: 302, headers: { location } }),
      },
      recover: () => fake.recover(),
      requests: () => fake.requests,
      names: ['db/url', 'a b', '.hidden', 'パスワード'],
      empty: true,
      [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
    };
  },
  { without },
);
