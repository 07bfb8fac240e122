import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import type { Secret, Snapshot } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { codes, connect, texts } from './connect.test.kit.ts';
import type { Connected, ConnectOptions } from './connect.test.kit.ts';
import { startFakeService } from './testing/index.ts';
import type { FakeService, FakeServiceAnswer } from './testing/index.ts';

let fake: FakeService;
let opened: AsyncDisposableStack;

beforeEach(async () => {
  opened = new AsyncDisposableStack();
  fake = opened.use(await startFakeService({ secrets: { DB: 'x', CACHE: 'y' } }));
});
afterEach(() => opened.disposeAsync());

async function open(operation: object = {}, options: ConnectOptions = {}, config: object = {}): Promise<Connected> {
  const read = { url: '/secrets/${name}', result: '$.data.value', ...operation };
  return opened.use(await connect({ url: fake.url, read, ...config }, options));
}

function json(body: string, more: Partial<FakeServiceAnswer> = {}): FakeServiceAnswer {
  return { status: 200, headers: { 'content-type': 'application/json' }, body, ...more };
}

/** What is read when the service answers so. */
async function readOf(answer: FakeServiceAnswer, operation: object = { result: '$.value' }): Promise<Secret | string> {
  fake.answerWith('/secrets/DB', answer);
  const { read } = await open(operation);
  const { secrets, unknown } = await read({ refs: [{ name: 'DB' }] });
  return secrets.get('DB') ?? unknown?.get('DB')?.code ?? 'absent';
}

async function textOf(answer: FakeServiceAnswer, operation?: object): Promise<string | undefined> {
  const outcome = await readOf(answer, operation);
  return typeof outcome === 'string' ? outcome : outcome.value.text();
}

describe('what a JSONPath finds', () => {
  test.each([
    ['1.5', '1.5'],
    ['0.4', '0.4'],
    ['9007199254740993', '9007199254740993'],
    ['1e400', '1e400'],
    ['1.50', '1.50'],
    ['true', 'true'],
    ['"text"', 'text'],
    ['""', ''],
    ['[1.50, {"a" : "b c"}]', '[1.50,{"a":"b c"}]'],
    ['{}', '{}'],
    ['null', 'INVALID_RESPONSE'],
  ])('%s arrives as %s', async (written, value) => {
    expect(await textOf(json(`{ "value": ${written} }`))).toBe(value);
  });

  test('nothing is unknown, for it proves nothing, unless the config says that it does', async () => {
    expect(await textOf(json('{"error":"none"}'))).toBe('INVALID_RESPONSE');
    expect(await textOf(json('{"error":"none"}'), { result: '$.value', absent: ['no-result'] })).toBe('absent');
  });

  test('several values are an error that says how many', async () => {
    fake.answerWith('/secrets/DB', json('{"values":[1,2]}'));
    const { read } = await open({ result: '$.values[*]' });
    expect((await read({ refs: [{ name: 'DB' }] })).unknown?.get('DB')?.message).toContain('finds 2 values');
  });

  test.each(['<html>sign in</html>', '', '{"value":"a', 'value'])('%j is not JSON', async (body) => {
    expect(await textOf(json(body))).toBe('INVALID_RESPONSE');
  });
});

describe('without a JSONPath', () => {
  test('the body is the value, byte for byte', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    const outcome = await readOf(
      { status: 200, headers: { 'content-type': 'text/html' }, body: bytes },
      { result: undefined },
    );
    expect(typeof outcome === 'string' ? outcome : [...outcome.value.reveal()]).toEqual([...bytes]);
  });

  test('also when it is empty, or JSON', async () => {
    expect(await textOf({ status: 200, body: '' }, { result: undefined })).toBe('');
    expect(await textOf(json('{ "a": 1.50 }\n'), { result: undefined })).toBe('{ "a": 1.50 }\n');
  });

  test('a body that could end early without being noticed is not believed', async () => {
    fake.set('CERT', 'x'.repeat(1000));
    const { get } = await open({ url: '/raw/${name}', result: undefined });
    fake.fail({ kind: 'no-length', times: 9 });
    expect(await get('CERT')).toBe('INVALID_RESPONSE');
    fake.recover();
    fake.fail({ kind: 'gzip' });
    expect(await get('CERT')).toBe('INVALID_RESPONSE');
    expect(await get('CERT')).toBe('x'.repeat(1000));
  });
});

