import { testProvider } from '@hikyaku/provider-testing';
import type { Fixture } from '@hikyaku/provider-testing';
import { describe, test } from 'vitest';
import { fakeIssuer } from './fake-issuer.test.kit.ts';
import doppler from './index.ts';
import { startFakeDoppler } from './testing/index.ts';
import type { FakeFault } from './testing/index.ts';

const present = { name: 'GREETING', value: 'correct-horse-battery' };
const MANY = 1_000_000;

const issuer = fakeIssuer();
const subject = 'system:serviceaccount:hikyaku:hikyaku';

interface Options {
  readonly as: 'token' | 'identity';
  /** Of the identity's tokens. */
  readonly lifetimeMs?: number;
}

async function openFixture({ as, lifetimeMs }: Options): Promise<Fixture> {
  // The suite asks more often than the free plan allows.
  const fake = await startFakeDoppler({ limits: { reads: MANY, secretReads: MANY, writes: MANY } });
  fake.addConfig('homelab', 'prd', { [present.name]: present.value, OTHER: 'something else' });
  const restricted = new Map<string, string>();
  const values = new Map<string, string>();
  // A personal token: restricted values do not come with it.
  let token = fake.personalToken();
  const audience = fake.url;
  const identity = fake.addIdentity({
    issuer: issuer.url,
    keys: issuer.keys,
    audience,
    subject,
    ...(lifetimeMs !== undefined && { lifetimeMs }),
  });
  const exp = Date.now() / 1000 + 3600;
  const jwt = issuer.sign({ iss: issuer.url, sub: subject, aud: [audience], exp });
  const login: Pick<Fixture, 'credentials' | 'serviceAccountTokens' | 'tokens'> =
    as === 'token'
      ? { credentials: { token: () => token } }
      : { serviceAccountTokens: { [audience]: jwt }, tokens: () => fake.identityTokens };
  const begin = (fault: FakeFault): void => fake.fail({ times: Number.POSITIVE_INFINITY, ...fault });
  return {
    config: { url: fake.url, project: 'homelab', config: 'prd', ...(as === 'identity' && { oidc: { identity } }) },
    ...login,
    present,
    all: () => fake.names('homelab', 'prd').filter((name) => !name.startsWith('DOPPLER_')),
    set(name, value) {
      const text = Buffer.from(value).toString();
      values.set(name, text);
      fake.set('homelab', 'prd', name, text);
    },
    remove: (name) => fake.remove('homelab', 'prd', name),
    ...(as === 'token' && {
      unreadable(name: string) {
        restricted.set(name, values.get(name) ?? '');
        fake.set('homelab', 'prd', name, values.get(name) ?? '', { visibility: 'restricted' });
      },
    }),
    faults: {
      unauthenticated: () => begin({ kind: '401' }),
      forbidden: () => begin({ kind: '403' }),
      notFound: () => begin({ kind: '404' }),
      rateLimited: (afterMs) => begin({ kind: '429', retryAfter: afterMs / 1000 }),
      unavailable: () => begin({ kind: '502-html' }),
      hang: () => begin({ kind: 'hang' }),
      reset: () => begin({ kind: 'reset' }),
      cut: () => begin({ kind: 'truncate' }),
      truncated: () => begin({ kind: 'half-json' }),
      shortList: () => begin({ kind: 'empty' }),
      wrongType: () => begin({ kind: 'list' }),
      page: () => begin({ kind: 'not-json' }),
      redirect: (location) => begin({ kind: '302', location }),
      slow: () => begin({ kind: 'slow' }),
    },
    recover() {
      fake.clearFaults();
      for (const [name, value] of restricted) fake.set('homelab', 'prd', name, value);
      restricted.clear();
    },
    rotate() {
      fake.revokeIdentityTokens();
      fake.revoke(token);
      token = fake.personalToken();
    },
    requests: () => fake.requests.length,
    names: ['_', 'A1', 'N'.repeat(200), 'CONSTRUCTOR', '__PROTO__'],
    // https://docs.doppler.com/docs/platform-limits
    largest: 50 * 1024,
    empty: true,
    [Symbol.asyncDispose]: () => fake.close(),
  };
}

describe.each<[string, Options]>([
  ['with a token', { as: 'token' }],
  ['with an identity', { as: 'identity' }],
  ['with an identity whose tokens last a minute', { as: 'identity', lifetimeMs: 60_000 }],
])('%s', (_, options) => {
  testProvider(test, doppler, () => openFixture(options), {
    without: {
      ...(options.as === 'identity' && { unreadable: 'restricted values come to service accounts, too' }),
      pinned: 'Doppler keeps no versions to pin',
      versions: 'Doppler keeps no versions',
      binary: 'values are text',
      watch: 'changes are told by webhooks, and by a stream of paid plans',
      progress: 'one request brings everything',
      close: 'nothing is held open',
    },
  });
});
