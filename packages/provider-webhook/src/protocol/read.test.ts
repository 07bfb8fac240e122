import { inspect } from 'node:util';
import { refId } from '@hikyaku/core';
import type { ProviderErrorCode, Snapshot } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import { listen, selfSignedCertificate } from '@hikyaku/provider-utils/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startFakeProtocol } from '../testing/index.ts';
import type { FakeProtocol, FakeProtocolFault, FakeProtocolOptions } from '../testing/index.ts';
import { connectTo, settled, texts } from './protocol.test.kit.ts';
import type { Connection } from './protocol.test.kit.ts';

const VALUE = 'correct-horse-battery';
const TOKEN = 'token-of-the-nas';
let fake: FakeProtocol;
let opened: AsyncDisposableStack;

beforeEach(async () => {
  opened = new AsyncDisposableStack();
  fake = await startFake();
});
afterEach(() => opened.disposeAsync());

async function startFake(options: FakeProtocolOptions = {}): Promise<FakeProtocol> {
  return opened.use(await startFakeProtocol({ token: TOKEN, secrets: { PASSWORD: VALUE, USER: 'ann' }, ...options }));
}

function connect(options: Parameters<typeof connectTo>[2] = {}): Connection {
  return connectTo(fake.url, opened, { credentials: { token: TOKEN }, ...options });
}

describe('what is asked', () => {
  test('everything is one request, with the token, and without a look at what is offered', async () => {
    const { read, context } = connect();
    expect(texts(await read())).toEqual({ PASSWORD: VALUE, USER: 'ann' });
    expect(fake.requests).toMatchObject([
      {
        method: 'POST',
        path: '/v1/read',
        headers: {
          accept: 'application/json',
          'content-type': 'application/json',
          'user-agent': expect.stringMatching(/^hikyaku\/\d/),
          authorization: 'Bearer [token]',
        },
        body: { all: true, refs: [] },
      },
    ]);
    expect(context.budgets).toEqual([expect.stringMatching(/^[\w-]{22} 60$/)]);
  });

  test('chosen names and pinned versions are one request', async () => {
    const first = fake.set('PASSWORD', 'changed');
    fake.set('PASSWORD', 'changed again');
    const refs = [{ name: 'PASSWORD' }, { name: 'PASSWORD', version: first }, { name: 'USER', version: 'none' }];
    const snapshot = await connect().read({ all: false, refs });
    expect(texts(snapshot)).toEqual({
      PASSWORD: 'changed again',
      [refId({ name: 'PASSWORD', version: first })]: 'changed',
    });
    expect(snapshot.secrets.get(refId({ name: 'PASSWORD', version: first }))?.version).toBe(first);
    expect(snapshot.unknown).toBeUndefined();
    expect(fake.requests).toMatchObject([{ body: { all: false, refs } }]);
  });

  test('without a token in the config none is sent', async () => {
    fake.setToken(undefined);
    expect(texts(await connect({ credentials: {} }).read())).toHaveProperty('USER');
    expect(fake.requests[0]?.headers).not.toHaveProperty('authorization');
  });

  test('the last line break of a token file is no part of the token', async () => {
    expect(texts(await connect({ credentials: { token: `${TOKEN}\n` } }).read())).toHaveProperty('USER');
  });

  test('a url with a path is a base, with or without a slash at its end', async () => {
    for (const path of ['/under', '/under/']) {
      const { read } = connectTo(`${fake.url}${path}`, opened, { credentials: { token: TOKEN } });
      await expect(read()).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
    expect(fake.requests.map(({ path }) => path)).toEqual(['/under/v1/read', '/under/v1/read']);
  });

  test('a certificate that the config names is trusted', async () => {
    const tls = selfSignedCertificate();
    const service = await startFake({ tls });
    const { read } = connectTo(service.url, opened, { credentials: { token: TOKEN }, ca: tls.cert });
    expect(texts(await read())).toHaveProperty('USER');
  });
});

describe('what is answered', () => {
  test('bytes arrive as they are, the empty value too, and so do names', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const names = ['bytes', 'empty', '__proto__', 'a/b c%2F?#', '飛脚', ' ', 'x'.repeat(1024)];
    for (const name of names) fake.set(name, name === 'empty' ? '' : bytes);
    const { secrets } = await connect().read();
    for (const name of names)
      expect(Buffer.from(secrets.get(name)?.value.reveal() ?? [1])).toEqual(Buffer.from(name === 'empty' ? [] : bytes));
  });

  test('a value of 2 MiB arrives whole', async () => {
    fake.set('LARGE', Buffer.alloc(2 * 1024 * 1024, 'x'));
    expect((await connect().read()).secrets.get('LARGE')?.value.byteLength).toBe(2 * 1024 * 1024);
  });

  test('more than was asked for is dropped', async () => {
    const snapshot = await connectTo(
      await saying({ complete: true, secrets: [secret('A'), secret('B')] }),
      opened,
    ).read({ all: false, refs: [{ name: 'A' }, { name: 'C' }] });
    expect([...snapshot.secrets.keys()]).toEqual(['A']);
  });

  test('a secret that cannot be read now is unknown, with the wait that was asked for, and the rest is read', async () => {
    fake.setUnreadable('PASSWORD', { code: 'RATE_LIMITED', retryAfterSeconds: 90 });
    const { read } = connect();
    const snapshot = await read();
    expect(texts(snapshot)).toEqual({ USER: 'ann' });
    expect(snapshot.unknown?.get('PASSWORD')).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 90_000 });
    expect(snapshot.revision).toBeUndefined();
    expect(await read({ previous: snapshot })).toBe(snapshot);
    fake.recover();
    expect(texts(await read({ previous: snapshot }))).toHaveProperty('PASSWORD', VALUE);
  });

  test('a service without pinned versions makes a pin unsupported, never absent', async () => {
    fake = await startFake({ pins: false });
    const refs = [{ name: 'USER', version: '1' }, { name: 'USER' }];
    const snapshot = await connect().read({ all: false, refs });
    expect(texts(snapshot)).toEqual({ USER: 'ann' });
    expect(snapshot.unknown?.get(refId({ name: 'USER', version: '1' }))).toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('remove `version` from USER'),
    });
  });

  test('a field that is not known is of a later time, and does not matter', async () => {
    const url = await saying({ complete: true, secrets: [{ ...secret('A'), owner: 'ann' }], next: { page: 2 } });
    expect(texts(await connectTo(url, opened).read())).toEqual({ A: 'a' });
  });
});

