import { inspect } from 'node:util';
import type { ProviderErrorCode } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { clusterKey, settled, texts, VALUE, World } from './sakura.test.kit.ts';
import type { Connection } from './sakura.test.kit.ts';
import type { FakeFault, FakeSakuraOptions } from './testing/index.ts';

const home = clusterKey();
const cabin = clusterKey();
let world: World;
afterEach(() => world[Symbol.asyncDispose]());

interface Opened {
  readonly principal: string;
  readonly kid: Readonly<Record<'home' | 'cabin', string>>;
  readonly clock: FakeClock;
  readonly connect: (options?: Parameters<World['connect']>[0]) => Promise<Connection>;
}

/** A service principal with a key of each of two clusters, and connections of one, `home` by default. */
async function open(options: FakeSakuraOptions = {}): Promise<Opened> {
  const clock = new FakeClock();
  world = await World.start({ clock, ...options });
  const principal = world.fake.addPrincipal();
  const kid = {
    home: world.fake.uploadKey(principal, home.publicKey),
    cabin: world.fake.uploadKey(principal, cabin.publicKey),
  };
  return {
    principal,
    kid,
    clock,
    connect: ({ config, ...more } = {}) =>
      world.connect({
        config: { servicePrincipal: { id: principal, kid }, ...config },
        cluster: 'home',
        signingKey: home.privateKey,
        clock,
        ...more,
      }),
  };
}

function operations(): readonly string[] {
  return world.fake.requests.map(({ operation }) => operation);
}

test('one access token serves all requests, and each goes only where it belongs', async () => {
  const { connect, principal, kid } = await open();
  const { read, context } = await connect();
  expect(texts(await read())).toMatchObject({ PASSWORD: VALUE });
  expect(operations()).toEqual(['token', 'list', 'unveil', 'unveil']);
  const [token, ...api] = world.fake.requests;
  expect(token?.headers).not.toHaveProperty('authorization');
  expect(token).toMatchObject({ path: '/cloud/api/iam/1.0/service-principals/oauth2/token', query: {} });
  for (const { headers } of api) expect(headers['authorization']).toBe('Bearer [key]');
  expect(claimsOf(world.fake.assertions[0])).toMatchObject([
    { alg: 'RS256', kid: kid.home },
    { iss: principal, sub: principal, aud: world.fake.tokenUrl, jti: expect.any(String) },
  ]);
  expect(context.budgets).toHaveLength(3);
});

test('a refresh without a change is one request, and stays so when the token is renewed', async () => {
  const { connect, clock } = await open();
  const { read, context } = await connect();
  const previous = await read();
  world.fake.resetCounters();
  for (let minutes = 0; minutes < 58; minutes++) {
    await clock.advance(60_000);
    expect(await read({ previous })).toBe(previous);
  }
  expect(world.fake.counters).toMatchObject({ requests: 58, lists: 58, tokens: 0 });
  await clock.advance(60_000);
  expect(await read({ previous })).toBe(previous);
  expect(world.fake.counters).toMatchObject({ requests: 60, lists: 59, tokens: 1, errors: 0 });
  expect(new Set(context.budgets).size).toBe(1);
});

test('all who begin at the same time share one token', async () => {
  const { connect } = await open();
  const { read, client } = await connect();
  await Promise.all([read(), read(), client.list?.({ signal: AbortSignal.timeout(5000) })]);
  expect(world.fake.counters.tokens).toBe(1);
});

test('a token that was ended is replaced once, by another assertion', async () => {
  const { connect } = await open();
  const { read } = await connect();
  const previous = await read();
  world.fake.revokeTokens();
  world.fake.resetCounters();
  expect(await read({ previous })).toBe(previous);
  expect(operations()).toEqual(['list', 'token', 'list']);
  expect(new Set(world.fake.assertions).size).toBe(2);
});

