import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import { FakeClock } from '@hikyaku/core/testing';
import { selfSignedCertificate } from '@hikyaku/provider-utils/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connect } from './connect.test.kit.ts';
import type { ConnectOptions, Connected } from './connect.test.kit.ts';
import { startFakeService, startFakeTokenEndpoint } from './testing/index.ts';
import type { FakeService, FakeServiceOptions, FakeTokenEndpoint, FakeTokenEndpointOptions } from './testing/index.ts';

const SECRET = 's3cr:et/ +&ü';
let opened: AsyncDisposableStack;

beforeEach(() => {
  opened = new AsyncDisposableStack();
});
afterEach(() => opened.disposeAsync());

async function start(options: FakeServiceOptions = {}): Promise<FakeService> {
  return opened.use(await startFakeService({ secrets: { DB: 'x', CACHE: 'y', MAIL: 'z' }, ...options }));
}

async function open(config: object, options: ConnectOptions): Promise<Connected> {
  return opened.use(await connect({ read: { url: '/secrets/${name}', result: '$.data.value' }, ...config }, options));
}

const refs = ['DB', 'CACHE', 'MAIL'].map((name) => ({ name }));

describe('a credential of one kind', () => {
  test.each<[string, object, ConnectOptions['credentials'], (headers: Record<string, unknown>) => boolean]>([
    ['a token is a Bearer token', {}, { token: 'abc' }, ({ authorization }) => authorization === 'Bearer abc'],
    [
      'headers are sent as they are',
      {},
      { 'headers.X-Api-Key': 'key 1', 'headers.X-Team': 'web' },
      (headers) => headers['x-api-key'] === 'key 1' && headers['x-team'] === 'web',
    ],
    [
      'one of them may be Authorization',
      {},
      { 'headers.Authorization': 'Token abc' },
      ({ authorization }) => authorization === 'Token abc',
    ],
    [
      'Basic is name and password in UTF-8',
      { basic: { username: 'ann' } },
      { 'basic.password': SECRET },
      ({ authorization }) => authorization === `Basic ${Buffer.from(`ann:${SECRET}`).toString('base64')}`,
    ],
    ['none is needed', {}, {}, ({ authorization }) => authorization === undefined],
  ])('%s', async (_, config, credentials = {}, access) => {
    const fake = await start({ access: (headers) => access(headers) });
    const { get } = await open({ url: fake.url, ...config }, { credentials });
    expect(await get('DB')).toBe('x');
  });

  test.each<[string, object, ConnectOptions['credentials'], string]>([
    ['a password without a name', {}, { 'basic.password': 'x' }, 'needs both `username` and `password`'],
    ['a name without a password', { basic: { username: 'ann' } }, {}, 'needs both `username` and `password`'],
    ['a certificate without its key', {}, { clientCertificate: 'x' }, 'go together'],
    [
      'a client without its secret',
      { oauth: { tokenUrl: 'https://login.example', clientId: 'x' } },
      {},
      '`clientSecret`',
    ],
    ['a secret without its client', {}, { 'oauth.clientSecret': 'x' }, '`tokenUrl`'],
    [
      'two for one header',
      {},
      { token: 'x', 'headers.authorization': 'x' },
      '`token` and the header `Authorization` fill the same header',
    ],
    ['a header of ours', {}, { 'headers.Host': 'x' }, 'is set by hikyaku itself'],
    ['a header with a colon', {}, { 'headers.X:Y': 'x' }, 'no header may have'],
    ['one header twice', {}, { 'headers.X-A': 'x', 'headers.x-a': 'y' }, 'stands twice'],
  ])('%s is an error before anything is sent', async (_, config, credentials = {}, message) => {
    const fake = await start();
    const opening = open({ url: fake.url, ...config }, { credentials });
    await expect(opening).rejects.toMatchObject({ code: 'INVALID_CONFIG', message: expect.stringContaining(message) });
    expect(fake.requests).toEqual([]);
  });

  test.each([
    ['headers.X-Api-Key', 'a\r\nX-Evil: 1'],
    ['headers.X-Api-Key', 'a\0'],
    ['headers.X-Api-Key', 'ü'],
    ['headers.X-Api-Key', ''],
    ['token', 'a b'],
    ['token', 'a\nb'],
  ])('%s cannot be %j: the error names it, and nothing is sent', async (path, value) => {
    const fake = await start();
    const { read } = await open({ url: fake.url }, { credentials: { [path]: value } });
    const { unknown } = await read({ refs });
    expect(unknown?.get('DB')).toMatchObject({ code: 'INVALID_CONFIG', message: expect.stringContaining(path) });
    expect(fake.requests).toEqual([]);
  });

  test("a file's last line break is not part of it", async () => {
    const fake = await start({ access: ({ authorization }) => authorization === 'Bearer abc' });
    const { get } = await open({ url: fake.url }, { credentials: { token: 'abc\n' } });
    expect(await get('DB')).toBe('x');
  });

  test('a refused one is asked for again, once', async () => {
    const fake = await start({ access: ({ authorization }) => authorization === 'Bearer new' });
    const refused: (string | undefined)[] = [];
    const token = (before: string | undefined): string => {
      refused.push(before);
      return before === undefined ? 'old' : 'new';
    };
    const { get } = await open({ url: fake.url }, { credentials: { token } });
    expect(await get('DB')).toBe('x');
    expect(refused).toEqual([undefined, 'old']);
    expect(fake.requests.map(({ status }) => status)).toEqual([401, 200]);
  });

  test('the same one again is not tried again: the whole read fails', async () => {
    const fake = await start({ access: () => false });
    const { read } = await open({ url: fake.url, concurrency: 1 }, { credentials: { token: 'old' } });
    await expect(read({ refs })).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(fake.requests).toHaveLength(1);
  });
});

