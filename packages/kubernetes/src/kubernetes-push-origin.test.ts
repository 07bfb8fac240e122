import type { KubeClient, WatchEvent, WatchOptions } from '@hikyaku/kube-client';
import { describe, expect, test } from 'vitest';
import { KubernetesPushOrigin } from './kubernetes-push-origin.ts';
import { AGENT, kubeError, memoryKube, signal } from './memory-kube.test.kit.ts';

const secret = { namespace: 'web', name: 'app' };

function open(proof: 'policy' | 'look' = 'policy') {
  const kube = memoryKube();
  return { ...kube, origin: new KubernetesPushOrigin({ client: kube.client, access: { agent: AGENT, proof } }) };
}

function live(data: Readonly<Record<string, string>>, more: object = {}, metadata: object = {}) {
  const encoded = Object.fromEntries(
    Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
  );
  return { metadata: { ...secret, ...metadata }, type: 'Opaque', data: encoded, ...more };
}

describe('a Secret is read', () => {
  test('with all its keys', async () => {
    const { secrets, origin } = open();
    secrets.put(live({ a: '1', b: '' }));
    const { data } = await origin.read(secret, { signal });
    expect([...(data ?? [])].map(([key, value]) => [key, value.text()])).toEqual([
      ['a', '1'],
      ['b', ''],
    ]);
  });

  test('without data as one without keys', async () => {
    const { secrets, origin } = open();
    secrets.put({ metadata: secret, type: 'Opaque' });
    expect((await origin.read(secret, { signal })).data?.size).toBe(0);
  });

  test('and is not there, or is on its way out', async () => {
    const { secrets, origin } = open();
    expect(await origin.read(secret, { signal })).toMatchObject({ problem: { code: 'ABSENT' } });
    secrets.put(live({ a: '1' }, {}, { deletionTimestamp: '2026-11-25T12:00:00Z' }));
    expect(await origin.read(secret, { signal })).toMatchObject({ problem: { code: 'ABSENT' } });
  });

  test.each(['kubernetes.io/service-account-token', 'bootstrap.kubernetes.io/token', 'helm.sh/release.v1'])(
    'of the type %s is refused',
    async (type) => {
      const { secrets, origin } = open();
      secrets.put(live({ token: 'abc' }, { type }));
      const state = await origin.read(secret, { signal });
      expect(state).toMatchObject({ problem: { code: 'REFUSED', message: expect.stringContaining(type) } });
      expect(state.data).toBeUndefined();
    },
  );

  test('never of the agent’s own namespace', async () => {
    const { secrets, origin } = open();
    const own = { namespace: AGENT, name: 'hikyaku-identity' };
    secrets.put({ ...live({ key: 'abc' }), metadata: own });
    expect(await origin.read(own, { signal })).toMatchObject({ problem: { code: 'REFUSED' } });
    expect(secrets.calls).toEqual([]);
  });

  test.each([
    ['policy', 'hikyaku rights role web/app --watch | kubectl apply -f -'],
    ['look', 'your account lacks the right'],
  ] as const)('and the right is missing (%s): it is said how to get it', async (proof, remedy) => {
    const { secrets, origin } = open(proof);
    secrets.admit = () => {
      throw kubeError('FORBIDDEN');
    };
    expect(await origin.read(secret, { signal })).toMatchObject({
      problem: { code: 'FORBIDDEN', message: expect.stringContaining(remedy) },
    });
  });

  test('and the API server fails: that is no absence', async () => {
    const { secrets, origin } = open();
    secrets.admit = () => {
      throw kubeError('RATE_LIMITED', { retryAfterMs: 5_000 });
    };
    expect(await origin.read(secret, { signal })).toMatchObject({
      problem: { code: 'UNAVAILABLE', retryAfterMs: 5_000 },
    });
  });
});

describe('a watch', () => {
  type Answer = readonly WatchEvent[] | Error;

  /** Each watch gives the next answer and ends; the one after the last goes on until the signal. */
  function watching(...answers: readonly Answer[]) {
    const opened = open();
    const asked: WatchOptions[] = [];
    const left = [...answers];
    async function* watch(path: string, options: WatchOptions): AsyncGenerator<WatchEvent> {
      expect(path).toBe('/api/v1/namespaces/web/secrets');
      asked.push(options);
      const answer = left.shift();
      if (answer instanceof Error) throw answer;
      yield* answer ?? [];
      if (answer === undefined)
        await new Promise((_, reject) => options.signal.addEventListener('abort', () => reject(options.signal.reason)));
    }
    Object.assign(opened.client satisfies KubeClient, { watch });
    return { ...opened, asked };
  }

  function event(type: WatchEvent['type'], resourceVersion: string): WatchEvent {
    return { type, object: { metadata: { name: 'app', resourceVersion } } };
  }

  test('is by name, brings no value, and goes on where the last one ended or broke', async () => {
    const { origin, asked } = watching([event('ADDED', '5'), event('BOOKMARK', '8')], kubeError('UNAVAILABLE'), [
      event('DELETED', '9'),
    ]);
    const stop = new AbortController();
    const watch = origin.watch(secret, { signal: stop.signal })[Symbol.asyncIterator]();
    await watch.next();
    await watch.next();
    expect(asked.map(({ query }) => query)).toEqual([
      { fieldSelector: 'metadata.name=app' },
      { fieldSelector: 'metadata.name=app', resourceVersion: '8' },
      { fieldSelector: 'metadata.name=app', resourceVersion: '8' },
    ]);
    expect(asked[0]?.accept).toContain('as=PartialObjectMetadata');
    stop.abort(new Error('enough'));
    await expect(watch.next()).rejects.toThrow('enough');
  });

  test('that is not allowed is over, so that the Secret is looked at now and then', async () => {
    const { origin } = watching(kubeError('FORBIDDEN'));
    for await (const _ of origin.watch(secret, { signal })) throw new Error('no notice was due');
  });

  test('that was allowed and is refused for a moment goes on, as by an API server that has just started', async () => {
    const refused = kubeError('FORBIDDEN');
    const { origin, asked } = watching([event('ADDED', '5')], refused, refused, [event('ADDED', '9')]);
    const stop = new AbortController();
    const watch = origin.watch(secret, { signal: stop.signal })[Symbol.asyncIterator]();
    await watch.next();
    expect(await watch.next()).toMatchObject({ done: false });
    expect(asked).toHaveLength(4);
    const next = watch.next();
    stop.abort(new Error('enough'));
    await expect(next).rejects.toThrow('enough');
  });

  test('whose past is forgotten counts as a change', async () => {
    const { origin, asked } = watching([event('ADDED', '5')], kubeError('GONE'));
    const watch = origin.watch(secret, { signal })[Symbol.asyncIterator]();
    await watch.next();
    expect(await watch.next()).toMatchObject({ done: false });
    void watch.next().catch(() => {});
    await expect.poll(() => asked.at(-1)?.query).toEqual({ fieldSelector: 'metadata.name=app' });
  });
});
