import { connect, createServer } from 'node:net';
import type { Server } from 'node:net';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { connectKube } from './connect-kube.ts';
import { KubeConfigError } from './kube-config-error.ts';
import { answer, kubeConfigFor, portOf, rejection, startServer, temporaryFolder } from './local-api-server.test.kit.ts';
import { path } from './path.ts';

const { signal } = new AbortController();
const written = { metadata: { uid: 'the-uid', resourceVersion: '7' } };

function tokenFileUser(tokenFile: string): { authProvider: object } {
  return { authProvider: { name: 'tokenFile', config: { tokenFile } } };
}

describe('requests', () => {
  test('one is sent as JSON, below the path of the server', async () => {
    await using server = await startServer((_, response) => answer(response, 200, { some: 'answer' }));
    await using kube = connectKube(kubeConfigFor(`${server.url}/k8s/clusters/c-1`), { userAgent: 'hikyaku/1' });
    const result = await kube.request('POST', path`/api/v1/namespaces/${'web'}/pods`, {
      signal,
      query: { dryRun: 'All' },
      body: { a: 1 },
    });
    expect(result).toEqual({ status: 200, body: { some: 'answer' } });
    expect(server.received).toMatchObject([
      {
        method: 'POST',
        url: '/k8s/clusters/c-1/api/v1/namespaces/web/pods?dryRun=All',
        body: '{"a":1}',
        headers: {
          authorization: 'Bearer token-of-the-test',
          'content-type': 'application/json',
          accept: 'application/json',
          'user-agent': 'hikyaku/1',
        },
      },
    ]);
  });

  test('writes ask for metadata only and give uid and resourceVersion', async () => {
    await using server = await startServer((_, response) => answer(response, 201, written));
    await using kube = connectKube(kubeConfigFor(server.url));
    const secret = { metadata: { name: 'db', namespace: 'web' }, data: { key: 'dg==' } };
    expect(await kube.secrets.create(secret, { signal })).toEqual({ uid: 'the-uid', resourceVersion: '7' });
    await kube.secrets.replace(secret, { signal, dryRun: true });
    await kube.leases.create({ metadata: { name: 'l', namespace: 'web' } }, { signal });
    expect(server.received.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'POST /api/v1/namespaces/web/secrets',
      'PUT /api/v1/namespaces/web/secrets/db?dryRun=All',
      'POST /apis/coordination.k8s.io/v1/namespaces/web/leases',
    ]);
    expect(JSON.parse(server.received[0]?.body ?? '')).toEqual({ apiVersion: 'v1', kind: 'Secret', ...secret });
    for (const { headers } of server.received) expect(headers.accept).toContain('as=PartialObjectMetadata');
  });

  test('a delete names the uid it means', async () => {
    await using server = await startServer((_, response) => answer(response, 200, { kind: 'Status' }));
    await using kube = connectKube(kubeConfigFor(server.url));
    await kube.configMaps.delete('web', 'settings', { signal, uid: 'the-uid', dryRun: true });
    expect(server.received[0]).toMatchObject({ method: 'DELETE', url: '/api/v1/namespaces/web/configmaps/settings' });
    expect(JSON.parse(server.received[0]?.body ?? '')).toEqual({
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      preconditions: { uid: 'the-uid' },
      dryRun: ['All'],
    });
  });

  test('the calls about ourselves read their answers', async () => {
    await using server = await startServer((request, response) => {
      if (request.url === '/version') answer(response, 200, { major: '1', minor: '36', gitVersion: 'v1.36.3' });
      else if (request.url.endsWith('selfsubjectreviews')) {
        answer(response, 201, {
          status: { userInfo: { username: 'me', groups: ['us'], extra: { 'example.com/pod': ['a'] } } },
        });
      } else answer(response, 201, { status: { allowed: true } });
    });
    await using kube = connectKube(kubeConfigFor(server.url));
    expect(await kube.version({ signal })).toEqual({ major: '1', minor: '36', gitVersion: 'v1.36.3' });
    expect(await kube.selfSubjectReview({ signal })).toEqual({
      username: 'me',
      groups: ['us'],
      extra: { 'example.com/pod': ['a'] },
    });
    expect(await kube.selfSubjectAccessReview({ verb: 'get', resource: 'secrets' }, { signal })).toBe(true);
  });

  test('a token of a ServiceAccount is asked for with its audiences, its lifetime and its Pod', async () => {
    await using server = await startServer(({ body }, response) =>
      answer(response, 201, { ...JSON.parse(body), status: { token: 'a.b.c' } }),
    );
    await using kube = connectKube(kubeConfigFor(server.url));
    const pod = { name: 'hikyaku-1', uid: 'the-uid' };
    const request = { audiences: ['https://nas.lan'], expirationSeconds: 3600, pod };
    expect(await kube.serviceAccountToken('hikyaku', 'agent', request, { signal })).toEqual({
      token: 'a.b.c',
      audiences: ['https://nas.lan'],
    });
    expect(server.received[0]).toMatchObject({
      method: 'POST',
      url: '/api/v1/namespaces/hikyaku/serviceaccounts/agent/token',
    });
    expect(JSON.parse(server.received[0]?.body ?? '')).toMatchObject({
      spec: {
        audiences: ['https://nas.lan'],
        expirationSeconds: 3600,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', ...pod },
      },
    });
  });

  test('an answer without a token is UNEXPECTED', async () => {
    await using server = await startServer((_, response) => answer(response, 201, { status: {} }));
    await using kube = connectKube(kubeConfigFor(server.url));
    const request = { audiences: [], expirationSeconds: 600 };
    await expect(kube.serviceAccountToken('hikyaku', 'agent', request, { signal })).rejects.toMatchObject({
      code: 'UNEXPECTED',
    });
  });

  test('an answer that is text is text, an empty one is undefined', async () => {
    await using server = await startServer(({ url }, response) =>
      url === '/readyz' ? answer(response, 200, 'ok', { 'content-type': 'text/plain' }) : answer(response, 200, ''),
    );
    await using kube = connectKube(kubeConfigFor(server.url));
    expect(await kube.request('GET', '/readyz', { signal })).toEqual({ status: 200, body: 'ok' });
    expect(await kube.request('GET', '/empty', { signal })).toEqual({ status: 200, body: undefined });
  });
});

