import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from '@hikyaku/core/testing';
import { connectKube, loadKubeConfig } from '@hikyaku/kube-client';
import type { KubeClient } from '@hikyaku/kube-client';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ServiceAccountTokens } from './service-account-tokens.ts';

const { signal } = new AbortController();
const NAS = 'https://nas.lan';
const API = 'https://kubernetes.default.svc';

interface TokenSpec {
  readonly audiences?: readonly string[];
  readonly expirationSeconds: number;
  readonly boundObjectRef?: unknown;
}

let server: Server;
let folder: string;
let client: KubeClient;
let clock: FakeClock;
let user: object;
let asked: { readonly path: string; readonly spec: TokenSpec }[];
let refuses = false;
let audienceOf: (spec: TokenSpec) => unknown;

beforeEach(async () => {
  asked = [];
  refuses = false;
  user = { username: 'system:serviceaccount:hikyaku:hikyaku' };
  audienceOf = ({ audiences = [] }) => (audiences.length === 0 ? [API] : audiences);
  server = createServer((request, response) => {
    void (async () => {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      const path = request.url ?? '';
      const answer = path.endsWith('/token') ? issue(path, JSON.parse(body).spec) : { status: { userInfo: user } };
      response.writeHead(answer === undefined ? 403 : 201, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer ?? { kind: 'Status', status: 'Failure', reason: 'Forbidden', code: 403 }));
    })();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const cluster = { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true };
  folder = await mkdtemp(join(tmpdir(), 'hikyaku-tokens-'));
  const kubeconfig = join(folder, 'config');
  await writeFile(
    kubeconfig,
    JSON.stringify({
      clusters: [{ name: 'c', cluster }],
      users: [{ name: 'u', user: { token: 't' } }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'c',
    }),
  );
  client = connectKube(loadKubeConfig({ kubeconfig, env: {} }).kubeConfig);
  clock = new FakeClock();
});
afterEach(async () => {
  await client.close();
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

function issue(path: string, spec: TokenSpec): object | undefined {
  if (refuses) return undefined;
  asked.push({ path, spec });
  const aud = audienceOf(spec);
  const claims = { aud, iat: 1_000, exp: 1_000 + spec.expirationSeconds, jti: asked.length };
  const token = `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`;
  return { spec: { ...spec, audiences: aud }, status: { token } };
}

function createTokens(): ServiceAccountTokens {
  return new ServiceAccountTokens({ client, namespace: 'hikyaku', clock });
}

/** Besides those that show what the API server accepts. */
function given(): readonly TokenSpec[] {
  return asked.map(({ spec }) => spec).filter(({ audiences = [] }) => audiences.length > 0);
}

describe('a token', () => {
  test('is for one audience and an hour, and all who ask at once get the same', async () => {
    const tokens = createTokens();
    const [first, second] = await Promise.all([tokens.get(NAS, { signal }), tokens.get(NAS, { signal })]);
    expect(first.equals(second)).toBe(true);
    expect(given()).toEqual([{ audiences: [NAS], expirationSeconds: 3600 }]);
  });

  test('is used until a minute before it expires', async () => {
    const tokens = createTokens();
    const first = await tokens.get(NAS, { signal });
    await clock.advance(3_539_999);
    expect((await tokens.get(NAS, { signal })).equals(first)).toBe(true);
    await clock.advance(1);
    expect((await tokens.get(NAS, { signal })).equals(first)).toBe(false);
  });

  test('that was refused is replaced once, for all who had it', async () => {
    const tokens = createTokens();
    const refused = await tokens.get(NAS, { signal });
    const again = await Promise.all([tokens.get(NAS, { signal, refused }), tokens.get(NAS, { signal, refused })]);
    for (const token of [...again, await tokens.get(NAS, { signal, refused })]) {
      expect(token.equals(refused)).toBe(false);
      expect(again[0]?.equals(token)).toBe(true);
    }
    expect(given()).toHaveLength(2);
  });

  test('asked for in a Pod ends with that Pod', async () => {
    const extra = {
      'authentication.kubernetes.io/pod-name': ['hikyaku-1'],
      'authentication.kubernetes.io/pod-uid': ['the-uid'],
    };
    user = { username: 'system:serviceaccount:lab:courier', extra };
    await createTokens().get(NAS, { signal });
    const pod = { apiVersion: 'v1', kind: 'Pod', name: 'hikyaku-1', uid: 'the-uid' };
    expect(asked.map(({ spec }) => spec.boundObjectRef)).toEqual([pod, pod]);
    expect(asked[0]?.path).toBe('/api/v1/namespaces/lab/serviceaccounts/courier/token');
  });

  test("of the agent's account is what a person gets", async () => {
    user = { username: 'ann' };
    await createTokens().get(NAS, { signal });
    expect(asked[0]?.path).toBe('/api/v1/namespaces/hikyaku/serviceaccounts/hikyaku/token');
  });
});

describe('refused is', () => {
  test('an audience that the API server itself accepts', async () => {
    await expect(createTokens().get(API, { signal })).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      message: expect.stringContaining('is what the API server itself accepts'),
    });
    expect(given()).toEqual([]);
  });

  test('a token that is good for more than was asked for', async () => {
    audienceOf = ({ audiences = [] }) => (audiences.length === 0 ? [API] : [...audiences, API]);
    await expect(createTokens().get(NAS, { signal })).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
  });

  test('who has no right, with what would give it', async () => {
    refuses = true;
    const tokens = createTokens();
    await expect(tokens.get(NAS, { signal })).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      message: expect.stringContaining('your own right to create serviceaccounts/token of hikyaku/hikyaku'),
    });
    refuses = false;
    expect((await tokens.get(NAS, { signal })).byteLength).toBeGreaterThan(0);
  });
});