describe('what did not change', () => {
  test('the previous snapshot itself comes back, and no value is sent', async () => {
    const { read } = connect();
    const first = await read();
    expect(await read({ previous: first })).toBe(first);
    fake.set('USER', 'bob');
    const second = await read({ previous: first });
    expect(texts(second)).toHaveProperty('USER', 'bob');
    expect(await read({ previous: second })).toBe(second);
    expect(fake.requests.map(({ body }) => body['revision'])).toEqual([undefined, 'r2', 'r2', 'r3']);
  });

  test('a restart with the stored snapshot costs one request without values', async () => {
    const { secrets, revision = '' } = await connect().read();
    const stored: Snapshot = { secrets: new Map([...secrets].slice(0, 1)), revision };
    expect(await connect().read({ previous: stored })).toBe(stored);
  });

  test.each<[string, Parameters<Connection['read']>[0], object]>([
    ['other names', { all: false, refs: [{ name: 'USER' }] }, {}],
    ['more names', { refs: [{ name: 'USER', version: '1' }] }, {}],
    ['another token', {}, { token: 'another' }],
  ])('a revision is never sent with %s', async (_, request, credentials) => {
    const previous = await connect().read();
    const { token = TOKEN } = { token: undefined, ...credentials };
    fake.setToken(token);
    await connect({ credentials: { token } }).read({ ...request, previous });
    expect(fake.requests[1]?.body).not.toHaveProperty('revision');
  });

  test.each(['', 'x', 'r1', `${'a'.repeat(22)} r1`])(
    'the revision %j of somebody else is not sent',
    async (revision) => {
      await connect().read({ previous: { secrets: new Map(), revision } });
      expect(fake.requests[0]?.body).not.toHaveProperty('revision');
    },
  );

  test('a snapshot that knows not everything is read again, though it has a revision', async () => {
    const { secrets, revision = '' } = await connect().read();
    fake.setUnreadable('PASSWORD', { code: 'UNAVAILABLE' });
    const partial = await connect().read();
    await connect().read({ previous: { secrets, revision, ...(partial.unknown && { unknown: partial.unknown }) } });
    expect(fake.requests.at(-1)?.body).not.toHaveProperty('revision');
  });

  test('equal content at another revision is no change, and the newer revision is sent next', async () => {
    const { read } = connect();
    const first = await read();
    fake.set('OTHER', '1');
    fake.remove('OTHER');
    expect(await read({ previous: first })).toBe(first);
    expect(await read({ previous: first })).toBe(first);
    expect(fake.requests.map(({ body }) => body['revision'])).toEqual([undefined, 'r2', 'r4']);
  });

  test('without revisions the content is compared', async () => {
    fake = await startFake({ revisions: false });
    const { read } = connect();
    const first = await read();
    expect(await read({ previous: first })).toBe(first);
    expect(first.revision).toBeUndefined();
    fake.remove('USER');
    expect(texts(await read({ previous: first }))).toEqual({ PASSWORD: VALUE });
  });
});