describe('connections', () => {
  // undici leaves a connection alone for one turn of the event loop after an answer, and takes a second meanwhile.
  test('two are enough for requests in a row', async () => {
    await using server = await startServer((_, response) => answer(response, 201, written));
    await using kube = connectKube(kubeConfigFor(server.url));
    for (let count = 0; count < 30; count += 1) await kube.version({ signal });
    expect(server.connections()).toBeLessThanOrEqual(2);
  });

  test('there are never more than allowed', async () => {
    await using server = await startServer((_, response) => setTimeout(() => answer(response, 200, {}), 5));
    await using kube = connectKube(kubeConfigFor(server.url), { connections: 4 });
    await Promise.all(Array.from({ length: 40 }, () => kube.version({ signal })));
    expect(server.received).toHaveLength(40);
    expect(server.connections()).toBe(4);
  });

  test('close waits for what is in flight, may be called again, and ends the connections', async () => {
    await using server = await startServer((_, response) => setTimeout(() => answer(response, 200, {}), 50));
    const kube = connectKube(kubeConfigFor(server.url));
    const request = kube.version({ signal });
    await sleep(20);
    await Promise.all([kube.close(), kube.close()]);
    await request;
    expect(await rejection(kube.version({ signal }))).toMatchObject({ code: 'UNAVAILABLE' });
    await expect.poll(() => server.openConnections()).toBe(0);
  });
});

