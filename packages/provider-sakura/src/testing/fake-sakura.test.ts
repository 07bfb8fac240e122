import { FakeClock } from '@hikyaku/core/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { startFakeSakura } from './fake-sakura.ts';
import type { FakeApiKey, FakeSakura, FakeSakuraOptions } from './fake-sakura.ts';

let fake: FakeSakura;
let key: FakeApiKey;
let vault: string;
afterEach(() => fake.close());

async function start(options: FakeSakuraOptions = {}): Promise<void> {
  fake = await startFakeSakura(options);
  key = fake.addKey();
  vault = fake.addVault();
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

async function call(
  method: string,
  path: string,
  body?: unknown,
  { base = fake.url, user = key.accessToken, password = key.accessTokenSecret } = {},
): Promise<Answer> {
  const response = await fetch(`${base}${path}`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text.startsWith('{') ? JSON.parse(text) : text };
}

function secrets(method: string, body?: unknown, path = ''): Promise<Answer> {
  return call(method, `/secretmanager/vaults/${vault}/secrets${path}`, body);
}

const put = (Name: string, Value: string) => secrets('POST', { Secret: { Name, Value } });
const unveil = (Name: string, Version?: unknown) => secrets('POST', { Secret: { Name, Version } }, '/unveil');
const remove = (Name: string) => secrets('DELETE', { Secret: { Name } });
const errorCodeOf = ({ body }: Answer) => Object(body).error_code;

describe('the service', () => {
  test('secrets are listed, made, unveiled by version, and deleted', async () => {
    await start();
    expect(await put('a', '1')).toMatchObject({ status: 201, body: { Secret: { Name: 'a', LatestVersion: 1 } } });
    expect(await put('a', '2')).toMatchObject({ status: 201, body: { Secret: { Name: 'a', LatestVersion: 2 } } });
    expect(await secrets('GET')).toMatchObject({
      status: 200,
      body: { Count: 1, From: 0, Total: 1, Secrets: [{ Name: 'a', LatestVersion: 2 }] },
    });
    expect((await unveil('a')).body).toEqual({ Secret: { Name: 'a', Version: 2, Value: '2' } });
    expect((await unveil('a', null)).body).toEqual({ Secret: { Name: 'a', Version: 2, Value: '2' } });
    expect((await unveil('a', 1)).body).toEqual({ Secret: { Name: 'a', Version: 1, Value: '1' } });
    expect((await unveil('a', 9)).status).toBe(404);
    expect(await remove('a')).toMatchObject({ status: 204, body: '' });
    expect((await remove('a')).status).toBe(404);
    expect((await unveil('a')).status).toBe(404);
  });

  test('its refusals are those of the IaaS API', async () => {
    await start();
    expect((await call('GET', '/secretmanager/vaults/119999999999/secrets')).body).toEqual({
      is_fatal: true,
      serial: expect.stringMatching(/^[0-9a-f]{32}$/),
      status: '404 NotFound',
      error_code: 'not_found',
      error_msg: expect.any(String),
    });
    const bodies = [{}, { Secret: {} }, { Secret: { Name: '', Value: 'x' } }, { Secret: { Name: 'a', Value: 1 } }, '{'];
    for (const body of bodies) expect(await secrets('POST', body)).toMatchObject({ status: 400 });
    for (const version of ['1', 0, -1, 1.5]) expect((await unveil('a', version)).status).toBe(400);
    expect((await secrets('PATCH', {})).status).toBe(404);
  });

  test('it wants a key, and a zone in the path', async () => {
    await start();
    for (const wrong of [{ user: 'nobody' }, { password: '' }, { password: `${key.accessTokenSecret}x` }])
      expect(await call('GET', '/secretmanager/vaults', undefined, wrong)).toMatchObject({ status: 401 });
    const origin = new URL(fake.url).origin;
    const statuses = await Promise.all(
      ['is1a', 'is1b', 'tk1a', 'tk1b', 'xx1a'].map(async (zone) => {
        const base = `${origin}/cloud/zone/${zone}/api/cloud/1.1`;
        return (await call('GET', '/secretmanager/vaults', undefined, { base })).status;
      }),
    );
    expect(statuses).toEqual([200, 200, 200, 200, 404]);
    expect((await call('GET', '/secretmanager/vaults', undefined, { base: origin })).status).toBe(404);
    fake.revokeKey(key.accessToken);
    expect((await secrets('GET')).status).toBe(401);
  });

  test('vaults are made, described, changed and deleted', async () => {
    await start();
    const made = await call('POST', '/secretmanager/vaults', { Vault: { Name: 'new', KmsKeyID: '1', Tags: ['x'] } });
    expect(made).toMatchObject({
      status: 201,
      body: { Vault: { ID: expect.stringMatching(/^\d{12}$/), Name: 'new' } },
    });
    const path = `/secretmanager/vaults/${Object(made.body).Vault.ID}`;
    const changed = await call('PUT', path, { Vault: { Name: 'other', Description: 'd' } });
    expect(changed.body).toMatchObject({
      Vault: { Name: 'other', Description: 'd', Tags: ['x'], CreatedAt: expect.stringMatching(/\.\d{6}\+09:00$/) },
    });
    expect((await call('GET', path)).body).toEqual(changed.body);
    expect((await call('GET', '/secretmanager/vaults')).body).toMatchObject({ Count: 2, Total: 2 });
    expect((await call('DELETE', path)).status).toBe(204);
    expect((await call('GET', path)).status).toBe(404);
    expect((await call('POST', '/secretmanager/vaults', { Vault: { Name: 'new' } })).status).toBe(400);
  });

  test('a list comes in parts', async () => {
    await start({ pageSize: 2 });
    for (const name of ['a', 'b', 'c']) fake.set(vault, name, 'x');
    expect((await secrets('GET')).body).toMatchObject({ Count: 2, From: 0, Total: 3 });
    expect((await secrets('GET', undefined, '?From=2&Count=100')).body).toMatchObject({
      Count: 1,
      From: 2,
      Total: 3,
      Secrets: [{ Name: 'c' }],
    });
    expect((await secrets('GET', undefined, '?From=x')).status).toBe(400);
  });

  test.each(['restart', 'continue'] as const)('made again after a deletion, versions %s', async (recreate) => {
    await start({ recreate });
    fake.set(vault, 'a', '1');
    fake.set(vault, 'a', '2');
    fake.remove(vault, 'a');
    expect(fake.set(vault, 'a', '3')).toBe(recreate === 'restart' ? 1 : 3);
    expect((await unveil('a', 2)).status).toBe(404);
  });

  test('its limits: bytes of a value, characters of a name, secrets of a contract', async () => {
    await start({ secretLimit: 2 });
    expect((await put('a', 'é'.repeat(32_769))).status).toBe(400);
    expect((await put('a', 'é'.repeat(32_768))).status).toBe(201);
    expect((await put('n'.repeat(256), 'x')).status).toBe(400);
    fake.addVault({ secrets: { elsewhere: 'x' } });
    const refused = await put('b', 'x');
    expect([refused.status, errorCodeOf(refused)]).toEqual([409, 'limit_count_in_account']);
    expect((await put('a', 'y')).status).toBe(201);
  });

  test('numbers may come as text', async () => {
    await start({ numbersAsText: true });
    expect((await put('a', '1')).body).toMatchObject({ Secret: { LatestVersion: '1' } });
    expect((await secrets('GET')).body).toMatchObject({ Count: '1', Total: '1', Secrets: [{ LatestVersion: '1' }] });
    expect((await unveil('a')).body).toMatchObject({ Secret: { Version: '1' } });
  });

  test('without its KMS key a vault lists its secrets, and neither opens nor takes any', async () => {
    await start();
    fake.set(vault, 'a', '1');
    fake.deleteKmsKey(vault, 403);
    expect((await secrets('GET')).body).toMatchObject({ Total: 1 });
    expect([(await unveil('a')).status, (await put('b', '1')).status]).toEqual([403, 403]);
    fake.restoreKmsKey(vault);
    expect((await unveil('a')).status).toBe(200);
  });

  test.each([true, false])(
    'beyond its quota it answers 429 (retry-after: %s), in a window that slides',
    async (retryAfter) => {
      const clock = new FakeClock();
      await start({ clock, perMinute: 3, retryAfter });
      const ask = async () => (await secrets('GET')).status;
      expect([await ask(), await ask()]).toEqual([200, 200]);
      await clock.advance(40_000);
      expect(await ask()).toBe(200);
      const refused = await secrets('GET');
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, retryAfter ? '20' : null]);
      await clock.advance(20_000);
      expect([await ask(), await ask(), await ask()]).toEqual([200, 200, 429]);
      expect(fake.counters).toMatchObject({ requests: 7, throttled: 2, busiestMinute: 5 });
      fake.resetCounters();
      expect(fake.counters).toMatchObject({ requests: 0, busiestMinute: 0 });
      expect(await ask()).toBe(429);
    },
  );

  test('a credential is not among what it remembers', async () => {
    await start();
    await secrets('GET');
    expect(JSON.stringify(fake.requests)).not.toMatch(new RegExp(`${key.accessToken}|${key.accessTokenSecret}`));
  });
});

