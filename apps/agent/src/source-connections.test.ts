import { generateKeyPairSync, verify } from 'node:crypto';
import { defineProvider, ProviderError } from '@hikyaku/core';
import type { ProviderContext } from '@hikyaku/core';
import { FakeClock, silentLogger } from '@hikyaku/core/testing';
import type { SourceConfig } from '@hikyaku/config';
import type { KubeClient } from '@hikyaku/kube-client';
import { beforeEach, describe, expect, test } from 'vitest';
import { SealedValues } from './credentials/sealed-values.ts';
import type { OwnIdentity } from './identity/own-identity.ts';
import { SourceConnections } from './source-connections.ts';

const { signal } = new AbortController();
const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = keys.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
const ASSERTION = { issuer: '1128', subject: '1128', keyId: '9f', lifetimeMs: 300_000 };

let identity: OwnIdentity;
beforeEach(() => {
  identity = { cluster: async () => 'home', identities: async () => [], signingKey: async () => pem };
});

/** What a provider is given, for a source that reaches one origin. */
async function contextOf(
  more: Partial<SourceConfig> = {},
  unboundOrigins?: readonly string[],
): Promise<ProviderContext> {
  let context: ProviderContext | undefined;
  const provider = defineProvider({
    type: 'nas',
    config: { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } },
    describe: () => ({ identity: 'x', origins: ['https://nas.lan'] }),
    connect(_, given) {
      context = given;
      return { read: async () => ({ secrets: new Map() }) };
    },
  });
  const description = { identity: 'x', origins: ['https://nas.lan'] };
  const source = { name: 'nas', provider, settings: {}, credentials: new Map(), description, ...more };
  await using connections = new SourceConnections({
    env: {},
    // Not asked here.
    client: {} as KubeClient,
    namespace: 'hikyaku',
    clock: new FakeClock(Date.UTC(2026, 0, 1)),
    logger: silentLogger,
    files: { base: '/', root: '/', refused: [] },
    sealed: new SealedValues(identity),
    unboundOrigins,
  });
  await connections.connect(source as unknown as SourceConfig);
  if (context === undefined) throw new TypeError('not connected');
  return context;
}

describe('an assertion', () => {
  test("is signed with the cluster's key, for what was asked", async () => {
    const context = await contextOf();
    const token = await context.signAssertion({ ...ASSERTION, audience: 'https://nas.lan/oauth2/token' }, { signal });
    const [header = '', claims = '', signature = ''] = token.text()?.split('.') ?? [];
    expect(
      verify('RSA-SHA256', Buffer.from(`${header}.${claims}`), keys.publicKey, Buffer.from(signature, 'base64url')),
    ).toBe(true);
    expect(parsed(header)).toEqual({ alg: 'RS256', typ: 'JWT', kid: '9f' });
    const iat = Date.UTC(2026, 0, 1) / 1_000;
    expect(parsed(claims)).toEqual({
      iss: '1128',
      sub: '1128',
      aud: 'https://nas.lan/oauth2/token',
      iat,
      exp: iat + 300,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  });

  test.each(['https://evil.example/oauth2/token', 'http://nas.lan/token', 'https://nas.lan:8443/token', 'token'])(
    'is for no service that the source does not reach: %s',
    async (audience) => {
      const context = await contextOf();
      await expect(context.signAssertion({ ...ASSERTION, audience }, { signal })).rejects.toMatchObject({
        code: 'INVALID_CONFIG',
        message: `source nas wants a token for ${audience}, which is none of its origins: https://nas.lan`,
      });
    },
  );

  test('goes in a pod only where its service is, or where that is named', async () => {
    const assertion = { ...ASSERTION, audience: 'https://nas.lan/token' };
    await expect((await contextOf({}, [])).signAssertion(assertion, { signal })).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      message: expect.stringContaining('what this cluster signs at https://nas.lan, which nobody has named'),
    });
    const named = await contextOf({}, ['https://nas.lan']);
    expect((await named.signAssertion(assertion, { signal })).byteLength).toBeGreaterThan(0);
  });

  test.each([
    'no key',
    pem.slice(0, 400),
    generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }),
  ])('needs an RSA key, and shows nothing of what is there instead', async (text) => {
    identity = { ...identity, signingKey: async () => String(text) };
    const context = await contextOf();
    const assertion = { ...ASSERTION, audience: 'https://nas.lan/token' };
    await expect(context.signAssertion(assertion, { signal })).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      message: "the cluster's key for assertions is no RSA private key in PEM",
    });
  });
});

test.each(['https://evil.example', 'https://nas.lan/', 'nas.lan', ''])(
  'a token of the ServiceAccount is for an origin of the source: not for %j',
  async (audience) => {
    const context = await contextOf();
    await expect(context.serviceAccountToken(audience, { signal })).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
  },
);

describe('which cluster this is', () => {
  test('is told to the provider', async () => {
    expect((await contextOf()).cluster).toBe('home');
  });

  test('may be unknown, which is no trouble for those who do not ask', async () => {
    identity = { ...identity, cluster: () => Promise.reject(new ProviderError('INVALID_CONFIG', 'unreadable')) };
    expect(await contextOf()).not.toHaveProperty('cluster');
  });

  test('is asked for again where it cannot be told just now', async () => {
    identity = { ...identity, cluster: () => Promise.reject(new ProviderError('UNAVAILABLE', 'no answer')) };
    await expect(contextOf()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});

function parsed(part: string): unknown {
  return JSON.parse(Buffer.from(part, 'base64url').toString());
}

test('the secret of notices is for no provider', async () => {
  const credentials = new Map([
    ['token', { env: 'TOKEN' }],
    ['notices.secret', { env: 'HOOK' }],
  ]);
  const context = await contextOf({ credentials });
  expect(context.credentialPaths).toEqual(['token']);
  await expect(context.credential('notices.secret', { signal })).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
});
