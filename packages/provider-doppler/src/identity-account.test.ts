import { inspect } from 'node:util';
import { SecretValue } from '@hikyaku/core';
import type { ProviderErrorCode, ReadRequest, Snapshot } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import { createContext } from '@hikyaku/provider-testing';
import { settled } from '@hikyaku/provider-utils/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { dopplerConfig } from './doppler-config.ts';
import { fakeIssuer } from './fake-issuer.test.kit.ts';
import doppler from './index.ts';
import { startFakeDoppler } from './testing/index.ts';
import type { FakeDoppler, FakeFault } from './testing/index.ts';

const VALUE = 'correct-horse-battery';
const EXCHANGE = '/v3/auth/oidc';
const issuer = fakeIssuer();
const subject = 'system:serviceaccount:hikyaku:hikyaku';
let clock: FakeClock;
let fake: FakeDoppler;
let identity: string;
let opened: AsyncDisposableStack;

beforeEach(async () => {
  opened = new AsyncDisposableStack();
  clock = new FakeClock();
  fake = opened.use(await startFakeDoppler({ clock }));
  fake.addConfig('homelab', 'prd', { PASSWORD: VALUE });
  identity = fake.addIdentity({
    issuer: issuer.url,
    keys: issuer.keys,
    audience: fake.url,
    subject,
    lifetimeMs: 3_600_000,
  });
});
afterEach(() => opened.disposeAsync());

function jwt(more: object = {}): string {
  const iat = clock.now() / 1000;
  return issuer.sign({ iss: issuer.url, sub: subject, aud: [fake.url], iat, exp: iat + 600, ...more });
}

interface ConnectOptions {
  readonly token?: (refused: string | undefined) => string;
  readonly time?: FakeClock;
  readonly cluster?: string;
  readonly oidc?: object;
}

async function connect({ token = () => jwt(), time = clock, cluster, oidc = { identity } }: ConnectOptions = {}) {
  const config = dopplerConfig.parse({ url: fake.url, project: 'homelab', config: 'prd', oidc });
  const { origins } = doppler.describe(config);
  const asked: (string | undefined)[] = [];
  const give = (refused: string | undefined): string => {
    asked.push(refused);
    return token(refused);
  };
  const context = opened.use(
    createContext({
      clock: time,
      origins,
      serviceAccountTokens: { [fake.url]: give },
      ...(cluster !== undefined && { cluster }),
    }),
  );
  const client = await doppler.connect(config, context);
  const read = (request: Partial<ReadRequest> = {}): Promise<Snapshot> =>
    client.read({ all: true, refs: [], signal: AbortSignal.timeout(30_000), progress() {}, ...request });
  return { client, read, context, asked };
}

function paths(): readonly string[] {
  return fake.requests.map(({ path }) => (path === EXCHANGE ? 'exchange' : (path.split('/').at(-1) ?? '')));
}

test("the ServiceAccount's token is exchanged once, and goes nowhere else", async () => {
  const { read, asked } = await connect();
  expect((await read()).secrets.get('PASSWORD')?.value.text()).toBe(VALUE);
  expect(paths()).toEqual(['exchange', 'download']);
  const [exchange, download] = fake.requests;
  expect(exchange).toMatchObject({ method: 'POST', path: EXCHANGE, query: {} });
  expect(exchange?.headers).not.toHaveProperty('authorization');
  expect(download?.query).toMatchObject({ project: 'homelab', config: 'prd' });
  expect(asked).toEqual([undefined]);
});

test('a refresh without a change is one 304, also with another token', async () => {
  const { read, context } = await connect();
  const previous = await read();
  fake.resetCounters();
  for (let minutes = 0; minutes < 58; minutes++) {
    await clock.advance(60_000);
    expect(await read({ previous })).toBe(previous);
  }
  expect(fake.counters).toMatchObject({ requests: 58, notModified304: 58 });
  await clock.advance(60_000);
  expect(await read({ previous })).toBe(previous);
  expect(fake.counters).toMatchObject({ requests: 60, notModified304: 59, errors: 0 });
  expect(fake.identityTokens).toHaveLength(2);
  expect(new Set(context.budgets).size).toBe(1);
});

test('a restart with the stored snapshot is a token and a 304', async () => {
  const { secrets, revision = '' } = await (await connect()).read();
  const stored: Snapshot = { secrets, revision };
  fake.resetCounters();
  expect(await (await connect()).read({ previous: stored })).toBe(stored);
  expect(fake.counters).toMatchObject({ requests: 2, notModified304: 1 });
});

test("an expiry is measured by Doppler's own clock", async () => {
  const { read } = await connect({ time: new FakeClock(clock.now() + 7_200_000) });
  await read();
  await read();
  expect(paths()).toEqual(['exchange', 'download', 'download']);
});

test('all who begin at the same time share one token', async () => {
  const { read, client } = await connect();
  await Promise.all([read(), read(), client.list?.({ signal: AbortSignal.timeout(5000) })]);
  expect(fake.identityTokens).toHaveLength(1);
});

test('a token that was ended is exchanged anew, once', async () => {
  const { read } = await connect();
  const previous = await read();
  fake.revokeIdentityTokens();
  fake.resetCounters();
  expect(await read({ previous })).toBe(previous);
  expect(paths()).toEqual(['download', 'exchange', 'download']);
});

