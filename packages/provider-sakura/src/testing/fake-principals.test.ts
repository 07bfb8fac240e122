import { createHmac } from 'node:crypto';
import { FakeClock } from '@hikyaku/core/testing';
import { signToken } from '@hikyaku/provider-utils/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { clusterKey } from '../sakura.test.kit.ts';
import { startFakeSakura } from './fake-sakura.ts';
import type { FakeSakura } from './fake-sakura.ts';

const { publicKey, privateKey } = clusterKey();
const clock = new FakeClock();
const now = clock.now() / 1000;
let fake: FakeSakura;
let principal: string;
let keyId: string;

beforeEach(async () => {
  fake = await startFakeSakura({ clock });
  principal = fake.addPrincipal();
  keyId = fake.uploadKey(principal, publicKey);
});
afterEach(() => fake.close());

function claims(more: object = {}): Readonly<Record<string, unknown>> {
  const iss = principal;
  return { iss, sub: iss, aud: fake.tokenUrl, iat: now, exp: now + 300, jti: crypto.randomUUID(), ...more };
}

async function exchange(assertion: string, grant = 'urn:ietf:params:oauth:grant-type:jwt-bearer') {
  const body = new URLSearchParams({ grant_type: grant, assertion });
  const response = await fetch(fake.tokenUrl, { method: 'POST', body });
  return { status: response.status, body: Object(await response.json()) };
}

async function list(token: unknown): Promise<number> {
  const vault = fake.addVault();
  const response = await fetch(`${fake.url}/secretmanager/vaults/${vault}/secrets`, {
    headers: { authorization: `Bearer ${String(token)}` },
  });
  await response.body?.cancel();
  return response.status;
}

test('a right assertion gives a token that works until it expires or is revoked', async () => {
  const { status, body } = await exchange(signToken(claims(), { key: privateKey, keyId }));
  expect({ status, body }).toMatchObject({
    status: 200,
    body: { token_type: 'Bearer', expires_in: 3600, token_expired_at: expect.any(String) },
  });
  expect(await list(body.access_token)).toBe(200);
  expect(await list('unknown')).toBe(401);
  fake.enableKey(keyId, false);
  expect(await list(body.access_token)).toBe(200);
  fake.revokeTokens();
  expect(await list(body.access_token)).toBe(401);
});

describe('an assertion is refused', () => {
  test.each<[string, () => string]>([
    ['without iat', () => signToken(claims({ iat: undefined }), { key: privateKey, keyId })],
    ['without exp', () => signToken(claims({ exp: undefined }), { key: privateKey, keyId })],
    ['without jti', () => signToken(claims({ jti: undefined }), { key: privateKey, keyId })],
    ['of another issuer', () => signToken(claims({ iss: '1' }), { key: privateKey, keyId })],
    ['about somebody else', () => signToken(claims({ sub: '1' }), { key: privateKey, keyId })],
    ['for another address', () => signToken(claims({ aud: `${fake.tokenUrl}/` }), { key: privateKey, keyId })],
    ['for another host', () => signToken(claims({ aud: 'https://evil.example' }), { key: privateKey, keyId })],
    ['that expired', () => signToken(claims({ iat: now - 340, exp: now - 40 }), { key: privateKey, keyId })],
    ['of the future', () => signToken(claims({ iat: now + 40 }), { key: privateKey, keyId })],
    ['that is valid for an hour', () => signToken(claims({ exp: now + 3600 }), { key: privateKey, keyId })],
    ['with another kid', () => signToken(claims(), { key: privateKey, keyId: 'other' })],
    ['signed by another key', () => signToken(claims(), { key: clusterKey().privateKey, keyId })],
    ['that says another algorithm', () => signToken(claims(), { key: privateKey, keyId, algorithm: 'RS512' })],
    [
      'without a signature',
      () => `${signToken(claims(), { key: privateKey, keyId, algorithm: 'none' }).split('.', 2).join('.')}.`,
    ],
    ['signed with the public key as a password', () => signedHs256()],
    ['that is no JWT', () => 'a.b.c'],
    ['that is nothing', () => ''],
  ])('%s', async (_, assertion) => {
    expect(await exchange(assertion())).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
  });

  test('of a key that was disabled or deleted', async () => {
    fake.enableKey(keyId, false);
    expect(await exchange(signToken(claims(), { key: privateKey, keyId }))).toMatchObject({ status: 400 });
    fake.enableKey(keyId, true);
    expect(await exchange(signToken(claims(), { key: privateKey, keyId }))).toMatchObject({ status: 200 });
    fake.deleteKey(keyId);
    expect(await exchange(signToken(claims(), { key: privateKey, keyId }))).toMatchObject({ status: 400 });
  });

  test('the second time', async () => {
    const assertion = signToken(claims(), { key: privateKey, keyId });
    expect((await exchange(assertion)).status).toBe(200);
    expect((await exchange(assertion)).status).toBe(400);
  });

  test('with another grant', async () => {
    const assertion = signToken(claims(), { key: privateKey, keyId });
    expect(await exchange(assertion, 'client_credentials')).toMatchObject({
      status: 400,
      body: { error: 'unsupported_grant_type' },
    });
  });
});

test('a key that SAKURA would not take is not taken', () => {
  expect(() => fake.uploadKey(principal, clusterKey(1024).publicKey)).toThrow('2048 to 4096 bits');
});

test('the token endpoint is none of the quota', async () => {
  const before = fake.counters.busiestMinute;
  await exchange('');
  expect(fake.counters.busiestMinute).toBe(before);
});

function signedHs256(): string {
  const [, body = ''] = signToken(claims(), { key: privateKey, keyId }).split('.');
  const header = Buffer.from(JSON.stringify({ alg: 'HS256', kid: keyId })).toString('base64url');
  const signature = createHmac('sha256', publicKey).update(`${header}.${body}`).digest('base64url');
  return `${header}.${body}.${signature}`;
}
