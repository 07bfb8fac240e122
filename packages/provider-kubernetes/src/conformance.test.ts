import { testProvider } from '@hikyaku/provider-testing';
import type { Fixture } from '@hikyaku/provider-testing';
import { test } from 'vitest';
import { READ, startHub, VALUE, WRITE } from './cluster.test.kit.ts';
import kubernetes from './index.ts';
import { parseSecretKey, secretKeyName } from './secret-key.ts';
import type { FakeFault, FakeSecretObject } from './testing/index.ts';

const LONG = `${'a'.repeat(251)}.z`;
/** One for each spare name, so that each can fail alone. */
const SPARES = Array.from({ length: 30 }, (_, index) => `spare-${index}`);
const LISTED = ['app', LONG, ...SPARES];

async function openFixture(): Promise<Fixture> {
  const hub = await startHub();
  const rules = [READ, WRITE, { verbs: ['get'], resource: 'namespaces' }] as const;
  let token = hub.token(...rules);
  let gone: readonly FakeSecretObject[] = [];
  function fail(kind: FakeFault['kind'], more: Partial<FakeFault> = {}): void {
    hub.fail({ kind, times: Infinity, ...more });
  }
  return {
    config: { server: hub.url, namespace: 'web', secrets: LISTED },
    credentials: { kubeconfig: () => hub.kubeconfig(token) },
    present: { name: 'app/password', value: VALUE },
    spareName: (number) => `${SPARES[number]}/value`,
    all: () =>
      hub
        .secrets('web')
        .filter(({ metadata: { name } }) => LISTED.includes(name))
        .flatMap(({ metadata, data = {} }) =>
          Object.keys(data).map((key) => secretKeyName({ secret: metadata.name, key })),
        ),
    set(name, value) {
      const { secret = '', key = '' } = parseSecretKey(name) ?? {};
      hub.setKey('web', secret, key, value);
    },
    remove(name) {
      const { secret = '', key = '' } = parseSecretKey(name) ?? {};
      hub.setKey('web', secret, key, undefined);
    },
    unreadable: (name) => fail('403', { name: parseSecretKey(name)?.secret ?? '' }),
    faults: {
      unauthenticated: () => fail('401'),
      forbidden: () => fail('403'),
      notFound() {
        gone = hub.secrets('web');
        hub.setNamespace('web', undefined);
      },
      rateLimited: (retryAfterMs) => fail('429', { retryAfter: retryAfterMs / 1000 }),
      unavailable: () => fail('503-page'),
      hang: () => fail('hang'),
      reset: () => fail('reset'),
      cut: () => fail('cut'),
      truncated: () => fail('truncated'),
      wrongType: () => fail('wrong-type'),
      page: () => fail('200-page'),
      redirect: (location) => fail('302', { location }),
      slow: () => fail('slow'),
    },
    recover() {
      hub.clearFaults();
      for (const { metadata, data = {} } of gone)
        for (const [key, value] of Object.entries(data))
          hub.setKey('web', metadata.name, key, Buffer.from(value, 'base64'));
      gone = [];
    },
    rotate() {
      hub.revoke(token);
      token = hub.token(...rules);
    },
    requests: () => hub.requests.length,
    names: [`app/${'K'.repeat(253)}`, 'app/.hidden', 'app/a..b', 'app/__proto__', 'app/constructor', `${LONG}/_-.`],
    largest: 1_048_576,
    binary: true,
    empty: true,
    [Symbol.asyncDispose]: () => hub.close(),
  };
}

testProvider(test, kubernetes, openFixture, {
  without: {
    pinned: 'Kubernetes keeps no older versions of a Secret',
    progress: 'a read hands over nothing before its end',
    close: 'a client holds nothing open',
    'faults.shortList': 'Secrets are asked for by name: no answer is a list',
  },
});