test.each([
  ['base64', '"AP/+Cg=="', [0, 255, 254, 10]],
  ['base64', '"AP/+\\nCg"', [0, 255, 254, 10]],
  ['base64url', '"AP_-Cg"', [0, 255, 254, 10]],
  ['base64', '""', []],
  ['base64', '"AP_-Cg=="', 'INVALID_RESPONSE'],
  ['base64', '"correct horse"', 'INVALID_RESPONSE'],
  ['base64', '"A"', 'INVALID_RESPONSE'],
  ['base64', '"AB=="', 'INVALID_RESPONSE'],
  ['base64', '1234', 'INVALID_RESPONSE'],
])('decode: %s of %s is %j', async (decode, written, bytes) => {
  const outcome = await readOf(json(`{"value":${written}}`), { result: '$.value', decode });
  expect(typeof outcome === 'string' ? outcome : [...outcome.value.reveal()]).toEqual(bytes);
});

describe('what says that a secret does not exist', () => {
  test('404, and nothing else unless the config says so', async () => {
    expect(await textOf({ status: 404 })).toBe('absent');
    expect(await textOf({ status: 410 })).toBe('INVALID_RESPONSE');
    expect(await textOf({ status: 204 })).toBe('INVALID_RESPONSE');
    const absent = [410, 204];
    expect(await textOf({ status: 410 }, { absent })).toBe('absent');
    expect(await textOf({ status: 204 }, { absent })).toBe('absent');
    expect(await textOf({ status: 404 }, { absent })).toBe('INVALID_RESPONSE');
  });

  test.each([201, 202, 203, 206, 300, 400, 401, 403, 409, 418, 429, 500, 502, 503])('%i does not', async (status) => {
    const clock = new FakeClock();
    fake.answerWith('/secrets/DB', { status, body: '{"value":"v"}' });
    const { read } = await open({}, { clock });
    const outcome = await settled(
      read({ refs: [{ name: 'DB' }] }).catch((error: unknown) => error),
      clock,
    );
    expect(outcome).toSatisfy((value: Snapshot | Error) => value instanceof Error || value.unknown?.has('DB') === true);
  });
});

describe('ETags', () => {
  test('what did not change is asked for with its ETag, and the previous snapshot returned', async () => {
    const { read } = await open();
    const refs = [{ name: 'DB' }, { name: 'NONE' }];
    const first = await read({ refs });
    expect(first.secrets.get('DB')?.version).toBe('"1"');
    expect(await read({ refs, previous: first })).toBe(first);
    expect(fake.requests.filter(({ status }) => status === 304)).toHaveLength(1);
    fake.set('DB', 'new');
    expect(texts(await read({ refs, previous: first }))).toEqual({ DB: 'new' });
  });

  test('a restart asks with the ETags of the stored snapshot', async () => {
    const refs = [{ name: 'DB' }, { name: 'CACHE' }];
    const stored = restored(await (await open()).read({ refs }));
    fake.resetRequests();
    const { read } = await open();
    expect(await read({ refs, previous: stored })).toBe(stored);
    expect(await read({ refs, previous: stored })).toBe(stored);
    expect(fake.requests.map(({ status }) => status)).toEqual([304, 304, 304, 304]);
  });

  test.each<[string, ConnectOptions['credentials'], object]>([
    ['another token', { token: 'b' }, {}],
    ['another user', { 'basic.password': 'a' }, { basic: { username: 'bob' } }],
    ['another header', { 'headers.X-Tenant': 'b' }, {}],
  ])('an ETag is for the account it was given to: %s gets the value anew', async (_, credentials = {}, config) => {
    const refs = [{ name: 'DB' }];
    const stored = restored(await (await open({}, { credentials: { token: 'a' } })).read({ refs }));
    fake.resetRequests();
    const { read } = await open({}, { credentials }, config);
    await read({ refs, previous: stored });
    expect(fake.requests.map(({ headers }) => headers['if-none-match'])).toEqual([undefined]);
  });

  test('a token that changes while the agent runs, too', async () => {
    let token = 'a';
    const { read } = await open({}, { credentials: { token: () => token } });
    const refs = [{ name: 'DB' }];
    const previous = await read({ refs });
    token = 'b';
    expect(await read({ refs, previous })).toBe(previous);
    expect(fake.requests.map(({ status }) => status)).toEqual([200, 200]);
  });

  test.each(['', 'x', '"a"\r\nx: y', '*', '"'.repeat(3), `"${'x'.repeat(600)}"`])(
    'the stored version %j is no ETag to send',
    async (version) => {
      const first = await (await open()).read({ refs: [{ name: 'DB' }] });
      const secret = first.secrets.get('DB');
      if (secret === undefined) throw new Error('it was read');
      const stored = { ...restored(first), secrets: new Map([['DB', { value: secret.value, version }]]) };
      fake.resetRequests();
      await (await open()).read({ refs: [{ name: 'DB' }], previous: stored });
      expect(fake.requests[0]?.headers).not.toHaveProperty('if-none-match');
    },
  );

  test('a 304 for another ETag is not believed, and neither is one that nobody asked for', async () => {
    const { read, get } = await open();
    const refs = [{ name: 'DB' }];
    const previous = await read({ refs });
    fake.fail({ kind: 304 });
    expect(await read({ refs, previous })).toBe(previous);
    expect(fake.requests.map(({ status }) => status)).toEqual([200, 304, 200]);
    fake.fail({ kind: 304, times: 9 });
    expect(await get('DB')).toBe('INVALID_RESPONSE');
  });

  test('a version by JSONPath goes before them', async () => {
    const { read } = await open({ version: '$.data.version' });
    const refs = [{ name: 'DB' }];
    const previous = await read({ refs });
    expect(previous.secrets.get('DB')?.version).toBe('1');
    expect(await read({ refs, previous })).toBe(previous);
    expect(fake.requests.map(({ status }) => status)).toEqual([200, 304]);
  });
});

