import { describe, expect, test } from 'vitest';
import { connectKube } from './connect-kube.ts';
import { answer, collect, kubeConfigFor, rejection, startServer } from './local-api-server.test.kit.ts';
import type { LocalApiServer, Respond } from './local-api-server.test.kit.ts';

/** Answers with one script per request; after the last, requests hang. */
async function scripted(...responses: readonly Respond[]): Promise<LocalApiServer> {
  const left = [...responses];
  return startServer((request, response) => left.shift()?.(request, response));
}

function list(names: readonly string[], metadata: object): Respond {
  return (_, response) => answer(response, 200, { metadata, items: names.map((name) => ({ metadata: { name } })) });
}

function events(...given: readonly object[]): Respond {
  return (_, response) => response.writeHead(200).end(given.map((one) => `${JSON.stringify(one)}\n`).join(''));
}

async function take(server: LocalApiServer, count: number): Promise<{ seen: string[]; errors: string[] }> {
  await using kube = connectKube(kubeConfigFor(server.url));
  const seen: string[] = [];
  const errors: string[] = [];
  const watching = kube.watchNamespaces({
    signal: new AbortController().signal,
    minimumDelayMs: 1,
    onError: ({ code }) => errors.push(code),
  });
  for await (const { type, name, terminating } of watching) {
    seen.push(`${type} ${name}${terminating ? ' terminating' : ''}`);
    if (seen.length === count) break;
  }
  return { seen, errors };
}

describe('watchNamespaces', () => {
  test('gives all pages of what there is, then what changes, without the objects', async () => {
    await using server = await scripted(
      list(['a', 'b'], { resourceVersion: '5', continue: 'more' }),
      list(['c'], { resourceVersion: '5' }),
      events(
        { type: 'ADDED', object: { metadata: { name: 'd', resourceVersion: '6' } } },
        { type: 'MODIFIED', object: { metadata: { name: 'd', resourceVersion: '7', deletionTimestamp: 'now' } } },
        { type: 'BOOKMARK', object: { metadata: { resourceVersion: '8' } } },
        { type: 'DELETED', object: { metadata: { name: 'd', resourceVersion: '9', deletionTimestamp: 'now' } } },
      ),
    );
    expect((await take(server, 6)).seen).toEqual([
      'ADDED a',
      'ADDED b',
      'ADDED c',
      'ADDED d',
      'MODIFIED d terminating',
      'DELETED d terminating',
    ]);
    expect(server.received[1]?.url).toContain('continue=more');
    expect(server.received[2]?.url).toContain('resourceVersion=5');
    for (const { headers } of server.received) expect(headers.accept).toContain('PartialObjectMetadata');
  });

  test('carries on where it was after an end and after a broken connection', async () => {
    await using server = await scripted(
      list([], { resourceVersion: '5' }),
      events({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '8' } } }),
      (_, response) => response.destroy(),
      events({ type: 'ADDED', object: { metadata: { name: 'a', resourceVersion: '9' } } }),
    );
    expect(await take(server, 1)).toEqual({ seen: ['ADDED a'], errors: ['UNAVAILABLE'] });
    expect(
      server.received.slice(2).map(({ url }) => new URL(url, 'http://x').searchParams.get('resourceVersion')),
    ).toEqual(['8', '8']);
  });

  test('lists again when its place is gone, and says what went away meanwhile', async () => {
    await using server = await scripted(
      list(['a', 'b'], { resourceVersion: '5' }),
      (_, response) => answer(response, 410, { reason: 'Expired' }),
      list(['b', 'c'], { resourceVersion: '99' }),
    );
    expect(await take(server, 5)).toEqual({
      seen: ['ADDED a', 'ADDED b', 'DELETED a terminating', 'MODIFIED b', 'ADDED c'],
      errors: ['GONE'],
    });
  });

  test('keeps trying when it may not', async () => {
    await using server = await scripted(
      (_, response) => answer(response, 403, { reason: 'Forbidden' }),
      (_, response) => answer(response, 503, {}),
      list(['a'], { resourceVersion: '5' }),
    );
    expect(await take(server, 1)).toEqual({ seen: ['ADDED a'], errors: ['FORBIDDEN', 'UNAVAILABLE'] });
  });

  test('ends with the reason of the signal, also in a pause', async () => {
    await using server = await startServer((_, response) => answer(response, 503, {}));
    await using kube = connectKube(kubeConfigFor(server.url));
    const stop = new AbortController();
    const reason = new Error('enough');
    const watching = kube.watchNamespaces({
      signal: stop.signal,
      onError: () => setTimeout(() => stop.abort(reason), 5),
    });
    expect(await rejection(collect(watching))).toBe(reason);
  });
});