describe('a fault', () => {
  test.each<[FakeProtocolFault['kind'], ProviderErrorCode]>([
    ['400', 'INVALID_CONFIG'],
    ['401', 'UNAUTHENTICATED'],
    ['403', 'FORBIDDEN'],
    ['404', 'NOT_FOUND'],
    ['bare-404', 'NOT_FOUND'],
    ['405', 'UNSUPPORTED'],
    ['bare-405', 'UNSUPPORTED'],
    ['501', 'UNSUPPORTED'],
    ['429', 'RATE_LIMITED'],
    ['500', 'UNAVAILABLE'],
    ['503', 'UNAVAILABLE'],
    ['502-html', 'UNAVAILABLE'],
    ['pending', 'PENDING'],
    ['302', 'INVALID_RESPONSE'],
    ['hang', 'UNAVAILABLE'],
    ['reset', 'UNAVAILABLE'],
    ['truncate', 'UNAVAILABLE'],
    ['half-json', 'INVALID_RESPONSE'],
    ['not-json', 'INVALID_RESPONSE'],
    ['text', 'INVALID_RESPONSE'],
    ['list', 'INVALID_RESPONSE'],
    ['empty', 'INVALID_RESPONSE'],
    ['no-complete', 'INVALID_RESPONSE'],
    ['not-complete', 'INVALID_RESPONSE'],
    ['no-secrets', 'INVALID_RESPONSE'],
    ['wrong-type', 'INVALID_RESPONSE'],
    ['plain-text', 'INVALID_RESPONSE'],
    ['null-version', 'INVALID_RESPONSE'],
    ['twice', 'INVALID_RESPONSE'],
    ['unchanged', 'INVALID_RESPONSE'],
    ['huge', 'INVALID_RESPONSE'],
  ])('%s is %s: the read fails as a whole, quotes nothing, and the next one is well', async (kind, code) => {
    const clock = new FakeClock();
    const { read, context } = connect({ clock });
    const previous = await read();
    fake.set('USER', 'bob');
    fake.fail({ kind, times: 3 });
    const error = await settled(read({ previous }), clock, kind === 'hang' ? 5000 : 100);
    expect(error).toMatchObject({ code, message: expect.stringContaining(new URL(fake.url).host) });
    const said = inspect([error, context.logged], { depth: 9, showHidden: true });
    for (const hidden of [VALUE, 'correct horse', Buffer.from(VALUE).toString('base64'), TOKEN, 'as the test wants it'])
      expect(said).not.toContain(hidden);
    fake.recover();
    expect(texts(await read({ previous }))).toEqual({ PASSWORD: VALUE, USER: 'bob' });
  });

  test.each(['500', 'reset', 'truncate', 'half-json', 'not-complete'] as const)(
    'that passes (%s) is tried again and not seen',
    async (kind) => {
      const clock = new FakeClock();
      fake.fail({ kind, times: 2 });
      const snapshot = await settled(connect({ clock }).read(), clock);
      expect(snapshot).toHaveProperty('secrets.size', 2);
    },
  );

  test('slow is no fault', async () => {
    fake.fail({ kind: 'slow' });
    expect(texts(await connect().read())).toHaveProperty('USER');
  });

  test('retry-after is kept to, and handed on when it is long', async () => {
    const clock = new FakeClock();
    const { read } = connect({ clock });
    fake.fail({ kind: '429', retryAfter: 7 });
    const before = clock.now();
    await settled(read(), clock, 1000);
    expect(clock.now() - before).toBeGreaterThanOrEqual(7000);
    fake.fail({ kind: '503', retryAfter: 600 });
    expect(await settled(read(), clock)).toMatchObject({ code: 'UNAVAILABLE', retryAfterMs: 600_000 });
  });

  test('a refused token is asked for again once', async () => {
    const asked: (string | undefined)[] = [];
    const credentials = {
      token(refused: string | undefined) {
        asked.push(refused);
        return refused === undefined ? 'old' : TOKEN;
      },
    };
    expect(texts(await connect({ credentials }).read())).toHaveProperty('USER');
    expect(asked).toEqual([undefined, 'old']);
  });

  test('a service that cannot give everything says what to do instead', async () => {
    fake.fail({ kind: '501' });
    await expect(connect().read()).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('name each secret under `data`'),
    });
  });

  test('a service that wants a token says so when the config has none', async () => {
    await expect(connect({ credentials: {} }).read()).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      message: expect.stringContaining('Name where it is kept as `token`'),
    });
  });

  test.each(['two words', '', 'ümlaut'])('the token %j is INVALID_CONFIG, and nothing is sent', async (token) => {
    await expect(connect({ credentials: { token } }).read()).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
    expect(fake.requests).toEqual([]);
  });

  test('an abort ends the read with its reason', async () => {
    const stop = new AbortController();
    fake.fail({ kind: 'hang' });
    const read = connect().read({ signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(read).rejects.toThrow('enough');
  });
});