describe('pinned versions', () => {
  test('`${version}` asks for one', async () => {
    fake.set('DB', 'new');
    const { read } = await open({ query: { version: '${version}' } });
    const snapshot = await read({ refs: [{ name: 'DB' }, { name: 'DB', version: '1' }, { name: 'DB', version: '9' }] });
    expect(texts(snapshot)).toEqual({ DB: 'new', 'DB\u00001': 'x' });
    expect(snapshot.unknown).toBeUndefined();
  });

  test('without it, a pinned one is unknown', async () => {
    const { get } = await open();
    expect(await get('DB', '1')).toBe('UNSUPPORTED');
    expect(fake.requests).toEqual([]);
  });
});

describe('everything, by a list', () => {
  const list = { url: '/names', name: '$.name' };

  test('names are listed, and each is read', async () => {
    const { read, client } = await open({}, {}, { list });
    expect(texts(await read({ all: true }))).toEqual({ DB: 'x', CACHE: 'y' });
    expect(await client.list?.({ signal: AbortSignal.timeout(5000) })).toEqual([{ name: 'DB' }, { name: 'CACHE' }]);
  });

  test('only what is wanted is read', async () => {
    const { read } = await open({}, {}, { list });
    await read({ all: true, wants: (name) => name === 'DB' });
    expect(fake.requests.map(({ path }) => path)).toEqual(['/api/names', '/api/secrets/DB']);
  });

  test('what still has the version of the list is not read, and after twelve hours it is', async () => {
    const clock = new FakeClock();
    const versions = { list: { ...list, version: '$.version' } };
    const { read } = await open({ version: '$.data.version' }, { clock }, versions);
    const first = await read({ all: true });
    fake.set('DB', 'new');
    fake.resetRequests();
    const second = await read({ all: true, previous: first });
    expect(texts(second)).toEqual({ DB: 'new', CACHE: 'y' });
    expect(fake.requests.map(({ path }) => path)).toEqual(['/api/names', '/api/secrets/DB']);

    fake.resetRequests();
    const restarted = await open({ version: '$.data.version' }, { clock }, versions);
    const stored = restored(second);
    expect(await restarted.read({ all: true, previous: stored })).toBe(stored);
    expect(fake.requests).toHaveLength(1);

    await clock.advance(12 * 3_600_000 + 1);
    expect(await restarted.read({ all: true, previous: stored })).toBe(stored);
    expect(await restarted.read({ all: true, previous: stored })).toBe(stored);
    expect(fake.requests).toHaveLength(1 + 3 + 1);
  });

  test.each([
    ['an error in JSON', '{"error":"no"}'],
    ['no list', '7'],
    ['null', 'null'],
    ['an item without a name', '[{"name":"DB"},{"nam":"CACHE"}]'],
    ['an item with an empty name', '[{"name":""}]'],
    ['a name twice', '[{"name":"DB"},{"name":"DB"}]'],
    ['a name with U+0000', '[{"name":"a\\u0000b"}]'],
  ])('%s is no list: the read fails', async (_, body) => {
    fake.answerWith('/names', json(body));
    const { read } = await open({}, {}, { list });
    await expect(read({ all: true })).rejects.toMatchObject({ code: 'INVALID_RESPONSE' });
  });

  test('without a list, everything cannot be read', async () => {
    const { read, client } = await open();
    await expect(read({ all: true })).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    expect(client).not.toHaveProperty('list');
    expect(client).not.toHaveProperty('write');
  });
});