describe('credentials', () => {
  test('a refused token is read again at once, and the request sent once more', async () => {
    using folder = temporaryFolder();
    const tokenFile = folder.write('token', 'old\n');
    let good = 'Bearer old';
    await using server = await startServer(({ headers }, response) =>
      headers.authorization === good ? answer(response, 200, {}) : answer(response, 401, { reason: 'Unauthorized' }),
    );
    await using kube = connectKube(kubeConfigFor(server.url, { user: tokenFileUser(tokenFile) }));
    await kube.version({ signal });
    folder.write('token', 'new');
    good = 'Bearer new';
    await Promise.all(Array.from({ length: 10 }, () => kube.version({ signal })));
    expect(server.received.length).toBeLessThanOrEqual(21);
    await kube.version({ signal });
    expect(server.received.at(-1)?.headers.authorization).toBe('Bearer new');
  });

  test('a token that stays refused is UNAUTHENTICATED after one request', async () => {
    await using server = await startServer((_, response) => answer(response, 401, { reason: 'Unauthorized' }));
    await using kube = connectKube(kubeConfigFor(server.url));
    expect(await rejection(kube.version({ signal }))).toMatchObject({ code: 'UNAUTHENTICATED', status: 401 });
    expect(server.received).toHaveLength(1);
  });

  test('a rotated token is seen within a minute, without a 401', async () => {
    using folder = temporaryFolder();
    const tokenFile = folder.write('token', 'old');
    let now = 0;
    await using server = await startServer((_, response) => answer(response, 200, {}));
    await using kube = connectKube(kubeConfigFor(server.url, { user: tokenFileUser(tokenFile) }), { now: () => now });
    await kube.version({ signal });
    folder.write('token', 'new');
    now = 59_999;
    await kube.version({ signal });
    now = 60_000;
    await kube.version({ signal });
    expect(server.received.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer old',
      'Bearer old',
      'Bearer new',
    ]);
    expect(server.connections()).toBeLessThanOrEqual(2);
  });

  test('a token file that is away for a moment does not matter', async () => {
    let now = 0;
    await using server = await startServer((_, response) => answer(response, 200, {}));
    const folder = temporaryFolder();
    const user = tokenFileUser(folder.write('token', 'old'));
    await using kube = connectKube(kubeConfigFor(server.url, { user }), { now: () => now });
    await kube.version({ signal });
    folder[Symbol.dispose]();
    now = 61_000;
    await kube.version({ signal });
    expect(server.received.at(-1)?.headers.authorization).toBe('Bearer old');
  });

  test('credentials that cannot be read are UNAUTHENTICATED', async () => {
    await using server = await startServer((_, response) => answer(response, 200, {}));
    await using kube = connectKube(kubeConfigFor(server.url, { user: tokenFileUser('/nowhere/token') }));
    const error = await rejection(kube.version({ signal }));
    expect(error).toMatchObject({ code: 'UNAUTHENTICATED', networkCode: 'ENOENT' });
    expect(server.received).toHaveLength(0);
  });

  test('an exec plugin runs once, and again after a 401', async () => {
    using folder = temporaryFolder();
    const runs = folder.write('runs', '');
    const script = folder.write(
      'plugin.mjs',
      `import { appendFileSync, readFileSync } from 'node:fs';
      appendFileSync(${JSON.stringify(runs)}, 'x');
      const token = 'token-' + readFileSync(${JSON.stringify(runs)}, 'utf8').length;
      console.log(JSON.stringify({ kind: 'ExecCredential', status: { token } }));`,
    );
    let good = 'Bearer token-1';
    await using server = await startServer(({ headers }, response) =>
      headers.authorization === good ? answer(response, 200, {}) : answer(response, 401, {}),
    );
    const user = { exec: { command: process.execPath, args: [script] } };
    let now = 0;
    await using kube = connectKube(kubeConfigFor(server.url, { user }), { now: () => now });
    await Promise.all([kube.version({ signal }), kube.version({ signal })]);
    now = 300_000;
    await kube.version({ signal });
    expect(readFileSync(runs, 'utf8')).toBe('x');
    good = 'Bearer token-2';
    await kube.version({ signal });
    expect(readFileSync(runs, 'utf8')).toBe('xx');
  });

  test('a refused exec credential does not start the plugin for every request', async () => {
    using folder = temporaryFolder();
    const runs = folder.write('runs', '');
    const script = folder.write(
      'plugin.mjs',
      `import { appendFileSync } from 'node:fs';
      appendFileSync(${JSON.stringify(runs)}, 'x');
      console.log('{"status":{"token":"always-the-same"}}');`,
    );
    await using server = await startServer((_, response) => answer(response, 401, {}));
    const user = { exec: { command: process.execPath, args: [script] } };
    await using kube = connectKube(kubeConfigFor(server.url, { user }), { now: () => 0 });
    for (let count = 0; count < 5; count += 1) await rejection(kube.version({ signal }));
    expect(readFileSync(runs, 'utf8')).toBe('xx');
  });

  test("a failing exec plugin's output stays out of the error", async () => {
    await using server = await startServer((_, response) => answer(response, 200, {}));
    const args = ['-e', 'console.error("refresh token hunter2"); process.exit(1)'];
    const user = { exec: { command: process.execPath, args } };
    await using kube = connectKube(kubeConfigFor(server.url, { user }));
    const error = await rejection(kube.version({ signal }));
    expect(error).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('hunter2');
  });

  test('a user with a password is sent as basic authentication', async () => {
    await using server = await startServer((_, response) => answer(response, 200, {}));
    await using kube = connectKube(kubeConfigFor(server.url, { user: { username: 'me', password: 'pw' } }));
    await kube.version({ signal });
    expect(server.received[0]?.headers.authorization).toBe(`Basic ${Buffer.from('me:pw').toString('base64')}`);
  });
});

