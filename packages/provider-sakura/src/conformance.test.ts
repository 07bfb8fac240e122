import { FakeClock } from '@hikyaku/core/testing';
import { testProvider } from '@hikyaku/provider-testing';
import type { Fixture } from '@hikyaku/provider-testing';
import { describe, test } from 'vitest';
import { clusterKey, many } from './sakura.test.kit.ts';
import sakura from './index.ts';
import { startFakeSakura } from './testing/index.ts';
import type { FakeFault, FakeSakuraOptions } from './testing/index.ts';

const { publicKey, privateKey } = clusterKey();

interface Options extends FakeSakuraOptions {
  readonly as?: 'key' | 'principal';
}

/** A fake with one vault, and what the suite may do to it. */
async function openFixture({ as = 'key', ...options }: Options): Promise<Fixture> {
  const clock = new FakeClock();
  // The suite sends more requests than fit into a minute, and asks for no time in between.
  const fake = await startFakeSakura({ ...options, clock, perMinute: 10_000 });
  const vault = fake.addVault({ secrets: { PRESENT: 'correct-horse-battery', ...many(10) } });
  fake.set(vault, 'PINNED', 'the older one');
  fake.set(vault, 'PINNED', 'the later one');
  let key = fake.addKey();
  const principal = fake.addPrincipal();
  const kid = fake.uploadKey(principal, publicKey);
  const login: Pick<Fixture, 'credentials' | 'cluster' | 'signingKey' | 'tokens'> =
    as === 'key'
      ? { credentials: { accessToken: () => key.accessToken, accessTokenSecret: () => key.accessTokenSecret } }
      : { cluster: 'home', signingKey: privateKey, tokens: () => [...fake.accessTokens, ...fake.assertions] };
  const begin = (fault: FakeFault) => fake.fail({ times: Number.POSITIVE_INFINITY, ...fault });
  return {
    clock,
    config: {
      vault,
      url: fake.url,
      ...(as === 'principal' && { servicePrincipal: { id: principal, kid: { home: kid } } }),
    },
    ...login,
    present: { name: 'PRESENT', value: 'correct-horse-battery' },
    pinned: { name: 'PINNED', version: '1', value: 'the older one' },
    all: () => [...fake.secrets(vault).keys()],
    set: (name, value) => void fake.set(vault, name, Buffer.from(value).toString()),
    remove: (name) => fake.remove(vault, name),
    unreadable: (secret) => begin({ kind: 'status', status: 403, on: 'unveil', secret }),
    faults: {
      unauthenticated: () => begin({ kind: 'status', status: 401, errorCode: 'unauthorized' }),
      forbidden: () => begin({ kind: 'status', status: 403, errorCode: 'forbidden' }),
      notFound: () => fake.removeVault(vault),
      rateLimited: (afterMs) => begin({ kind: 'status', status: 429, retryAfter: afterMs / 1000 }),
      unavailable: () => begin({ kind: 'page', status: 502 }),
      hang: () => begin({ kind: 'hang' }),
      reset: () => begin({ kind: 'reset' }),
      cut: () => begin({ kind: 'truncate' }),
      truncated: () => begin({ kind: 'half-json' }),
      shortList: () => begin({ kind: 'short-list', on: 'list' }),
      wrongType: () => begin({ kind: 'wrong-types' }),
      page: () => begin({ kind: 'page' }),
      redirect: (location) => begin({ kind: 'redirect', location }),
      slow: () => begin({ kind: 'slow' }),
    },
    recover() {
      fake.clearFaults();
      fake.restoreVault(vault);
    },
    rotate() {
      fake.revokeTokens();
      fake.revokeKey(key.accessToken);
      key = fake.addKey();
    },
    requests: () => fake.counters.requests,
    names: ['db/url', 'a b', '.hidden', 'パスワード', '"quoted\\"', 'n'.repeat(255)],
    largest: 65_536,
    empty: true,
    [Symbol.asyncDispose]: () => fake.close(),
  };
}

describe.each<[string, Options]>([
  ['the service', {}],
  ['the service, as a service principal', { as: 'principal' }],
  ['the service, with tokens that last a minute', { as: 'principal', tokenLifetime: 60 }],
  ["the vendor's mock", { mock: true }],
])('%s', (_, options) => {
  testProvider(test, sakura, () => openFixture(options), {
    without: {
      binary: 'values are text',
      watch: 'SAKURA tells nobody of changes',
      close: 'a client holds nothing open',
    },
  });
});
