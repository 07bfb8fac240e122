import { SecretValue } from '@hikyaku/core';
import type { SecretChange, WriteResult } from '@hikyaku/core';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { open, rejection, startHub, VALUE, WRITE } from './cluster.test.kit.ts';
import type { OpenOptions } from './cluster.test.kit.ts';
import type { FakeApiServer } from './testing/index.ts';

let hub: FakeApiServer;
let opened: AsyncDisposableStack;

beforeEach(async () => {
  opened = new AsyncDisposableStack();
  hub = opened.use(await startHub());
});
afterEach(() => opened.disposeAsync());

interface Writing {
  readonly write: (...changes: readonly SecretChange[]) => Promise<readonly WriteResult[]>;
}

async function source(options: OpenOptions = {}): Promise<Writing> {
  const { client } = opened.use(await open(hub, { token: hub.token(WRITE), ...options }));
  return {
    write: async (...changes) => (await client.write?.(changes, { signal: AbortSignal.timeout(30_000) })) ?? [],
  };
}

function put(name: string, value = 'new value'): SecretChange {
  return { name, value: SecretValue.of(value) };
}

function data(name: string, namespace = 'web'): Readonly<Record<string, string>> | undefined {
  const secret = hub.secret(namespace, name);
  if (secret === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
  );
}

function version(name: string): string {
  const { uid, resourceVersion } = hub.secret('web', name)?.metadata ?? {};
  return `${uid}:${resourceVersion}`;
}

function verbs(): readonly string[] {
  return hub.requests.map(({ verb }) => verb);
}

describe('a write', () => {
  test('changes its keys of a Secret at once, and leaves the others, its type and its metadata', async () => {
    hub.setSecret(
      'web',
      'tls',
      { 'tls.crt': 'a', 'tls.key': 'b', 'ca.crt': 'c' },
      { type: 'kubernetes.io/tls', labels: { team: 'web' }, annotations: { note: 'x' } },
    );
    const { write } = await source();
    const results = await write(put('tls/tls.crt', 'A'), put('tls/tls.key', 'B'));
    expect(data('tls')).toEqual({ 'tls.crt': 'A', 'tls.key': 'B', 'ca.crt': 'c' });
    expect(hub.secret('web', 'tls')).toMatchObject({
      type: 'kubernetes.io/tls',
      metadata: { labels: { team: 'web' }, annotations: { note: 'x' } },
    });
    expect(results).toEqual(['tls/tls.crt', 'tls/tls.key'].map((name) => ({ name, version: version('tls') })));
    expect(verbs()).toEqual(['get', 'update']);
  });

  test('makes a Secret that is not there, without the label of an agent', async () => {
    const { write } = await source();
    expect(await write(put('new/a', '1'), put('new/b', '2'))).toEqual([
      { name: 'new/a', version: version('new') },
      { name: 'new/b', version: version('new') },
    ]);
    expect(data('new')).toEqual({ a: '1', b: '2' });
    expect(hub.secret('web', 'new')).toMatchObject({
      type: 'Opaque',
      metadata: { labels: { 'app.kubernetes.io/managed-by': 'hikyaku' } },
    });
  });

  test('makes it of the type that the config says', async () => {
    const { write } = await source({ config: { createType: 'kubernetes.io/tls' } });
    await write(put('new/tls.crt'), put('new/tls.key'));
    expect(hub.secret('web', 'new')?.type).toBe('kubernetes.io/tls');
  });

  test('removes keys, and keeps the Secret when the last one is gone', async () => {
    const { write } = await source();
    const changes = ['app/password', 'app/url', 'app/never', 'nowhere/never'].map((name) => ({
      name,
      remove: true as const,
    }));
    expect(await write(...changes)).toEqual(changes.map(({ name }) => ({ name })));
    expect(data('app')).toEqual({});
    expect(data('nowhere')).toBeUndefined();
  });

  test('of what is there already sends nothing', async () => {
    const { write } = await source();
    expect(await write(put('app/password', VALUE))).toEqual([{ name: 'app/password', version: version('app') }]);
    expect(verbs()).toEqual(['get']);
  });

  test('that somebody overtakes is made again of what is there then', async () => {
    const { write } = await source();
    hub.setSecret('web', 'other', { a: '1' });
    const before = hub.secret('web', 'app')?.metadata.resourceVersion;
    const overtake = setInterval(() => {
      if (!verbs().includes('get')) return;
      clearInterval(overtake);
      hub.setKey('web', 'app', 'theirs', 'x');
    }, 0);
    // Held up until the other has written.
    hub.fail({ kind: 'slow', verb: 'get', name: 'app' });
    expect(await write(put('app/password', 'changed'))).toEqual([{ name: 'app/password', version: version('app') }]);
    expect(data('app')).toEqual({ password: 'changed', url: 'postgres://db', theirs: 'x' });
    expect(hub.secret('web', 'app')?.metadata.resourceVersion).not.toBe(before);
    expect(verbs()).toEqual(['get', 'update', 'get', 'update']);
  });
});