test.each<[string, object, string]>([
  ['name', { complete: true, secrets: [{ ...secret('A'), name: '' }] }, '`secrets.0.name`'],
  ['U+0000', { complete: true, secrets: [secret('A\0B')] }, '`secrets.0.name`'],
  ['half a character', { complete: true, secrets: [secret('A\ud800')] }, '`secrets.0.name`'],
  ['a name that is too long', { complete: true, secrets: [secret('x'.repeat(1025))] }, '`secrets.0.name`'],
  ['no value', { complete: true, secrets: [{ name: 'A' }] }, '`secrets.0.valueBase64`'],
  [
    'base64 without padding',
    { complete: true, secrets: [{ name: 'A', valueBase64: 'YQ' }] },
    '`secrets.0.valueBase64`',
  ],
  ['base64url', { complete: true, secrets: [{ name: 'A', valueBase64: '-_8=' }] }, '`secrets.0.valueBase64`'],
  ['loose bits', { complete: true, secrets: [{ name: 'A', valueBase64: 'YR==' }] }, '`secrets.0.valueBase64`'],
  ['line breaks', { complete: true, secrets: [{ name: 'A', valueBase64: 'YWFh\n' }] }, '`secrets.0.valueBase64`'],
  ['a pin without version', { complete: true, secrets: [], pins: [secret('A')] }, '`pins.0.version`'],
  [
    'a code of a whole source',
    { complete: true, secrets: [], unknown: [failed('A', 'NOT_FOUND')] },
    '`unknown.0.error.code`',
  ],
  ['known and unknown', { complete: true, secrets: [secret('A')], unknown: [failed('A', 'FORBIDDEN')] }, 'twice'],
  ['unchanged with content', { unchanged: true, revision: 'r1', complete: true, secrets: [] }, '`secrets`'],
  ['complete as text', { complete: 'true', secrets: [] }, '`complete`'],
  ['secrets as a map', { complete: true, secrets: { A: 'YQ==' } }, '`secrets`'],
])('%s is INVALID_RESPONSE and says where', async (_, document, where) => {
  const clock = new FakeClock();
  const { read } = connectTo(await saying(document), opened, { clock });
  expect(await settled(read(), clock)).toMatchObject({
    code: 'INVALID_RESPONSE',
    message: expect.stringContaining(where),
  });
});

/** The url of a service that always says this. */
async function saying(document: object): Promise<string> {
  return opened.use(await listen((_, response) => response.end(JSON.stringify(document)))).url;
}

function secret(name: string): { readonly name: string; readonly valueBase64: string } {
  return { name, valueBase64: 'YQ==' };
}

function failed(name: string, code: string): object {
  return { name, error: { code } };
}