test('a token that is refused as soon as it is given is not asked for without end', async () => {
  const { connect, principal } = await open();
  const { read } = await connect();
  world.fake.fail({ kind: 'status', status: 401, on: 'list', times: 9 });
  await expect(read()).rejects.toMatchObject({
    code: 'UNAUTHENTICATED',
    message: expect.stringContaining(`refused the access token of service principal ${principal} for vault`),
  });
  expect(operations()).toEqual(['token', 'list', 'token', 'list']);
});

test('each cluster signs with its own key, and a disabled one stops that cluster only', async () => {
  const { connect, kid, principal } = await open();
  const first = await connect();
  const second = await connect({ cluster: 'cabin', signingKey: cabin.privateKey });
  await Promise.all([first.read(), second.read()]);
  world.fake.enableKey(kid.cabin, false);
  world.fake.revokeTokens();
  expect(texts(await first.read())).toMatchObject({ PASSWORD: VALUE });
  await expect(second.read()).rejects.toMatchObject({
    code: 'UNAUTHENTICATED',
    message: `SAKURA does not know key ${kid.cabin} of service principal ${principal}, or it is disabled there (400 invalid_grant): upload the public key of this cluster (in the agent's namespace: kubectl get configmap hikyaku-identity -o jsonpath='{.data.servicePrincipalPublicKey}'), and put the id that it gets into \`servicePrincipal.kid\``,
  });
  world.fake.enableKey(kid.cabin, true);
  expect(texts(await second.read())).toMatchObject({ PASSWORD: VALUE });
});

test('one key may be meant for all clusters', async () => {
  const { connect, principal, kid } = await open();
  const config = { servicePrincipal: { id: principal, kid: kid.home } };
  const { read } = await world.connect({ config, signingKey: home.privateKey, clock: new FakeClock() });
  expect(texts(await read())).toMatchObject({ PASSWORD: VALUE });
  await connect();
});

describe('before anything is sent, it is an error', () => {
  test('that the cluster is not known', async () => {
    const { connect } = await open();
    const { read } = await connect({ cluster: undefined });
    await expect(read()).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      message: expect.stringContaining('which cluster this is is not known'),
    });
    expect(world.fake.requests).toEqual([]);
  });

  test.each(['lab', 'constructor'])('that cluster %s has no key', async (cluster) => {
    const { connect } = await open();
    const { read } = await connect({ cluster });
    await expect(read()).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      message: expect.stringContaining(
        `says nothing for cluster ${cluster}, only for home, cabin: upload its public key`,
      ),
    });
    expect(world.fake.requests).toEqual([]);
  });
});

describe('the fake refuses an assertion', () => {
  test.each<[string, (opened: Opened) => Parameters<World['connect']>[0]]>([
    ['signed by another key', () => ({ signingKey: cabin.privateKey })],
    ['of a key that nobody uploaded', ({ principal }) => principalWith(principal, { kid: 'unknown' })],
    ["with another principal's key", ({ kid }) => principalWith(world.fake.addPrincipal(), { kid })],
    ['of a deleted key', ({ kid, principal }) => (world.fake.deleteKey(kid.home), principalWith(principal, { kid }))],
  ])('%s', async (_, change) => {
    const opened = await open();
    const { read } = await opened.connect(change(opened));
    await expect(read()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(operations()).toEqual(['token']);
  });

  test('that was used before, whatever else is right about it', async () => {
    const { connect } = await open();
    await (await connect()).read();
    const body = new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion: world.fake.assertions[0] ?? '',
    });
    const answer = await fetch(world.fake.tokenUrl, { method: 'POST', body });
    expect({ status: answer.status, body: await answer.json() }).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    });
  });
});

test.each<[number, string]>([
  [-7 * 60_000, '7 min behind'],
  [-330_000, '6 min behind'],
  [45_000, '45 s ahead of'],
  [3 * 3_600_000, '180 min ahead of'],
])('a clock that is off by %i ms is named, and by how much', async (offMs, words) => {
  const theirs = new FakeClock();
  const { connect } = await open({ clock: theirs });
  const { read } = await connect({ clock: new FakeClock(theirs.now() + offMs) });
  await expect(read()).rejects.toMatchObject({
    code: 'UNAUTHENTICATED',
    message: expect.stringContaining(`the clock here is ${words} SAKURA's. Set it right, by NTP`),
  });
});

