import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { afterAll, describe, expect, test } from 'vitest';
import { connectKube } from './connect-kube.ts';
import { kubeConfigFor, portOf, rejection, temporaryFolder } from './local-api-server.test.kit.ts';

const { signal } = new AbortController();
// Node can read certificates, but not make them.
const program = 'openssl';
const openssl = spawnSync(program, ['version']).status === 0;
const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
}

/** Signed by its own key. */
function certificate(name: string, commonName: string, alternative: string): Certificate {
  const [certFile, keyFile] = [join(folder.path, `${name}.pem`), join(folder.path, `${name}.key`)];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile];
  const subject = ['-subj', `/CN=${commonName}`, '-addext', `subjectAltName=${alternative}`];
  execFileSync(program, ['req', '-x509', ...key, '-out', certFile, '-days', '2', ...subject], { stdio: 'ignore' });
  return { certFile, keyFile };
}

function text(file: string): string {
  return readFileSync(file, 'utf8');
}

interface TlsServer extends AsyncDisposable {
  readonly url: string;
  readonly protocols: string[];
  /** Common names of the client certificates, one for each request. */
  readonly clients: string[];
  readonly connections: () => number;
}

async function startTlsServer({ certFile, keyFile }: Certificate): Promise<TlsServer> {
  const protocols: string[] = [];
  const clients: string[] = [];
  let connections = 0;
  const sockets = new Set<TLSSocket>();
  const server = createSecureServer({
    cert: text(certFile),
    key: text(keyFile),
    allowHTTP1: true,
    requestCert: true,
    rejectUnauthorized: false,
  });
  server.on('secureConnection', (socket) => {
    connections += 1;
    sockets.add(socket);
  });
  server.on('request', (request, response) => {
    protocols.push(request.httpVersion);
    const socket = (request.stream?.session?.socket ?? request.socket) as TLSSocket;
    clients.push(String(socket.getPeerCertificate().subject?.CN));
    response.writeHead(200, { 'content-type': 'application/json' });
    if (request.url.includes('watch=true')) {
      response.write(`${JSON.stringify({ type: 'ADDED', object: { metadata: { name: 'a' } } })}\n`);
    } else response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `https://127.0.0.1:${portOf(server.address())}`,
    protocols,
    clients,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface SilentProxy extends AsyncDisposable {
  readonly url: string;
  /** Nothing comes through the connections that there are any more, and nobody says so. */
  silence(): void;
}

async function startSilentProxy(target: string): Promise<SilentProxy> {
  const { hostname, port } = new URL(target);
  const pairs = new Set<readonly [Socket, Socket]>();
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    pairs.add([near, far]);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const)
      from
        .on('error', () => {})
        .on('close', () => to.destroy())
        .pipe(to);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `https://127.0.0.1:${portOf(server.address())}`,
    silence() {
      for (const [near, far] of pairs) {
        near.unpipe(far).resume();
        far.unpipe(near).resume();
      }
    },
    async [Symbol.asyncDispose]() {
      for (const [near, far] of pairs) for (const socket of [near, far]) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe.skipIf(!openssl)('https', () => {
  const own = openssl ? certificate('server', 'server', 'IP:127.0.0.1') : { certFile: '', keyFile: '' };

  test('requests use HTTP/1.1, watches share a connection of HTTP/2', async () => {
    await using server = await startTlsServer(own);
    await using kube = connectKube(kubeConfigFor(server.url, { caFile: own.certFile }));
    await kube.version({ signal });
    expect(server.protocols).toEqual(['1.1']);
    const stop = new AbortController();
    let seen = 0;
    const watches = Array.from({ length: 50 }, async () => {
      for await (const _ of kube.watch('/api/v1/namespaces', { signal: stop.signal })) seen += 1;
    });
    const ended = Promise.allSettled(watches);
    await expect.poll(() => seen).toBe(50);
    expect(server.connections()).toBe(2);
    expect(server.protocols.slice(1)).toEqual(Array.from({ length: 50 }, () => '2.0'));
    stop.abort();
    await ended;
  });

  test('90 watches share one, and more take another one', async () => {
    await using server = await startTlsServer(own);
    await using kube = connectKube(kubeConfigFor(server.url, { caFile: own.certFile }));
    expect(kube.sharesWatches).toBe(undefined);
    const stop = new AbortController();
    let seen = 0;
    const watches = Array.from({ length: 200 }, async () => {
      for await (const _ of kube.watch('/api/v1/namespaces', { signal: stop.signal })) seen += 1;
    });
    const ended = Promise.allSettled(watches);
    await expect.poll(() => seen, { timeout: 10_000 }).toBe(200);
    expect(server.connections()).toBe(3);
    expect(kube.sharesWatches).toBe(true);
    stop.abort();
    await ended;
  });

  test('a connection that has gone silent is noticed, and the next watch takes another one', async () => {
    await using server = await startTlsServer(own);
    await using proxy = await startSilentProxy(server.url);
    await using kube = connectKube(kubeConfigFor(proxy.url, { caFile: own.certFile }), { pingMs: 50 });
    let seen = 0;
    const watch = async (watchSignal: AbortSignal) => {
      for await (const _ of kube.watch('/api/v1/namespaces', { signal: watchSignal })) seen += 1;
    };
    const first = rejection(watch(signal));
    await expect.poll(() => seen).toBe(1);
    // It lives as long as its pings are answered.
    await sleep(600);
    expect(server.connections()).toBe(1);
    proxy.silence();
    expect(await first).toMatchObject({ code: 'UNAVAILABLE', networkCode: 'ETIMEDOUT' });
    const stop = new AbortController();
    const second = rejection(watch(stop.signal));
    await expect.poll(() => seen).toBe(2);
    expect(server.connections()).toBe(2);
    stop.abort();
    await second;
  });

  test('a new client certificate is used by new watches, and those that go on keep theirs', async () => {
    const [first, second] = [certificate('one', 'one', 'DNS:a'), certificate('two', 'two', 'DNS:b')];
    const certFile = folder.write('watcher.pem', text(first.certFile));
    const keyFile = folder.write('watcher.key', text(first.keyFile));
    let now = 0;
    await using server = await startTlsServer(own);
    const kubeConfig = kubeConfigFor(server.url, { caFile: own.certFile, user: { certFile, keyFile } });
    await using kube = connectKube(kubeConfig, { now: () => now });
    const stop = new AbortController();
    const ended: Promise<unknown>[] = [];
    let seen = 0;
    let over = 0;
    const watch = async () => {
      for await (const _ of kube.watch('/api/v1/namespaces', { signal: stop.signal })) seen += 1;
    };
    for (const file of [first, second]) {
      folder.write('watcher.pem', text(file.certFile));
      folder.write('watcher.key', text(file.keyFile));
      ended.push(watch().catch(() => (over += 1)));
      await expect.poll(() => seen).toBe(ended.length);
      now += 60_000;
    }
    expect(server.clients).toEqual(['one', 'two']);
    expect(server.protocols).toEqual(['2.0', '2.0']);
    expect(over).toBe(0);
    stop.abort();
    await Promise.all(ended);
  });

  test('a certificate of an unknown authority says what to check', async () => {
    await using server = await startTlsServer(own);
    await using kube = connectKube(kubeConfigFor(server.url));
    const error = await rejection(kube.version({ signal }));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', networkCode: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    expect(String(error)).toContain('check certificate-authority of the cluster');
    expect(String(error)).toContain(new URL(server.url).host);
  });

  test('a certificate for another name too, and tls-server-name helps', async () => {
    const other = certificate('other', 'other', 'DNS:kubernetes.default');
    await using server = await startTlsServer(other);
    await using kube = connectKube(kubeConfigFor(server.url, { caFile: other.certFile }));
    expect(await rejection(kube.version({ signal }))).toMatchObject({
      networkCode: 'ERR_TLS_CERT_ALTNAME_INVALID',
      message: expect.stringContaining('set tls-server-name'),
    });
    const named = { caFile: other.certFile, tlsServerName: 'kubernetes.default' };
    await using better = connectKube(kubeConfigFor(server.url, named));
    await better.version({ signal });
  });

  test('a new client certificate is used within a minute, on new connections', async () => {
    const [first, second] = [certificate('first', 'first', 'DNS:a'), certificate('second', 'second', 'DNS:b')];
    const certFile = folder.write('client.pem', text(first.certFile));
    const keyFile = folder.write('client.key', text(first.keyFile));
    let now = 0;
    await using server = await startTlsServer(own);
    const kubeConfig = kubeConfigFor(server.url, { caFile: own.certFile, user: { certFile, keyFile } });
    await using kube = connectKube(kubeConfig, { now: () => now });
    await kube.version({ signal });
    folder.write('client.pem', text(second.certFile));
    folder.write('client.key', text(second.keyFile));
    await kube.version({ signal });
    now = 60_000;
    await kube.version({ signal });
    await kube.version({ signal });
    expect(server.clients).toEqual(['first', 'first', 'second', 'second']);
  });
});