test('a read that takes long hands over what it has, and what it has not as PENDING', async () => {
  const clock = new FakeClock();
  const handed: Snapshot[] = [];
  fake.fail({ kind: 'hang', path: '/api/secrets/CACHE', times: 2 });
  fake.set('MAIL', 'z');
  const list = { url: '/names', name: '$.name' };
  const { read } = await open({}, { clock }, { list, concurrency: 1 });
  const end = await settled(
    read({ all: true, wants: (name) => name !== 'DB', progress: (one) => void handed.push(one) }),
    clock,
  );
  expect(texts(end)).toEqual({ CACHE: 'y', MAIL: 'z' });
  expect(handed.map(texts)).toEqual([{ CACHE: 'y' }]);
  expect(handed.map(codes)).toEqual([{ MAIL: 'PENDING' }]);
});

test('one that fails is unknown, the others are read', async () => {
  fake.setUnreadable('DB');
  const { read } = await open();
  const snapshot = await read({ refs: [{ name: 'DB' }, { name: 'CACHE' }] });
  expect(texts(snapshot)).toEqual({ CACHE: 'y' });
  expect(codes(snapshot)).toEqual({ DB: 'UNAVAILABLE' });
});

test('a service that does not answer is not asked for each secret until its time is up', async () => {
  const clock = new FakeClock();
  fake.fail({ kind: 'hang', times: Number.POSITIVE_INFINITY });
  const { read } = await open({}, { clock }, { concurrency: 2, timeout: '5s' });
  const refs = Array.from({ length: 50 }, (_, index) => ({ name: `S${index}` }));
  const snapshot = await settled(read({ refs }), clock);
  expect(Object.values(codes(snapshot))).toEqual(refs.map(() => 'UNAVAILABLE'));
  expect(fake.requests.length).toBeLessThanOrEqual(6);
});

test('a service that takes no more requests is left alone, and says for how long', async () => {
  fake.fail({ kind: 429, times: Number.POSITIVE_INFINITY, retryAfter: 100 });
  const { read } = await open({}, {}, { concurrency: 1 });
  const { unknown } = await read({ refs: Array.from({ length: 20 }, (_, index) => ({ name: `S${index}` })) });
  expect([...(unknown?.values() ?? [])]).toEqual(
    Array.from({ length: 20 }, () => expect.objectContaining({ code: 'RATE_LIMITED', retryAfterMs: 100_000 })),
  );
  expect(fake.requests).toHaveLength(1);
});

test('an answer that is too large is unknown', async () => {
  const { get } = await open();
  fake.fail({ kind: 'huge', times: 9 });
  expect(await get('DB')).toBe('INVALID_RESPONSE');
});

test('no error shows anything of an answer', async () => {
  const marker = 'correct-horse-battery';
  for (const answer of [
    json(`{"value":["${marker}"`),
    json(`{"other":"${marker}"}`),
    { status: 500, body: marker },
    json(marker),
  ]) {
    fake.answerWith('/secrets/DB', answer);
    const { read } = await open({ result: '$.value' });
    const snapshot = await read({ refs: [{ name: 'DB' }] });
    expect(snapshot.unknown?.size).toBe(1);
    expect(inspect(snapshot.unknown, { depth: 9 })).not.toContain(marker);
  }
});

/** Moves the clock until the promise settles; requests in flight get real time in between. */
async function settled<T>(promise: Promise<T>, clock: FakeClock): Promise<T> {
  const outcome = promise.then((value) => ({ value }));
  for (;;) {
    const settledNow = await Promise.race([outcome, delay(5)]);
    if (settledNow !== undefined) return settledNow.value;
    await clock.advance(500);
  }
}

/** As the engine gives it back after a restart: equal content, new objects. */
function restored({ secrets, revision }: Snapshot): Snapshot {
  return {
    secrets: new Map([...secrets].map(([id, secret]) => [id, { ...secret }])),
    ...(revision !== undefined && { revision }),
  };
}