describe("the vendor's mock", () => {
  test('has no zone in its path and asks for no key', async () => {
    await start({ mock: true });
    expect((await fetch(`${fake.url}/secretmanager/vaults/${vault}/secrets`)).status).toBe(200);
    const answer = await call('GET', '/cloud/zone/tk1a/api/cloud/1.1/secretmanager/vaults');
    expect([answer.status, String(answer.body).trim()]).toEqual([404, '404 page not found']);
  });

  test('lists an unknown vault as empty, and writes into it without making it', async () => {
    await start({ mock: true });
    vault = '119999999999';
    expect(await secrets('GET')).toMatchObject({ status: 200, body: { Count: 0, From: 0, Total: 0, Secrets: [] } });
    expect((await put('a', '1')).status).toBe(201);
    expect((await secrets('GET')).body).toMatchObject({ Total: 1 });
    expect(await call('GET', `/secretmanager/vaults/${vault}`)).toMatchObject({
      status: 404,
      body: { error: 'vault not found' },
    });
    expect((await call('GET', '/secretmanager/vaults')).body).toMatchObject({ Total: 1 });
  });

  test('says no in its own words, has no limits, and gives whole lists', async () => {
    await start({ mock: true, pageSize: 1 });
    expect((await unveil('zz')).body).toEqual({ error: 'secret "zz" not found' });
    expect((await put('', 'x')).body).toEqual({ error: 'Secret.Name must not be empty' });
    expect((await put('big', 'x'.repeat(70_000))).status).toBe(201);
    expect((await unveil('big', 0)).status).toBe(200);
    expect((await unveil('big', 9)).body).toEqual({ error: 'secret "big" version 9 not found' });
    fake.set(vault, 'a', '1');
    expect((await secrets('GET', undefined, '?From=1&Count=1')).body).toMatchObject({ Count: 2, From: 0, Total: 2 });
    expect((await call('GET', `/secretmanager/vaults/${vault}`)).body).toMatchObject({
      Vault: { CreatedAt: expect.stringMatching(/:\d\dZ$/) },
    });
  });

  test('limits requests when told to', async () => {
    await start({ mock: true, perMinute: 1 });
    await secrets('GET');
    expect(await secrets('GET')).toMatchObject({ status: 429, body: { error: 'rate limit exceeded' } });
  });
});
