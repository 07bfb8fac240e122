import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { connectKube } from './connect-kube.ts';
import type { KubeClient, WatchEvent } from './kube-client.ts';
import { answer, collect, kubeConfigFor, rejection, startServer } from './local-api-server.test.kit.ts';

const { signal } = new AbortController();
const secrets = '/api/v1/namespaces/web/secrets';

function event(type: string, name: string, resourceVersion: string): string {
  return `${JSON.stringify({ type, object: { metadata: { name, resourceVersion } } })}\n`;
}

async function all(kube: KubeClient, watchSignal = signal): Promise<WatchEvent[]> {
  return collect(kube.watch(secrets, { signal: watchSignal }));
}

describe('watch', () => {
  test('asks for bookmarks and an end, and keeps the caller’s parameters', async () => {
    await using server = await startServer((_, response) => response.writeHead(200).end());
    await using kube = connectKube(kubeConfigFor(server.url));
    for await (const _ of kube.watch(secrets, { signal, query: { fieldSelector: 'metadata.name=db' } })) break;
    const query = new URL(server.received[0]?.url ?? '', server.url).searchParams;
    expect(Object.fromEntries(query)).toMatchObject({
      watch: 'true',
      allowWatchBookmarks: 'true',
      fieldSelector: 'metadata.name=db',
    });
    expect(Number(query.get('timeoutSeconds'))).toBeGreaterThanOrEqual(240);
  });

  test('lines may be cut anywhere, also inside a character', async () => {
    const bytes = Buffer.from(event('ADDED', 'äöü飛脚', '1') + event('BOOKMARK', '', '2') + event('DELETED', 'b', '3'));
    await using server = await startServer(async (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      for (const byte of bytes) {
        response.write(Buffer.of(byte));
        await new Promise(setImmediate);
      }
      response.end();
    });
    await using kube = connectKube(kubeConfigFor(server.url));
    expect(await all(kube)).toEqual([
      { type: 'ADDED', object: { metadata: { name: 'äöü飛脚', resourceVersion: '1' } } },
      { type: 'BOOKMARK', object: { metadata: { name: '', resourceVersion: '2' } } },
      { type: 'DELETED', object: { metadata: { name: 'b', resourceVersion: '3' } } },
    ]);
  });

  test.each<[string, (response: ServerResponse) => void]>([
    ['a status', (response) => answer(response, 410, { reason: 'Expired' })],
    [
      'an event',
      (response) => {
        const object = { kind: 'Status', code: 410, reason: 'Expired', message: 'hunter2' };
        response.writeHead(200).end(`${JSON.stringify({ type: 'ERROR', object })}\n`);
      },
    ],
  ])('a resourceVersion that is too old is GONE, as %s', async (_, respond) => {
    await using server = await startServer((_request, response) => {
      respond(response);
    });
    await using kube = connectKube(kubeConfigFor(server.url));
    const error = await rejection(all(kube));
    expect(error).toMatchObject({ code: 'GONE', reason: 'Expired' });
    expect(String(error)).not.toContain('hunter2');
  });

  test('a lost connection is UNAVAILABLE, after the events before it', async () => {
    await using server = await startServer((_, response) => {
      response.writeHead(200).write(event('ADDED', 'a', '1') + '{"type":"ADD');
      setTimeout(() => response.destroy(), 20);
    });
    await using kube = connectKube(kubeConfigFor(server.url));
    const seen: string[] = [];
    const error = await rejection(
      (async () => {
        for await (const { object } of kube.watch(secrets, { signal })) seen.push(object.metadata.name);
      })(),
    );
    expect(seen).toEqual(['a']);
    expect(error).toMatchObject({ code: 'UNAVAILABLE', retryable: true });
  });

  test('an end inside a line is a lost connection too', async () => {
    await using server = await startServer((_, response) => response.writeHead(200).end('{"type":"ADD'));
    await using kube = connectKube(kubeConfigFor(server.url));
    expect(await rejection(all(kube))).toMatchObject({ code: 'UNAVAILABLE', networkCode: 'CUT_OFF' });
  });

  test.each([200, 500])('an answer without an end (%d) is given up, and not kept in memory', async (status) => {
    let sent = 0;
    await using server = await startServer((_, response) => {
      response.writeHead(status);
      const send = (): void => {
        while (!response.destroyed && sent < 50_000_000 && response.write('x'.repeat(10_000))) sent += 10_000;
      };
      response.on('drain', send);
      send();
    });
    await using kube = connectKube(kubeConfigFor(server.url), { maxBytes: 100_000, timeoutMs: 2_000 });
    expect(await rejection(all(kube))).toMatchObject({
      code: 'UNEXPECTED',
      message: expect.stringMatching(/longer than any object$/),
    });
    await expect.poll(() => server.openConnections()).toBe(0);
    expect(sent).toBeLessThan(50_000_000);
  });

  test('many lines are no long one', async () => {
    const lines = event('ADDED', 'a', '1').repeat(3_000);
    await using server = await startServer((_, response) => response.writeHead(200).end(lines));
    await using kube = connectKube(kubeConfigFor(server.url), { maxBytes: 1_000 });
    expect(await all(kube)).toHaveLength(3_000);
  });

  test('a server that never begins is UNAVAILABLE', async () => {
    await using server = await startServer(() => {});
    await using kube = connectKube(kubeConfigFor(server.url), { timeoutMs: 50 });
    expect(await rejection(all(kube))).toMatchObject({ code: 'UNAVAILABLE', networkCode: 'TIMEOUT' });
  });

  test('it takes no connection from the requests', async () => {
    await using server = await startServer(({ url }, response) => {
      if (url === '/version') answer(response, 200, {});
      else response.writeHead(200).write(event('ADDED', 'a', '1'));
    });
    await using kube = connectKube(kubeConfigFor(server.url), { connections: 1 });
    for await (const _ of kube.watch(secrets, { signal })) {
      expect(await kube.version({ signal })).toBeDefined();
      break;
    }
    expect(server.received).toHaveLength(2);
  });

  test('leaving the loop ends the request, close ends the loop', async () => {
    await using server = await startServer((_, response) => response.writeHead(200).write(event('ADDED', 'a', '1')));
    const kube = connectKube(kubeConfigFor(server.url));
    for await (const _ of kube.watch(secrets, { signal })) break;
    await expect.poll(() => server.openConnections()).toBe(0);
    const error = await rejection(
      (async () => {
        for await (const _ of kube.watch(secrets, { signal })) await kube.close();
      })(),
    );
    expect(error).toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('an aborted watch throws the reason', async () => {
    await using server = await startServer((_, response) => response.writeHead(200).write(event('ADDED', 'a', '1')));
    await using kube = connectKube(kubeConfigFor(server.url));
    const stop = new AbortController();
    const reason = new Error('enough');
    setTimeout(() => stop.abort(reason), 30);
    expect(await rejection(all(kube, stop.signal))).toBe(reason);
    await expect.poll(() => server.openConnections()).toBe(0);
  });
});
