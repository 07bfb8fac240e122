import { inspect } from 'node:util';
import { isProviderError, refId } from '@hikyaku/core';
import type { Snapshot } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { codes, open, READ, rejection, startHub, texts, VALUE } from './cluster.test.kit.ts';
import type { OpenedSource, OpenOptions } from './cluster.test.kit.ts';
import type { FakeApiServer, FakeFaultKind } from './testing/index.ts';

let hub: FakeApiServer;
let opened: AsyncDisposableStack;

beforeEach(async () => {
  opened = new AsyncDisposableStack();
  hub = opened.use(await startHub());
});
afterEach(() => opened.disposeAsync());

async function source(options: OpenOptions = {}): Promise<OpenedSource> {
  return opened.use(await open(hub, options));
}

function gets(): readonly string[] {
  return hub.requests.flatMap(({ verb, path }) => (verb === 'get' ? [path] : []));
}

describe('reads', () => {
  test('one Secret is one request, however many of its keys are wanted', async () => {
    const { read } = await source();
    const refs = [{ name: 'app/password' }, { name: 'app/url' }];
    expect(texts(await read({ refs }))).toEqual({ 'app/password': VALUE, 'app/url': 'postgres://db' });
    expect(gets()).toEqual(['/api/v1/namespaces/web/secrets/app']);
  });

  test('everything is all keys of the Secrets that the config lists', async () => {
    hub.setSecret('web', 'tls', { 'tls.crt': 'crt', 'tls.key': 'key' });
    hub.setSecret('web', 'other', { password: 'not listed' });
    const { read } = await source({ config: { secrets: ['app', 'tls'] } });
    expect(Object.keys(texts(await read()))).toEqual(['app/password', 'app/url', 'tls/tls.crt', 'tls/tls.key']);
  });

  test('without a list everything is UNSUPPORTED, and single keys are read', async () => {
    const { read } = await source({ config: { secrets: undefined } });
    expect(await rejection(read())).toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('`secrets`'),
    });
    expect(texts(await read({ refs: [{ name: 'app/url' }] }))).toEqual({ 'app/url': 'postgres://db' });
  });

  test('what is unchanged is the previous snapshot itself, and a change is seen', async () => {
    const { read } = await source();
    const first = await read();
    expect(await read({ previous: first })).toBe(first);
    hub.setKey('web', 'app', 'password', 'changed');
    const second = await read({ previous: first });
    expect(texts(second)).toEqual({ 'app/password': 'changed', 'app/url': 'postgres://db' });
    expect(second.secrets.get('app/url')?.version).not.toBe(first.secrets.get('app/url')?.version);
  });

  test('a version is the uid and the resourceVersion, so that a Secret made again is another one', async () => {
    const { read } = await source();
    const before = (await read()).secrets.get('app/password')?.version;
    const { uid, resourceVersion } = hub.secret('web', 'app')?.metadata ?? {};
    expect(before).toBe(`${uid}:${resourceVersion}`);
    hub.removeSecret('web', 'app');
    hub.setSecret('web', 'app', { password: VALUE });
    expect((await read()).secrets.get('app/password')?.version).not.toBe(before);
  });

  test('values are bytes', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    hub.setSecret('web', 'app', { binary: bytes, empty: '' });
    const { secrets } = await (await source()).read();
    expect(secrets.get('app/binary')?.value.reveal()).toEqual(bytes);
    expect(secrets.get('app/empty')?.value.byteLength).toBe(0);
  });

  test('a key that looks like part of every object is a key', async () => {
    hub.setKey('web', 'app', '__proto__', 'polite');
    const { read } = await source();
    expect((await read()).secrets.get('app/__proto__')?.value.text()).toBe('polite');
  });

  test('a pin and a name that cannot be are errors of that ref only', async () => {
    const { read } = await source();
    const refs = ['app', 'App/password', 'app/..', 'app/a b', '../app/x', 'a..b/c', ''].map((name) => ({ name }));
    const pinned = { name: 'app/password', version: '1' };
    const snapshot = await read({ refs: [...refs, pinned, { name: 'app/url' }] });
    expect(texts(snapshot)).toEqual({ 'app/url': 'postgres://db' });
    expect(codes(snapshot)).toEqual({
      ...Object.fromEntries(refs.map(({ name }) => [name, 'INVALID_CONFIG'])),
      [refId(pinned)]: 'UNSUPPORTED',
    });
    expect(gets()).toEqual(['/api/v1/namespaces/web/secrets/app']);
  });
});

