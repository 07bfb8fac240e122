import { testProvider } from '@hikyaku/provider-testing';
import type { Fixture } from '@hikyaku/provider-testing';
import { describe, test } from 'vitest';
import webhook from './index.ts';
import { startFakeService } from './testing/index.ts';
import type { FakeServiceFault } from './testing/index.ts';

const present = { name: 'GREETING', value: 'good morning' };

interface Shape {
  readonly operations: object;
  /** Everything is read from one answer, so that all that is wrong with an answer can be seen in it. */
  readonly atOnce?: boolean;
  readonly knowsVersions?: boolean;
}

async function openFixture({ operations, atOnce = false, knowsVersions = false }: Shape): Promise<Fixture> {
  const tokens = ['the-first-token', 'the-second-token'];
  const fake = await startFakeService({ secrets: { GREETING: 'good night' } });
  fake.setAccess(({ authorization }) => authorization === `Bearer ${tokens[0]}`);
  fake.set('GREETING', present.value);
  const fail = (fault: FakeServiceFault): void => fake.fail({ times: Number.POSITIVE_INFINITY, ...fault });
  return {
    config: { url: fake.url, ...operations },
    credentials: { token: () => tokens[0] ?? '' },
    present,
    all: () => fake.names(),
    set: (name, value) => void fake.set(name, value),
    remove: (name) => fake.remove(name),
    ...(knowsVersions && { pinned: { name: 'GREETING', version: '1', value: 'good night' } }),
    unreadable: (name) => fake.setUnreadable(name),
    faults: {
      unauthenticated: () => fail({ kind: 401 }),
      forbidden: () => fail({ kind: 403 }),
      rateLimited: (retryAfterMs) => fail({ kind: 429, retryAfter: retryAfterMs / 1000 }),
      unavailable: () => fail({ kind: '502-html' }),
      hang: () => fail({ kind: 'hang' }),
      reset: () => fail({ kind: 'reset' }),
      cut: () => fail({ kind: 'truncate' }),
      redirect: (location) => fail({ kind: 'redirect', location }),
      slow: () => fail({ kind: 'slow' }),
      truncated: () => fail({ kind: 'half-json' }),
      wrongType: () => fail({ kind: 'wrong-type' }),
      page: () => fail({ kind: 'not-json' }),
      ...(atOnce && {
        // One by one, it is the secret that is not there.
        notFound: () => fail({ kind: 404 }),
        shortList: () => fail({ kind: 'short-list' }),
      }),
    },
    recover: () => fake.recover(),
    rotate: () => void tokens.shift(),
    requests: () => fake.requests.length,
    names: ['a/b c%2F?#"\\', '飛脚', '__proto__', 'x'.repeat(1024), '%2e%2e', 'a&b=c', '${name}'],
    largest: 1024 * 1024,
    binary: true,
    empty: true,
    [Symbol.asyncDispose]: () => fake.close(),
  };
}

const write = { url: '/secrets/${name}', body: { base64: '${valueBase64}' }, conditional: true };
const remove = { url: '/secrets/${name}', conditional: true };

describe('one by one', () => {
  testProvider(test, webhook, () =>
    openFixture({
      operations: {
        read: { url: '/secrets/${name}', query: { version: '${version}' }, result: '$.data.base64', decode: 'base64' },
        list: { url: '/names', name: '$.name' },
        write,
        delete: remove,
      },
      knowsVersions: true,
    }),
  );
});

describe('one by one, with the versions of the list', () => {
  testProvider(test, webhook, () =>
    openFixture({
      operations: {
        read: {
          url: '/secrets/${name}?version=${version:-0}',
          result: '$.data.base64',
          version: '$.data.version',
          decode: 'base64',
        },
        list: { url: '/names', name: '$.name', version: '$.version' },
      },
      knowsVersions: true,
    }),
  );
});

describe('all at once, as a list in pages', () => {
  testProvider(test, webhook, () =>
    openFixture({
      operations: {
        readAll: {
          url: '/secrets',
          query: { limit: '2', cursor: '${next}' },
          result: '$.items',
          name: '$.name',
          value: '$.base64',
          decode: 'base64',
          next: '$.next',
          total: '$.total',
        },
        write,
        delete: remove,
      },
      atOnce: true,
    }),
  );
});

describe('all at once, in one answer', () => {
  testProvider(test, webhook, () =>
    openFixture({
      operations: {
        readAll: {
          url: '/secrets',
          result: '$.items',
          name: '$.name',
          value: '$.base64',
          decode: 'base64',
          total: '$.total',
        },
        write,
        delete: remove,
      },
      atOnce: true,
    }),
  );
});