describe('OAuth 2 client credentials', () => {
  interface Both extends Connected {
    readonly fake: FakeService;
    readonly tokens: FakeTokenEndpoint;
  }

  async function openBoth(
    options: Partial<FakeTokenEndpointOptions> = {},
    {
      oauth = {},
      credential = () => SECRET,
    }: { oauth?: object; credential?: (refused: string | undefined) => string } = {},
  ): Promise<Both> {
    const tokens = opened.use(await startFakeTokenEndpoint({ clientId: 'agent 1', clientSecret: SECRET, ...options }));
    const fake = await start({ access: ({ authorization }) => tokens.accepts(authorization) });
    const connected = await open(
      { url: fake.url, oauth: { tokenUrl: tokens.url, clientId: 'agent 1', ...oauth } },
      {
        credentials: { 'oauth.clientSecret': credential },
        ...(options.clock !== undefined && { clock: options.clock }),
      },
    );
    return { ...connected, fake, tokens };
  }

  test.each(['basic', 'post'] as const)(
    'a token is asked for once, by %s, however many need it at the same time',
    async (authentication) => {
      const { read, tokens } = await openBoth(
        { authentication },
        { oauth: { authentication, scope: 'a b', parameters: { audience: 'nas' } } },
      );
      expect((await read({ refs })).secrets.size).toBe(3);
      expect((await read({ refs })).secrets.size).toBe(3);
      expect(tokens.issued).toBe(1);
      expect(tokens.requests[0]?.parameters).toMatchObject({
        grant_type: 'client_credentials',
        scope: 'a b',
        audience: 'nas',
      });
    },
  );

  test('it is replaced shortly before it expires', async () => {
    const clock = new FakeClock();
    const { get, tokens, fake } = await openBoth({ clock, expiresIn: 600 });
    await get('DB');
    await clock.advance(539_000);
    await get('DB');
    expect(tokens.issued).toBe(1);
    await clock.advance(2000);
    expect(await get('DB')).toBe('x');
    expect(tokens.issued).toBe(2);
    expect(fake.requests.map(({ status }) => status)).not.toContain(401);
  });

  test('one that lasts seconds is still used', async () => {
    const clock = new FakeClock();
    const { read, tokens } = await openBoth({ clock, expiresIn: 5 });
    expect((await read({ refs })).secrets.size).toBe(3);
    expect(tokens.issued).toBe(1);
  });

  test('without an expiry it is used until it is refused', async () => {
    const { get, tokens } = await openBoth({ expiresIn: undefined });
    await get('DB');
    tokens.revokeAll();
    expect(await get('DB')).toBe('x');
    expect(tokens.issued).toBe(2);
  });

  test('a refused token is replaced once, by one request for all', async () => {
    const { read, tokens, fake } = await openBoth();
    await read({ refs });
    tokens.revokeAll();
    expect((await read({ refs })).secrets.size).toBe(3);
    expect(tokens.issued).toBe(2);
    fake.setAccess(() => false);
    await expect(read({ refs: refs.slice(0, 1) })).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(tokens.issued).toBe(3);
  });

  test('the client secret goes to the token endpoint only, and nothing else goes there', async () => {
    const tokens = opened.use(await startFakeTokenEndpoint({ clientId: 'a', clientSecret: SECRET }));
    const fake = await start({
      access: (headers) => tokens.accepts(headers.authorization) && headers['x-api-key'] === 'key',
    });
    const { get } = await open(
      { url: fake.url, oauth: { tokenUrl: tokens.url, clientId: 'a' } },
      { credentials: { 'oauth.clientSecret': SECRET, 'headers.X-Api-Key': 'key' } },
    );
    expect(await get('DB')).toBe('x');
    expect(tokens.requests.flatMap(({ headers }) => headers)).not.toContain('x-api-key');
    expect(inspect(fake.requests, { depth: 9 })).not.toContain(SECRET);
  });

  test('a client secret that was replaced is asked for again, once', async () => {
    const { get, tokens } = await openBoth({}, { credential: (refused) => (refused === undefined ? SECRET : 'next') });
    tokens.setClientSecret('next');
    expect(await get('DB')).toBe('x');
    expect(tokens.requests).toHaveLength(2);
  });

  test.each([
    ['a refused client', { status: 401, body: '{"error":"invalid_client"}' }, 'UNAUTHENTICATED'],
    [
      'a refused client with 400',
      { status: 400, headers: { 'content-type': 'application/json' }, body: '{"error":"invalid_client"}' },
      'UNAUTHENTICATED',
    ],
    [
      'a refused scope',
      {
        status: 400,
        headers: { 'content-type': 'application/json' },
        body: '{"error":"invalid_scope","error_description":"token-abc"}',
      },
      'INVALID_CONFIG',
    ],
    ['an outage', { status: 503, body: 'token-abc' }, 'UNAVAILABLE'],
    ['too many requests', { status: 429, headers: { 'retry-after': '77' }, body: '' }, 'RATE_LIMITED'],
    [
      'a page',
      { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>token-abc</html>' },
      'INVALID_RESPONSE',
    ],
    [
      'half an answer',
      { status: 200, headers: { 'content-type': 'application/json' }, body: '{"access_token":"token-abc"' },
      'INVALID_RESPONSE',
    ],
    [
      'no token',
      { status: 200, headers: { 'content-type': 'application/json' }, body: '{"token_type":"bearer"}' },
      'INVALID_RESPONSE',
    ],
    [
      'a token with a line break',
      {
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: '{"access_token":"token-abc\\r\\nx: y","token_type":"bearer"}',
      },
      'INVALID_RESPONSE',
    ],
    [
      'another kind of token',
      {
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: '{"access_token":"token-abc","token_type":"mac"}',
      },
      'INVALID_RESPONSE',
    ],
    ['a redirect', { status: 302, headers: { location: 'https://evil.example/token' }, body: '' }, 'INVALID_RESPONSE'],
  ])('%s is an error that shows nothing of the answer', async (_, answer, code) => {
    const clock = new FakeClock();
    const { read, tokens, fake } = await openBoth({ clock });
    for (let times = 0; times < 9; times++) tokens.answerNext(answer);
    const outcome = await settled(read({ refs: refs.slice(0, 1) }), clock);
    const error = outcome instanceof Error ? outcome : outcome.unknown?.get('DB');
    expect(error).toMatchObject({ code });
    expect(inspect(error, { depth: 9 })).not.toContain('token-abc');
    expect(inspect(error, { depth: 9 })).not.toContain(SECRET);
    expect(fake.requests).toEqual([]);
  });

  test('whoever gives up does not take the others with it', async () => {
    const { client, tokens } = await openBoth();
    const impatient = new AbortController();
    const request = { all: false, refs: refs.slice(0, 1), progress() {} };
    const first = client.read({ ...request, signal: impatient.signal });
    const second = client.read({ ...request, signal: AbortSignal.timeout(5000) });
    await delay(1);
    impatient.abort();
    await Promise.allSettled([first]);
    expect((await second).secrets.size).toBe(1);
    expect(tokens.issued).toBe(1);
  });
});

/** Moves the clock until the promise settles; a rejection is a value here. */
async function settled<T>(promise: Promise<T>, clock: FakeClock): Promise<T | Error> {
  const outcome = promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ value: error instanceof Error ? error : new Error('not an error') }),
  );
  for (;;) {
    const settledNow = await Promise.race([outcome, delay(5)]);
    if (settledNow !== undefined) return settledNow.value;
    await clock.advance(250);
  }
}

describe('TLS', () => {
  test('a client certificate is shown, and without it nobody is let in', async () => {
    const server = selfSignedCertificate();
    const client = selfSignedCertificate();
    const stranger = selfSignedCertificate();
    const fake = await start({ tls: { ...server, clientCa: client.cert } });
    const openAs = ({ cert, key }: typeof client) =>
      open({ url: fake.url }, { ca: server.cert, credentials: { clientCertificate: cert, clientKey: key } });

    expect(await (await openAs(client)).get('DB')).toBe('x');
    expect(fake.requests).toHaveLength(1);
    expect(await (await openAs(stranger)).get('DB')).toBe('UNAVAILABLE');
    expect(await (await open({ url: fake.url }, { ca: server.cert })).get('DB')).toBe('UNAVAILABLE');
    expect(fake.requests).toHaveLength(1);
  });

  test('a certificate that nobody vouches for is an error', async () => {
    const fake = await start({ tls: selfSignedCertificate() });
    const { read } = await open({ url: fake.url }, { credentials: { token: 'abc' } });
    const { unknown } = await read({ refs: refs.slice(0, 1) });
    expect(unknown?.get('DB')?.message).toContain('give the certificate of its issuer as `ca`');
    expect(fake.requests).toEqual([]);
  });
});