describe('what is not there', () => {
  test('a key, a Secret: absent', async () => {
    const { read } = await source({ config: { secrets: ['app', 'gone'] } });
    const refs = [{ name: 'app/no-such-key' }, { name: 'no-such-secret/key' }, { name: 'app/url' }];
    const snapshot = await read({ refs });
    expect([...snapshot.secrets.keys()]).toEqual(['app/url']);
    expect(snapshot.unknown).toBeUndefined();
    expect(Object.keys(texts(await read()))).toEqual(['app/password', 'app/url']);
  });

  test.each([
    ['missing', undefined],
    ['being deleted', 'Terminating' as const],
  ])('a namespace that is %s is NOT_FOUND, and its Secrets are not called absent', async (_, phase) => {
    const token = hub.token(READ, { verbs: ['get'], resource: 'namespaces' });
    const { read } = await source({ token });
    const previous = await read();
    hub.removeSecret('web', 'app');
    hub.setNamespace('web', phase);
    expect(await rejection(read({ previous }))).toMatchObject({ code: 'NOT_FOUND' });
  });

  test('a 404 of something in front of the API server is not absence', async () => {
    const { read } = await source();
    hub.fail({ kind: '404-page', times: 4 });
    expect(await rejection(read())).toMatchObject({ code: 'INVALID_RESPONSE' });
    expect(await rejection(read({ refs: [{ name: 'app/url' }] }))).toMatchObject({ code: 'INVALID_RESPONSE' });
  });
});