describe('failures', () => {
  test('a server that does not answer is UNAVAILABLE after the timeout', async () => {
    await using server = await startServer(() => {});
    await using kube = connectKube(kubeConfigFor(server.url), { timeoutMs: 50 });
    const error = await rejection(kube.secrets.get('web', 'db', { signal }));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', networkCode: 'TIMEOUT', retryable: true });
    expect(String(error)).toContain('get Secret web/db: no answer from 127.0.0.1');
  });

  test('so is one that stops in the middle of its answer', async () => {
    await using server = await startServer((_, response) => response.writeHead(200).write('{"data":"hunter2'));
    await using kube = connectKube(kubeConfigFor(server.url));
    const error = await rejection(kube.version({ signal, timeoutMs: 50 }));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', networkCode: 'TIMEOUT' });
  });

  test('a request that waits for a connection times out too, and is never sent', async () => {
    await using server = await startServer(({ url }, response) => {
      if (url !== '/version') setTimeout(() => answer(response, 200, {}), 100);
    });
    await using kube = connectKube(kubeConfigFor(server.url), { connections: 1 });
    const first = kube.request('GET', '/slow', { signal });
    expect(await rejection(kube.version({ signal, timeoutMs: 20 }))).toMatchObject({ networkCode: 'TIMEOUT' });
    await first;
    await kube.request('GET', '/after', { signal });
    expect(server.received.map(({ url }) => url)).toEqual(['/slow', '/after']);
  });

  test('an aborted request rejects with the reason, and others go on', async () => {
    await using server = await startServer(({ url }, response) => {
      if (url === '/version') answer(response, 200, {});
    });
    await using kube = connectKube(kubeConfigFor(server.url), { connections: 1 });
    const stop = new AbortController();
    const reason = new Error('enough');
    const hanging = kube.request('GET', '/hang', { signal: stop.signal });
    setTimeout(() => stop.abort(reason), 20);
    expect(await rejection(hanging)).toBe(reason);
    expect(await rejection(kube.version({ signal: stop.signal }))).toBe(reason);
    await kube.version({ signal });
  });

  test('a refused connection names the host and what to look at', async () => {
    const port = await unusedPort();
    await using kube = connectKube(kubeConfigFor(`http://127.0.0.1:${port}`));
    const error = await rejection(kube.version({ signal }));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', networkCode: 'ECONNREFUSED' });
    expect(String(error)).toContain(`127.0.0.1:${port} refuses connections`);
  });

  test('a broken connection is UNAVAILABLE', async () => {
    await using server = await startServer((_, response) => response.destroy());
    await using kube = connectKube(kubeConfigFor(server.url));
    expect(await rejection(kube.version({ signal }))).toMatchObject({ code: 'UNAVAILABLE', status: undefined });
  });

  test.each([400, 401, 403, 404, 409, 410, 413, 422, 429, 500, 503])(
    'no error of status %i holds data, credentials or the raw message',
    async (status) => {
      const secret = 'aHVudGVyMg==';
      await using server = await startServer((request, response) =>
        answer(response, status, {
          message: `cannot decode ${request.body} of ${request.headers.authorization}`,
          details: { causes: [{ field: 'data', reason: 'FieldValueInvalid', message: secret }] },
        }),
      );
      await using kube = connectKube(kubeConfigFor(server.url));
      const object = { metadata: { name: 'db', namespace: 'web' }, data: { key: secret } };
      const error = await rejection(kube.secrets.create(object, { signal }));
      const everything = inspect(error, { depth: 20, showHidden: true });
      expect(everything).toContain(String(status));
      expect(everything).not.toContain('aHVudGVyMg');
      expect(everything).not.toContain('token-of-the-test');
      expect(everything).not.toContain('cannot decode');
    },
  );

  test('an answer that is cut or no JSON is not quoted', async () => {
    await using server = await startServer((_, response) => answer(response, 200, '{"data": hunter2'));
    await using kube = connectKube(kubeConfigFor(server.url));
    const error = await rejection(kube.secrets.get('web', 'db', { signal }));
    expect(error).toMatchObject({ code: 'UNEXPECTED' });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('hunter2');
  });

  test('a token that no header can hold is not quoted', async () => {
    await using server = await startServer((_, response) => answer(response, 200, {}));
    await using kube = connectKube(kubeConfigFor(server.url, { user: { token: 'hunter2\nX-Evil: 1' } }));
    const error = await rejection(kube.version({ signal }));
    expect(error).toMatchObject({ code: 'UNEXPECTED', retryable: false });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('hunter2');
  });

  test('plain http is refused unless the kubeconfig allows it', () => {
    const kubeConfig = kubeConfigFor('http://127.0.0.1:1');
    kubeConfig.clusters = [{ name: 'local', server: 'http://127.0.0.1:1', skipTLSVerify: false }];
    expect(() => connectKube(kubeConfig)).toThrow(KubeConfigError);
  });
});