describe('a condition', () => {
  test('on the version that the Secret has lets the write pass', async () => {
    const { write } = await source();
    const changes = [put('app/password', '1'), put('app/url', '2')].map((change) => ({
      ...change,
      ifVersion: version('app'),
    }));
    expect((await write(...changes)).flatMap(({ error }) => error ?? [])).toEqual([]);
    expect(data('app')).toEqual({ password: '1', url: '2' });
  });

  test('on another version is a CONFLICT of that change, and the others are applied', async () => {
    const { write } = await source();
    const results = await write({ ...put('app/password'), ifVersion: 'old' }, put('app/url', 'changed'));
    expect(results).toMatchObject([{ error: { code: 'CONFLICT' } }, { version: version('app') }]);
    expect(data('app')).toEqual({ password: VALUE, url: 'changed' });
  });

  test('on absence is about the key', async () => {
    const { write } = await source();
    const results = await write({ ...put('app/password'), ifVersion: null }, { ...put('app/new'), ifVersion: null });
    expect(results).toMatchObject([{ error: { code: 'CONFLICT' } }, { version: version('app') }]);
    expect(data('app')).toEqual({ password: VALUE, url: 'postgres://db', new: 'new value' });
  });

  test('on a version that somebody overtakes is a CONFLICT', async () => {
    const { write } = await source();
    const ifVersion = version('app');
    const overtake = setInterval(() => {
      if (!verbs().includes('get')) return;
      clearInterval(overtake);
      hub.setKey('web', 'app', 'theirs', 'x');
    }, 0);
    hub.fail({ kind: 'slow', verb: 'get', name: 'app' });
    expect(await write({ ...put('app/password'), ifVersion })).toMatchObject([{ error: { code: 'CONFLICT' } }]);
    expect(data('app')).toEqual({ password: VALUE, url: 'postgres://db', theirs: 'x' });
  });
});

describe('is refused, with a result that says so', () => {
  test.each(['kubernetes.io/service-account-token', 'bootstrap.kubernetes.io/token', 'helm.sh/release.v1'])(
    'a Secret of type %s, there or to be made',
    async (type) => {
      hub.setSecret('web', 'special', { a: '1' }, { type });
      const { write } = await source({ config: { createType: type } });
      const results = await write(put('special/a'), put('new/a'));
      expect(results).toMatchObject([{ error: { code: 'INVALID_CONFIG' } }, { error: { code: 'INVALID_CONFIG' } }]);
      expect(verbs()).toEqual(['get', 'get']);
    },
  );

  test('an immutable Secret', async () => {
    hub.setSecret('web', 'fixed', { a: '1' }, { immutable: true });
    const { write } = await source();
    expect(await write(put('fixed/a'))).toMatchObject([{ error: { code: 'UNSUPPORTED' } }]);
    expect(await write(put('fixed/a', '1'))).toMatchObject([{ version: version('fixed') }]);
  });

  test('what Kubernetes does not take, without a value in the message', async () => {
    const { write } = await source({ config: { createType: 'kubernetes.io/tls' } });
    const [result] = await write(put('new/tls.crt', VALUE));
    expect(result).toMatchObject({
      error: { code: 'INVALID_CONFIG', message: expect.stringContaining('data[tls.key]') },
    });
    const shown = inspect(result, { depth: 9, showHidden: true });
    expect(shown).not.toContain(VALUE);
    expect(shown).not.toContain(Buffer.from(VALUE).toString('base64'));
  });

  test('a name that names no key', async () => {
    const { write } = await source();
    expect(await write(put('app'), put('app/url', 'changed'))).toMatchObject([
      { name: 'app', error: { code: 'INVALID_CONFIG' } },
      { name: 'app/url', version: version('app') },
    ]);
  });

  test('without the right, with the commands that give it', async () => {
    const { write } = await source({ token: hub.token({ verbs: ['get'], namespace: 'web' }) });
    const [result] = await write(put('app/url'));
    expect(result).toMatchObject({ error: { code: 'FORBIDDEN' } });
    expect(String(result?.error)).toContain(
      'kubectl create role hikyaku-write-app --namespace web --verb=get,update --resource=secrets --resource-name=app',
    );
  });

  test('a namespace that is not there, and one that is being deleted, which may be made again', async () => {
    const token = hub.token({ ...WRITE, namespace: 'gone' });
    const { write } = await source({ token, config: { namespace: 'gone' } });
    expect(await write(put('new/a'))).toMatchObject([{ error: { code: 'NOT_FOUND', retryable: false } }]);
    hub.setNamespace('gone', 'Terminating');
    expect(await write(put('new/a'))).toMatchObject([{ error: { code: 'FORBIDDEN', retryable: true } }]);
  });
});

describe('failures', () => {
  test.each(['429', '401', '403'] as const)('a write that was answered with %s was not done', async (kind) => {
    const { write } = await source();
    hub.fail({ kind, verb: 'update', times: 9 });
    const [result] = await write(put('app/url', 'changed'));
    expect(result?.error?.code).toMatch(/^(RATE_LIMITED|UNAUTHENTICATED|FORBIDDEN)$/);
    expect(data('app')).toHaveProperty('url', 'postgres://db');
  });

  test.each(['500', 'reset', 'reset-after', 'truncated'] as const)(
    'nobody knows what became of a write after %s: it throws, once the others are written',
    async (kind) => {
      hub.setSecret('web', 'tls', { a: '1' });
      const { write } = await source();
      hub.fail({ kind, verb: 'update', name: 'app' });
      expect(await rejection(write(put('app/url', 'changed'), put('tls/a', '2')))).toMatchObject({
        name: 'ProviderError',
        retryable: true,
      });
      expect(data('tls')).toEqual({ a: '2' });
    },
  );

  test('a Secret that cannot be looked at is not written', async () => {
    const { write } = await source();
    hub.fail({ kind: '500', verb: 'get' });
    expect(await write(put('app/url'))).toMatchObject([{ error: { code: 'UNAVAILABLE' } }]);
    expect(verbs()).toEqual(['get']);
  });

  test('never by a patch', async () => {
    const { write } = await source();
    await write(put('app/url', 'changed'), put('new/a', '1'));
    expect(new Set(hub.requests.map(({ method }) => method))).toEqual(new Set(['GET', 'PUT', 'POST']));
  });
});