describe('failures', () => {
  test.each<[FakeFaultKind, string]>([
    ['401', 'UNAUTHENTICATED'],
    ['403', 'FORBIDDEN'],
    ['429', 'RATE_LIMITED'],
    ['500', 'UNAVAILABLE'],
    ['503-page', 'UNAVAILABLE'],
    ['200-page', 'INVALID_RESPONSE'],
    ['302', 'INVALID_RESPONSE'],
    ['reset', 'UNAVAILABLE'],
    ['cut', 'UNAVAILABLE'],
    ['truncated', 'INVALID_RESPONSE'],
    ['wrong-type', 'INVALID_RESPONSE'],
    ['no-base64', 'INVALID_RESPONSE'],
    ['another', 'INVALID_RESPONSE'],
    ['list', 'INVALID_RESPONSE'],
    ['huge', 'INVALID_RESPONSE'],
  ])('%s of the only Secret is %s, quotes no value, and passes', async (kind, code) => {
    const { read } = await source();
    const previous = await read();
    hub.fail({ kind, times: Infinity });
    const error = await rejection(read({ previous }));
    expect(error).toMatchObject({ code });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(VALUE);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(Buffer.from(VALUE).toString('base64'));
    hub.clearFaults();
    expect(await read({ previous })).toBe(previous);
  });

  test('silence ends after ten seconds, and once more', async () => {
    const clock = new FakeClock();
    const { read } = await source({ clock });
    hub.fail({ kind: 'hang', times: 2 });
    const reading = rejection(read());
    for (const requests of [1, 2]) {
      await expect.poll(() => hub.requests).toHaveLength(requests);
      await clock.advance(10_000);
    }
    expect(await reading).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('within 10000 ms') });
  });

  test('by accident is tried again at once', async () => {
    const { read } = await source();
    hub.fail({ kind: 'reset' });
    expect(texts(await read())).toHaveProperty('app/url');
    expect(hub.requests).toHaveLength(2);
  });

  test('retry-after is passed on', async () => {
    const { read } = await source();
    hub.fail({ kind: '429', retryAfter: 7 });
    expect(await rejection(read())).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 7_000 });
  });

  test('of one Secret leaves the others, and what it had is unknown', async () => {
    hub.setSecret('web', 'tls', { 'tls.crt': 'crt' });
    const { read } = await source({ config: { secrets: ['app', 'tls'] } });
    const previous = await read();
    hub.fail({ kind: '500', name: 'tls', times: 4 });
    const snapshot = await read({ previous });
    expect(texts(snapshot)).toEqual({ 'app/password': VALUE, 'app/url': 'postgres://db' });
    expect(codes(snapshot)).toEqual({ 'tls/tls.crt': 'UNAVAILABLE' });
    const refs = [{ name: 'tls/tls.crt' }, { name: 'app/url' }];
    expect(codes(await read({ refs }))).toEqual({ 'tls/tls.crt': 'UNAVAILABLE' });
  });

  test('of one Secret whose keys nobody knows yet ends a read of everything: they would pass for gone', async () => {
    hub.setSecret('web', 'tls', { 'tls.crt': 'crt' });
    const { read } = await source({ config: { secrets: ['app', 'tls'] } });
    hub.fail({ kind: '500', name: 'tls', times: 2 });
    expect(await rejection(read())).toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('an unchanged failure is no change', async () => {
    hub.setSecret('web', 'tls', { 'tls.crt': 'crt' });
    const { read } = await source({ token: hub.token({ ...READ, names: ['app'] }) });
    const refs = [{ name: 'tls/tls.crt' }, { name: 'app/url' }];
    const previous = await read({ refs });
    expect(await read({ refs, previous })).toBe(previous);
  });

  test('an aborted read rejects with the reason', async () => {
    const { read } = await source();
    hub.fail({ kind: 'hang' });
    const stop = new AbortController();
    const reason = new Error('enough');
    const reading = rejection(read({ signal: stop.signal }));
    await expect.poll(() => hub.requests).toHaveLength(1);
    stop.abort(reason);
    expect(await reading).toBe(reason);
  });
});

describe('rights', () => {
  test('without a Role the error has the commands that give it, for the account that asks', async () => {
    const { read } = await source({ token: hub.token() });
    const error = await rejection(read());
    expect(error).toMatchObject({ code: 'FORBIDDEN' });
    expect(String(error)).toContain(
      'kubectl create role hikyaku-read-app --namespace web --verb=get,list,watch --resource=secrets --resource-name=app',
    );
    expect(String(error)).toMatch(
      /kubectl create rolebinding hikyaku-read-app --namespace web --role=hikyaku-read-app --serviceaccount=readers:reader-1$/,
    );
  });

  test('a Role for one name reads that name only', async () => {
    hub.setSecret('web', 'tls', { 'tls.crt': 'crt' });
    const { read } = await source({ token: hub.token({ verbs: ['get'], namespace: 'web', names: ['app'] }) });
    const snapshot = await read({ refs: [{ name: 'app/url' }, { name: 'tls/tls.crt' }] });
    expect(texts(snapshot)).toEqual({ 'app/url': 'postgres://db' });
    expect(codes(snapshot)).toEqual({ 'tls/tls.crt': 'FORBIDDEN' });
  });
});