test.each([-20_000, 20_000, -120_000])('a clock that is off by %i ms does no harm', async (offMs) => {
  const theirs = new FakeClock();
  const { connect } = await open({ clock: theirs });
  const { read } = await connect({ clock: new FakeClock(theirs.now() + offMs) });
  expect(texts(await read())).toMatchObject({ PASSWORD: VALUE });
});

test.each<[FakeFault, ProviderErrorCode, number, string]>([
  [{ kind: 'status', status: 401 }, 'UNAUTHENTICATED', 1, 'does not know key'],
  [{ kind: 'status', status: 400 }, 'UNAUTHENTICATED', 1, 'does not know key'],
  [{ kind: 'status', status: 403 }, 'FORBIDDEN', 1, 'that it is enabled'],
  [{ kind: 'status', status: 404 }, 'NOT_FOUND', 1, 'servicePrincipal.tokenUrl'],
  [{ kind: 'status', status: 429, retryAfter: 42 }, 'RATE_LIMITED', 1, 'limits how often'],
  [{ kind: 'status', status: 503 }, 'UNAVAILABLE', 3, 'failed to answer'],
  [{ kind: 'hang' }, 'UNAVAILABLE', 3, 'did not answer within'],
  [{ kind: 'reset' }, 'UNAVAILABLE', 3, ''],
  [{ kind: 'truncate' }, 'UNAVAILABLE', 3, ''],
  [{ kind: 'page' }, 'INVALID_RESPONSE', 3, 'it is not JSON'],
  [{ kind: 'half-json' }, 'INVALID_RESPONSE', 3, 'it is not JSON'],
  [{ kind: 'empty' }, 'INVALID_RESPONSE', 3, 'access_token is missing'],
  [{ kind: 'wrong-types' }, 'INVALID_RESPONSE', 3, 'access_token is missing or is not of its kind'],
  [{ kind: 'redirect', location: 'https://evil.example/token' }, 'INVALID_RESPONSE', 3, 'no proxy answers'],
])(
  '%j at the token endpoint: %s, nothing else is asked, and the next read recovers',
  async (fault, code, attempts, says) => {
    const { connect, clock } = await open();
    const { read, context } = await connect();
    world.fake.fail({ ...fault, on: 'token', times: attempts, message: `it says ${VALUE}` });
    const error = await settled(read(), clock, fault.kind === 'hang' ? 1000 : 250);
    expect(error).toMatchObject({ code, message: expect.stringContaining(says) });
    expect(operations()).toEqual(Array.from({ length: attempts }, () => 'token'));
    const shown = inspect([error, context.logged], { depth: 9, showHidden: true });
    for (const hidden of [VALUE, ...world.fake.assertions, ...world.fake.accessTokens])
      expect(shown).not.toContain(hidden);
    // Each attempt has an assertion of its own: one that arrived is used up.
    expect(new Set(world.fake.assertions).size).toBe(world.fake.assertions.length);
    expect(texts(await read())).toMatchObject({ PASSWORD: VALUE });
  },
);

test('a write with a token that was ended is made once', async () => {
  const { connect } = await open();
  const { read, client } = await connect();
  await read();
  world.fake.revokeTokens();
  world.fake.resetCounters();
  const { signal } = new AbortController();
  const { SecretValue } = await import('@hikyaku/core');
  const results = await client.write?.([{ name: 'NEW', value: SecretValue.of('value') }], { signal });
  expect(results).toMatchObject([{ name: 'NEW', version: '1' }]);
  expect(world.fake.counters).toMatchObject({ tokens: 1 });
});

function principalWith(id: string, more: object): { readonly config: object } {
  return { config: { servicePrincipal: { id, ...more } } };
}

function claimsOf(assertion = ''): readonly unknown[] {
  return assertion
    .split('.')
    .slice(0, 2)
    .map((part): unknown => JSON.parse(Buffer.from(part, 'base64url').toString()));
}