describe('proxies', () => {
  test('requests go through an http proxy', async () => {
    await using server = await startServer((_, response) => answer(response, 200, { major: '1' }));
    const seen: string[] = [];
    const proxy = createHttpServer();
    proxy.on('connect', (request, socket) => {
      seen.push(`${request.method} ${request.url}`);
      const [host = '', port = ''] = (request.url ?? '').split(':');
      const target = connect(Number(port), host, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        target.pipe(socket).pipe(target);
      });
      socket.on('error', () => target.destroy());
    });
    proxy.on('request', (request, response) => {
      seen.push(`${request.method} ${request.url}`);
      answer(response, 200, { major: '1' });
    });
    await using listening = await listen(proxy);
    await using kube = connectKube(kubeConfigFor(server.url, { proxyUrl: `http://127.0.0.1:${listening.port}` }));
    expect(await kube.version({ signal })).toMatchObject({ major: '1' });
    expect(seen).toHaveLength(1);
  });

  test('watches go through it too, and each takes a connection', async () => {
    await using server = await startServer(() => {});
    const proxy = createHttpServer();
    proxy.on('request', (_, response) => {
      response.writeHead(200).write(`${JSON.stringify({ type: 'ADDED', object: { metadata: { name: 'a' } } })}\n`);
    });
    await using listening = await listen(proxy);
    await using kube = connectKube(kubeConfigFor(server.url, { proxyUrl: `http://127.0.0.1:${listening.port}` }));
    for await (const { type } of kube.watch('/api/v1/namespaces', { signal })) {
      expect([type, kube.sharesWatches]).toEqual(['ADDED', false]);
      break;
    }
    proxy.closeAllConnections();
  });

  test('and through a SOCKS proxy', async () => {
    await using server = await startServer((_, response) => answer(response, 200, { major: '1' }));
    let used = 0;
    const proxy = createServer((socket) => {
      socket.once('data', () => {
        socket.write(Buffer.from([5, 0]));
        socket.once('data', (request) => {
          used += 1;
          const target = connect(request.readUInt16BE(8), request.subarray(4, 8).join('.'), () => {
            socket.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
            target.pipe(socket).pipe(target);
          });
          socket.on('error', () => target.destroy());
        });
      });
    });
    await using listening = await listen(proxy);
    await using kube = connectKube(kubeConfigFor(server.url, { proxyUrl: `socks5://127.0.0.1:${listening.port}` }));
    for (let count = 0; count < 3; count += 1) await kube.version({ signal });
    expect(used).toBeLessThanOrEqual(2);
  });
});

async function listen(server: Server): Promise<AsyncDisposable & { readonly port: number }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: portOf(server.address()),
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function unusedPort(): Promise<number> {
  await using listening = await listen(createServer());
  return listening.port;
}