describe('the credential', () => {
  test('is asked for with each read, and once more after a 401', async () => {
    let token = hub.token(READ);
    const refusals: (string | undefined)[] = [];
    const { read } = await source({
      credentials: {
        kubeconfig(refused) {
          refusals.push(refused && 'refused');
          if (refused !== undefined) token = hub.token(READ);
          return hub.kubeconfig(token);
        },
      },
    });
    const previous = await read();
    hub.revoke(token);
    expect(await read({ previous })).toBe(previous);
    expect(refusals).toEqual([undefined, undefined, 'refused']);
  });

  test('that is refused for good says what to do, without a word of it', async () => {
    const token = hub.token(READ);
    const { read } = await source({ token });
    hub.revoke(token);
    const error = await rejection(read());
    expect(error).toMatchObject({ code: 'UNAUTHENTICATED', message: expect.stringContaining('make a new token') });
    expect(inspect(error, { depth: 9 })).not.toContain(token);
  });

  test('a kubeconfig for another server is a mistake, and nothing is asked', async () => {
    const { read } = await source({ config: { server: 'https://elsewhere.test:6443' } });
    const error = await rejection(read());
    expect(error).toMatchObject({ code: 'INVALID_CONFIG' });
    expect(String(error)).toContain(`write \`server: ${hub.url}\``);
    expect(hub.requests).toEqual([]);
  });

  test.each([
    ['exec', { exec: { command: 'touch', args: ['/tmp/x'] } }],
    ['a file', { tokenFile: '/var/run/secrets/kubernetes.io/serviceaccount/token' }],
    ['somebody else', { token: VALUE, as: 'admin' }],
  ])('a kubeconfig with %s is refused, and nothing is asked', async (_, user) => {
    const kubeconfig = JSON.parse(hub.kubeconfig(VALUE));
    kubeconfig.users[0].user = user;
    const { read } = await source({ credentials: { kubeconfig: JSON.stringify(kubeconfig) } });
    const error = await rejection(read());
    expect(error).toMatchObject({ code: 'INVALID_CONFIG', message: expect.stringContaining('users[0].user') });
    expect(String(error)).not.toContain(VALUE);
    expect(hub.requests).toEqual([]);
  });

  test('that is no text is refused', async () => {
    const { read } = await source({ credentials: { kubeconfig: VALUE } });
    const error = await rejection(read());
    expect(error).toMatchObject({ code: 'INVALID_CONFIG' });
    expect(String(error)).not.toContain(VALUE);
  });

  test('nothing is sent before the first read, and no dispatcher is closed', async () => {
    const { client, context } = await source();
    expect(hub.requests).toEqual([]);
    await client.read({ all: true, refs: [], signal: AbortSignal.timeout(5_000), progress() {} });
    await client[Symbol.asyncDispose]?.();
    expect(context.closed).toBe(false);
  });

  test('a refusal of the dispatcher keeps its own words', async () => {
    const { read } = await source({
      credentials: { kubeconfig: hub.kubeconfig('x').replaceAll(hub.url, 'https://127.0.0.1:9') },
      config: { server: 'https://127.0.0.1:9' },
    });
    const error = await rejection(read());
    expect(isProviderError(error) && error.code).toBe('FORBIDDEN');
    expect(String(error)).not.toContain('kubectl create role');
  });
});

describe('lists', () => {
  test('names and versions of the listed Secrets', async () => {
    const { client } = await source({ config: { secrets: ['app', 'not-there'] } });
    const { uid, resourceVersion } = hub.secret('web', 'app')?.metadata ?? {};
    const version = `${uid}:${resourceVersion}`;
    expect(await client.list?.({ signal: AbortSignal.timeout(5_000) })).toEqual([
      { name: 'app/password', version },
      { name: 'app/url', version },
    ]);
  });

  test('are not offered without the list', async () => {
    const { client } = await source({ config: { secrets: undefined } });
    expect(client).toHaveProperty('list', undefined);
  });

  test('fail where one Secret cannot be read', async () => {
    const { client } = await source({
      config: { secrets: ['app', 'not-mine'] },
      token: hub.token({ ...READ, names: ['app'] }),
    });
    expect(await rejection(Promise.resolve(client.list?.({ signal: AbortSignal.timeout(5_000) })))).toMatchObject({
      code: 'FORBIDDEN',
    });
  });
});

test('a snapshot of before a restart is taken up', async () => {
  const before = await source();
  const { secrets } = await before.read();
  const stored: Snapshot = { secrets: new Map([...secrets].map(([name, secret]) => [name, { ...secret }])) };
  const after = await source();
  expect(await after.read({ previous: stored })).toBe(stored);
});