test('a token that is refused as soon as it is given is not asked for without end', async () => {
  const { read } = await connect();
  fake.fail({ kind: '401', path: '/v3/configs/config/secrets/download', times: 9 });
  await expect(read()).rejects.toMatchObject({
    code: 'UNAUTHENTICATED',
    message: expect.stringContaining(`refused the token of identity ${identity} for project homelab config prd`),
  });
  expect(paths()).toEqual(['exchange', 'download', 'exchange', 'download']);
});

test('a refused token of the ServiceAccount is asked for again, once', async () => {
  const { read, asked } = await connect({ token: (refused) => jwt(refused === undefined ? { exp: 1 } : {}) });
  expect((await read()).secrets.size).toBe(1);
  expect(asked).toEqual([undefined, expect.stringContaining('.')]);
  expect(paths()).toEqual(['exchange', 'exchange', 'download']);
});

test('an identity that does not fit says what the token says', async () => {
  const { read } = await connect({ token: () => jwt({ sub: 'system:serviceaccount:default:default', jti: 'same' }) });
  await expect(read()).rejects.toMatchObject({
    code: 'UNAUTHENTICATED',
    message: expect.stringContaining(
      `does not take this cluster's token for identity ${identity} (401 Invalid identity or token, request `,
    ),
  });
  await expect(read()).rejects.toThrow(
    `The token says issuer https://issuer.example, subject system:serviceaccount:default:default, audience ${fake.url}`,
  );
});

test('a service account without access says what to give it', async () => {
  const { read } = await connect();
  fake.removeConfig('homelab', 'prd');
  await expect(read()).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: expect.stringContaining('Give its service account a workplace role and access to the project'),
  });
});

test.each<[FakeFault, ProviderErrorCode, number, string]>([
  [{ kind: '400' }, 'UNAUTHENTICATED', 1, 'does not take'],
  [{ kind: '401' }, 'UNAUTHENTICATED', 1, 'Team and Enterprise'],
  [{ kind: '403' }, 'FORBIDDEN', 1, 'Team and Enterprise'],
  [{ kind: '404' }, 'NOT_FOUND', 1, 'Check `oidc.identity`'],
  [{ kind: '429', retryAfter: 42 }, 'RATE_LIMITED', 1, 'limits how often'],
  [{ kind: '500' }, 'UNAVAILABLE', 3, 'failed to answer'],
  [{ kind: '502-html' }, 'UNAVAILABLE', 3, 'failed to answer'],
  [{ kind: 'hang' }, 'UNAVAILABLE', 3, 'did not answer within'],
  [{ kind: 'reset' }, 'UNAVAILABLE', 3, ''],
  [{ kind: 'truncate', applied: true }, 'UNAVAILABLE', 3, ''],
  [{ kind: 'half-json' }, 'INVALID_RESPONSE', 3, 'something other than a token'],
  [{ kind: 'not-json' }, 'INVALID_RESPONSE', 3, 'no proxy answers'],
  [{ kind: 'list' }, 'INVALID_RESPONSE', 3, 'something other than a token'],
  [{ kind: 'empty' }, 'INVALID_RESPONSE', 3, 'something other than a token'],
  [{ kind: 'nulls' }, 'INVALID_RESPONSE', 3, 'something other than a token'],
  [{ kind: '302', location: 'https://evil.example/' }, 'INVALID_RESPONSE', 3, 'something other than a token'],
])('%j at the exchange: %s, nothing else is asked, and the next read recovers', async (fault, code, attempts, says) => {
  const proof = jwt();
  const { read, context } = await connect({ token: () => proof });
  const repeated = code === 'UNAUTHENTICATED' ? 1 : attempts;
  fake.fail({ ...fault, path: EXCHANGE, times: repeated, messages: [`it says ${VALUE} and ${proof}`] });
  const error = await settled(read(), clock, fault.kind === 'hang' ? 1000 : 250);
  expect(error).toMatchObject({ code, message: expect.stringContaining(says) });
  expect(paths()).toEqual(Array.from({ length: attempts }, () => 'exchange'));
  const shown = inspect([error, context.logged], { depth: 9, showHidden: true });
  for (const hidden of [VALUE, proof, proof.split('.')[2] ?? proof, ...fake.identityTokens])
    expect(shown).not.toContain(hidden);
  await clock.advance(60_000);
  expect((await read()).secrets.size).toBe(1);
});

test('each cluster has an identity of its own', async () => {
  const oidc = { identity: { home: identity, cabin: crypto.randomUUID() } };
  const { read } = await connect({ cluster: 'home', oidc });
  expect((await read()).secrets.size).toBe(1);
  await expect((await connect({ cluster: 'cabin', oidc })).read()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  fake.resetCounters();
  await expect((await connect({ cluster: 'lab', oidc })).read()).rejects.toMatchObject({
    code: 'INVALID_CONFIG',
    message: expect.stringContaining('says nothing for cluster lab, only for home, cabin'),
  });
  await expect((await connect({ oidc })).read()).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
  expect(fake.requests).toEqual([]);
});

test('a write with a token that was ended is made once', async () => {
  const { read, client } = await connect();
  await read();
  fake.revokeIdentityTokens();
  const { signal } = new AbortController();
  const results = await client.write?.([{ name: 'NEW', value: SecretValue.of('value') }], { signal });
  expect(results).toMatchObject([{ name: 'NEW' }]);
  expect(fake.names('homelab', 'prd')).toContain('NEW');
  expect(fake.identityTokens).toHaveLength(2);
});
