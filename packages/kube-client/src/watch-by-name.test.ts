import { expect, test } from 'vitest';
import { connectKube } from './connect-kube.ts';
import { answer, collect, kubeConfigFor, rejection, startServer } from './local-api-server.test.kit.ts';
import type { LocalApiServer, Respond } from './local-api-server.test.kit.ts';
import { watchByName } from './watch-by-name.ts';

const leases = '/apis/coordination.k8s.io/v1/namespaces/hikyaku/leases';

/** Answers with one script per request; after the last, requests hang. */
async function scripted(...responses: readonly Respond[]): Promise<LocalApiServer> {
  const left = [...responses];
  return startServer((request, response) => left.shift()?.(request, response));
}

function events(...given: readonly (readonly [string, string])[]): Respond {
  const lines = given.map(([type, resourceVersion]) => ({
    type,
    object: { metadata: { name: 'a', resourceVersion } },
  }));
  return (_, response) => response.writeHead(200).end(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

async function take(server: LocalApiServer, count: number): Promise<{ seen: string[]; errors: string[] }> {
  await using kube = connectKube(kubeConfigFor(server.url));
  const seen: string[] = [];
  const errors: string[] = [];
  const watching = watchByName(kube, leases, 'a', {
    signal: new AbortController().signal,
    minimumDelayMs: 1,
    onError: ({ code }) => errors.push(code),
  });
  for await (const event of watching) {
    seen.push(event.type === 'PRESENT' ? `${event.type} ${event.object.metadata.resourceVersion}` : event.type);
    if (seen.length === count) break;
  }
  return { seen, errors };
}

const queryOf = ({ url }: { readonly url: string }) => new URL(url, 'http://x').searchParams;

test('tells what is there, then what changes, and asks for that one name only', async () => {
  await using server = await scripted(events(['ADDED', '5'], ['BOOKMARK', '6'], ['MODIFIED', '7'], ['DELETED', '8']));
  expect(await take(server, 3)).toEqual({ seen: ['PRESENT 5', 'PRESENT 7', 'ABSENT'], errors: [] });
  expect(server.received[0]?.url).toContain(leases);
  expect(server.received.map((request) => queryOf(request).get('fieldSelector'))).toEqual(['metadata.name=a']);
});

test('carries on where it was after an end and after a broken connection', async () => {
  await using server = await scripted(
    events(['ADDED', '5'], ['BOOKMARK', '6']),
    (_, response) => response.destroy(),
    events(['MODIFIED', '7']),
  );
  expect(await take(server, 2)).toEqual({ seen: ['PRESENT 5', 'PRESENT 7'], errors: ['UNAVAILABLE'] });
  expect(server.received.map((request) => queryOf(request).get('resourceVersion'))).toEqual([null, '6', '6']);
});

test('says that it has missed something when its place is gone', async () => {
  await using server = await scripted(
    events(['ADDED', '5']),
    (_, response) => answer(response, 410, { reason: 'Expired' }),
    events(['ADDED', '9']),
  );
  expect(await take(server, 3)).toEqual({ seen: ['PRESENT 5', 'UNKNOWN', 'PRESENT 9'], errors: ['GONE'] });
});

test('throws where it may not be watched', async () => {
  await using server = await scripted((_, response) => answer(response, 403, { reason: 'Forbidden' }));
  expect(await rejection(take(server, 1))).toMatchObject({ code: 'FORBIDDEN' });
});

test('waits out as many refusals as it is told, and goes on where it was', async () => {
  const refuse: Respond = (_, response) => answer(response, 403, { reason: 'Forbidden' });
  await using server = await scripted(refuse, refuse, events(['ADDED', '5']), refuse, refuse, refuse);
  await using kube = connectKube(kubeConfigFor(server.url));
  const seen: string[] = [];
  const { signal } = new AbortController();
  async function follow(): Promise<void> {
    for await (const { type } of watchByName(kube, leases, 'a', { signal, minimumDelayMs: 1, refusals: 2 }))
      seen.push(type);
  }
  expect(await rejection(follow())).toMatchObject({ code: 'FORBIDDEN' });
  expect(seen).toEqual(['PRESENT']);
  expect(server.received.map((request) => queryOf(request).get('resourceVersion'))).toEqual([
    null,
    null,
    null,
    '5',
    '5',
    '5',
  ]);
});

test('ends with the reason of the signal, also in a pause', async () => {
  await using server = await startServer((_, response) => answer(response, 503, {}));
  await using kube = connectKube(kubeConfigFor(server.url));
  const stop = new AbortController();
  const reason = new Error('enough');
  const onError = () => setTimeout(() => stop.abort(reason), 5);
  expect(await rejection(collect(watchByName(kube, leases, 'a', { signal: stop.signal, onError })))).toBe(reason);
});
