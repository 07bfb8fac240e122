import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hikyaku } from '@hikyaku/testbed';
import type { Finished } from '@hikyaku/testbed';
import { afterAll, beforeAll, expect, test } from 'vitest';

// What the built agent loads only when a kubeconfig asks for it: apps/agent/build.ts.

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hikyaku-rare-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function plan(cluster: object, user: object): Promise<Finished> {
  const kubeconfig = join(directory, 'kubeconfig');
  const config = join(directory, 'hikyaku.yaml');
  await writeFile(
    kubeconfig,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'far',
      contexts: [{ name: 'far', context: { cluster: 'far', user: 'me' } }],
      clusters: [{ name: 'far', cluster }],
      users: [{ name: 'me', user }],
    }),
  );
  await writeFile(config, 'providers: { h: { type: doppler } }\nsecrets: [{ name: a, namespace: web, from: h }]\n');
  const env = { DOPPLER_TOKEN: 'dp.st.none' };
  const finished = await hikyaku(['plan', '--config', config, '--kubeconfig', kubeconfig], { env });
  expect(finished.exitCode).toBe(1);
  expect(finished.stderr).not.toContain('bug');
  return finished;
}

test('a SOCKS proxy that the kubeconfig names is asked for the API server', async () => {
  let asked = Buffer.alloc(0);
  const proxy = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => {
      asked = Buffer.concat([asked, data]);
      // Version 5: first no authentication, then the request is refused.
      socket.write(asked.length <= 4 ? Buffer.from([5, 0]) : Buffer.from([5, 2, 0, 1, 0, 0, 0, 0, 0, 0]));
    });
  });
  const port = await listen(proxy);
  try {
    const far = { server: 'https://api.example.test:6443', 'proxy-url': `socks5://127.0.0.1:${port}` };
    await plan(far, { token: 'none' });
    expect(asked[0]).toBe(5);
    expect(asked.toString('latin1')).toContain('api.example.test');
  } finally {
    proxy.close();
  }
});

test('a login by OpenID Connect sends its token', async () => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const token = `${part({ alg: 'none' })}.${part({ exp: Math.floor(Date.now() / 1_000) + 3_600 })}.none`;
  const sent: (string | undefined)[] = [];
  const server = createHttpServer((request, response) => {
    sent.push(request.headers.authorization);
    response.writeHead(401).end('{}');
  });
  const port = await listen(server);
  try {
    const near = { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true };
    const config = {
      'id-token': token,
      'client-id': 'me',
      'refresh-token': 'none',
      'idp-issuer-url': 'https://127.0.0.1:1',
    };
    const { stderr } = await plan(near, { 'auth-provider': { name: 'oidc', config } });
    expect(stderr).toContain('does not accept the credentials');
    expect(new Set(sent)).toEqual(new Set([`Bearer ${token}`]));
  } finally {
    server.close();
  }
});
