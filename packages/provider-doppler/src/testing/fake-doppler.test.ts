import { createServer } from 'node:http';
import { FakeClock } from '@hikyaku/core/testing';
import { listen, signToken } from '@hikyaku/provider-utils/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fakeIssuer } from '../fake-issuer.test.kit.ts';
import { startFakeDoppler, webhookSignature } from './index.ts';
import type { FakeDoppler } from './index.ts';

const CONFIG = '/v3/configs/config';
const DOWNLOAD = `${CONFIG}/secrets/download`;
let fake: FakeDoppler;
let token: string;

beforeEach(async () => {
  fake = await startFakeDoppler();
  fake.addConfig('homelab', 'prd', { USER: 'ann', URL: 'postgres://${USER}@db' });
  token = fake.serviceToken('homelab', 'prd');
});
afterEach(() => fake.close());

async function ask(path: string, { key = token, method = 'GET', body, headers = {} }: AskOptions = {}) {
  const response = await fetch(`${fake.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: parsed(text) };
}

interface AskOptions {
  readonly key?: string;
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

function basic(text: string) {
  return { authorization: `Basic ${Buffer.from(text).toString('base64')}` };
}

function parsed(text: string): unknown {
  return text === '' ? '' : JSON.parse(text);
}

test('a service token has the form of Doppler and opens its config without parameters', async () => {
  expect(token).toMatch(/^dp\.st\.prd\.[a-zA-Z0-9]{40,44}$/);
  const { status, headers, body } = await ask(DOWNLOAD);
  expect(status).toBe(200);
  expect(headers.get('etag')).toMatch(/^W\/"[0-9a-f]{64}"$/);
  expect(body).toEqual({
    DOPPLER_CONFIG: 'prd',
    DOPPLER_ENVIRONMENT: 'prd',
    DOPPLER_PROJECT: 'homelab',
    URL: 'postgres://ann@db',
    USER: 'ann',
  });
});

test('the token works as the user of Basic too, and no or an unknown token is 401', async () => {
  expect((await ask(DOWNLOAD, { headers: basic(`${token}:`) })).status).toBe(200);
  expect((await ask(DOWNLOAD, { headers: basic(`${token}:x`) })).status).toBe(401);
  expect(await ask(DOWNLOAD, { key: 'dp.st.unknown' })).toMatchObject({
    status: 401,
    body: { messages: ['Invalid Auth token'], success: false },
  });
});

test('a service token refuses any config but its own, also the root of its branch', async () => {
  fake.addConfig('homelab', 'prd_aws');
  const branch = fake.serviceToken('homelab', 'prd_aws');
  expect((await ask(`${DOWNLOAD}?project=homelab&config=prd_aws`, { key: branch })).status).toBe(200);
  expect((await ask(`${DOWNLOAD}?project=homelab&config=prd`, { key: branch })).status).toBe(400);
  expect((await ask(`${DOWNLOAD}?project=other&config=prd_aws`, { key: branch })).status).toBe(400);
});

test('an account token must say project and config, and gets 404 for those that are not there', async () => {
  const key = fake.serviceAccountToken();
  expect(await ask(DOWNLOAD, { key })).toMatchObject({
    status: 400,
    body: { messages: ['You must specify a project'] },
  });
  expect(await ask(`${DOWNLOAD}?project=homelab`, { key })).toMatchObject({ status: 400 });
  expect(await ask(`${DOWNLOAD}?project=x&config=prd`, { key })).toMatchObject({ status: 404 });
  expect(await ask(`${DOWNLOAD}?project=homelab&config=x`, { key })).toMatchObject({ status: 404 });
  expect(await ask(`${DOWNLOAD}?project=homelab&config=prd`, { key })).toMatchObject({ status: 200 });
});

test('a 304 has no body and the same etag, until a referenced secret changes', async () => {
  fake.addConfig('shared', 'prd', { HOST: 'a' });
  fake.set('homelab', 'prd', 'HOST', '${shared.prd.HOST}');
  const etag = (await ask(DOWNLOAD)).headers.get('etag') ?? '';
  const unchanged = await ask(DOWNLOAD, { headers: { 'if-none-match': etag } });
  expect(unchanged).toMatchObject({ status: 304, body: '' });
  expect(unchanged.headers.get('etag')).toBe(etag);
  fake.set('shared', 'prd', 'HOST', 'b');
  expect(await ask(DOWNLOAD, { headers: { 'if-none-match': etag } })).toMatchObject({
    status: 200,
    body: { HOST: 'b' },
  });
  expect(fake.counters).toMatchObject({
    requests: 3,
    downloads200: 2,
    notModified304: 1,
    errors: 0,
    byPath: { [DOWNLOAD]: 3 },
  });
});

test('references resolve over configs and projects, and stay as written when they lead nowhere or in a circle', async () => {
  fake.addConfig('homelab', 'dev', { NAME: 'dev ${homelab.prd.USER}' });
  for (const [name, value] of Object.entries({ A: '${dev.NAME}', B: '${MISSING}', C: '${D}', D: '${C}' }))
    fake.set('homelab', 'prd', name, value);
  expect((await ask(DOWNLOAD)).body).toMatchObject({ A: 'dev ann', B: '${MISSING}', C: '${C}' });
});

test('a branch config inherits from its root and overrides it', async () => {
  fake.addConfig('homelab', 'prd_aws', { USER: 'bob' });
  const key = fake.serviceToken('homelab', 'prd_aws');
  expect((await ask(DOWNLOAD, { key })).body).toMatchObject({
    USER: 'bob',
    URL: 'postgres://bob@db',
    DOPPLER_ENVIRONMENT: 'prd',
    DOPPLER_CONFIG: 'prd_aws',
  });
});

test('restricted values are null for a personal token only', async () => {
  fake.set('homelab', 'prd', 'PIN', '1234', { visibility: 'restricted' });
  const query = '?project=homelab&config=prd';
  expect((await ask(DOWNLOAD + query, { key: fake.personalToken() })).body).toMatchObject({ PIN: null, USER: 'ann' });
  expect((await ask(DOWNLOAD + query)).body).toMatchObject({ PIN: '1234' });
});

test('a missing secret is 200 with nulls; names and objects are listed', async () => {
  expect(await ask(`${CONFIG}/secret?name=NONE`)).toMatchObject({
    status: 200,
    body: { name: 'NONE', value: { raw: null, computed: null } },
  });
  expect((await ask(`${CONFIG}/secret?name=URL`)).body).toMatchObject({
    value: { raw: 'postgres://${USER}@db', computed: 'postgres://ann@db' },
  });
  expect((await ask(`${CONFIG}/secrets`)).body).toMatchObject({
    success: true,
    secrets: { USER: { raw: 'ann', computedVisibility: 'masked' } },
  });
  expect((await ask(`${CONFIG}/secrets/names`)).body).toMatchObject({
    names: expect.arrayContaining(['USER', 'DOPPLER_PROJECT']),
  });
});

test('writing takes a read/write token; null and shouldDelete delete', async () => {
  const write = { method: 'POST', body: { secrets: { NEW: '1', USER: null } } };
  expect((await ask(`${CONFIG}/secrets`, write)).status).toBe(403);
  const key = fake.serviceToken('homelab', 'prd', { access: 'read/write' });
  expect(await ask(`${CONFIG}/secrets`, { ...write, key })).toMatchObject({
    status: 200,
    body: { secrets: { NEW: { raw: '1' } } },
  });
  const requests = [
    { name: 'NEWER', originalName: 'NEW', value: null },
    { name: 'URL', shouldDelete: true },
  ];
  await ask(`${CONFIG}/secrets`, { key, method: 'POST', body: { change_requests: requests } });
  expect((await ask(DOWNLOAD)).body).toEqual({
    DOPPLER_CONFIG: 'prd',
    DOPPLER_ENVIRONMENT: 'prd',
    DOPPLER_PROJECT: 'homelab',
    NEWER: '1',
  });
  expect((await ask(`${CONFIG}/secret?name=NEWER`, { key, method: 'DELETE' })).status).toBe(204);
  expect((await ask(`${CONFIG}/secrets`, { key, method: 'POST', body: { secrets: { 'no-good': '1' } } })).status).toBe(
    400,
  );
  expect((await ask(`${CONFIG}/secrets`, { key, method: 'POST', body: {} })).status).toBe(400);
});

test('a write that Doppler would refuse is 400, and none of its changes is made', async () => {
  const key = fake.serviceToken('homelab', 'prd', { access: 'read/write' });
  const writes = [
    { LARGE: 'x'.repeat(50 * 1024 + 1) },
    { ['N'.repeat(201)]: 'x' },
    { DOPPLER_CONFIG: 'x' },
    { NUMBER: 1 },
    { MISSING: null },
  ];
  for (const bad of writes) {
    const secrets = { GOOD: '1', ...bad };
    expect((await ask(`${CONFIG}/secrets`, { key, method: 'POST', body: { secrets } })).status).toBe(400);
  }
  expect((await ask(DOWNLOAD)).body).not.toHaveProperty('GOOD');
  const names = await ask(`${CONFIG}/secrets/names?include_managed_secrets=false`);
  expect(names.body).toEqual({ names: ['URL', 'USER'], success: true });
});

test('a fault that refuses makes no change; an outage does, unless it is told not to', async () => {
  const key = fake.serviceToken('homelab', 'prd', { access: 'read/write' });
  for (const [name, fault] of Object.entries({
    REFUSED: { kind: '429' },
    APPLIED: { kind: '500' },
    LOST: { kind: '500', applied: false },
  } as const)) {
    fake.fail(fault);
    await ask(`${CONFIG}/secrets`, { key, method: 'POST', body: { secrets: { [name]: '飛脚'.repeat(20_000 / 6) } } });
  }
  const { body } = await ask(DOWNLOAD);
  expect(body).toMatchObject({ APPLIED: '飛脚'.repeat(20_000 / 6) });
  expect(body).not.toHaveProperty('REFUSED');
  expect(body).not.toHaveProperty('LOST');
});

test('a path that Doppler does not have is 404, and a format that the fake does not have is 400', async () => {
  expect((await ask('/v3/nothing')).status).toBe(404);
  expect((await ask(`${DOWNLOAD}?format=yaml`)).status).toBe(400);
});

test('an empty bucket is 429 with retry-after until the minute is over', async () => {
  await fake.close();
  const clock = new FakeClock();
  fake = await startFakeDoppler({ limits: { secretReads: 2 }, clock });
  fake.addConfig('homelab', 'prd');
  const key = fake.serviceToken('homelab', 'prd');
  expect((await ask(DOWNLOAD, { key })).headers.get('x-ratelimit-remaining')).toBe('1');
  await ask(DOWNLOAD, { key });
  await clock.advance(20_000);
  const refused = await ask(DOWNLOAD, { key });
  expect(refused.status).toBe(429);
  expect(Object.fromEntries(refused.headers)).toMatchObject({
    'retry-after': '40',
    'x-ratelimit-limit': '2',
    'x-ratelimit-remaining': '0',
  });
  await clock.advance(40_000);
  expect((await ask(DOWNLOAD, { key })).status).toBe(200);
});

test('faults are used up in order, and only by the requests that they fit', async () => {
  fake.fail({ kind: '500', times: 2, config: 'prd' });
  fake.fail({ kind: '403', path: `${CONFIG}/secrets/names` });
  expect((await ask(`${CONFIG}/secrets/names`)).status).toBe(500);
  expect((await ask(DOWNLOAD)).status).toBe(500);
  expect((await ask(DOWNLOAD)).status).toBe(200);
  expect((await ask(`${CONFIG}/secrets/names`)).status).toBe(403);
  expect(fake.counters.errors).toBe(3);
  fake.resetCounters();
  expect(fake.counters).toEqual({
    requests: 0,
    downloads200: 0,
    notModified304: 0,
    errors: 0,
    connections: 0,
    byPath: {},
  });
});

test('the request log holds no token', async () => {
  await ask(`${DOWNLOAD}?format=json`);
  expect(fake.requests).toMatchObject([
    {
      method: 'GET',
      path: DOWNLOAD,
      query: { format: 'json' },
      headers: { authorization: 'Bearer [token]' },
      status: 200,
    },
  ]);
  expect(JSON.stringify(fake.requests)).not.toContain(token);
});

describe('an identity', () => {
  const clock = new FakeClock();
  const issuer = fakeIssuer();
  const subject = 'system:serviceaccount:a:b';
  const good = { iss: issuer.url, aud: ['doppler'], sub: subject, exp: clock.now() / 1000 + 60 };
  let identity: string;

  beforeEach(async () => {
    await fake.close();
    fake = await startFakeDoppler({ clock });
    fake.addConfig('homelab', 'prd');
    identity = fake.addIdentity({
      issuer: issuer.url,
      keys: issuer.keys,
      audience: 'doppler',
      subject,
      lifetimeMs: 1000,
    });
  });

  const exchange = (jwt: string) => ask('/v3/auth/oidc', { method: 'POST', body: { identity, token: jwt } });

  test('gives a token that expires', async () => {
    const { body } = await exchange(issuer.sign(good));
    expect(body).toMatchObject({
      success: true,
      token: expect.stringMatching(/^dp\.said\./),
      expires_at: new Date(clock.now() + 1000).toISOString(),
    });
    const [key = ''] = fake.identityTokens;
    expect((await ask(`${DOWNLOAD}?project=homelab&config=prd`, { key })).status).toBe(200);
    expect((await ask(DOWNLOAD, { key })).status).toBe(400);
    await clock.advance(1000);
    expect((await ask(`${DOWNLOAD}?project=homelab&config=prd`, { key })).status).toBe(401);
  });

  test.each<[string, () => string]>([
    ['another audience', () => issuer.sign({ ...good, aud: 'x' })],
    ['another subject', () => issuer.sign({ ...good, sub: 'x' })],
    ['another issuer', () => issuer.sign({ ...good, iss: 'https://x' })],
    ['a time that is over', () => issuer.sign({ ...good, exp: 1 })],
    ['the signature of another key', () => fakeIssuer().sign(good)],
    ['no signature', () => `${issuer.sign(good).split('.', 2).join('.')}.`],
    ['another algorithm', () => signToken(good, { ...issuer, algorithm: 'none' })],
  ])('gives nothing for %s', async (_, jwt) => {
    expect((await exchange(jwt())).status).toBe(401);
  });

  test('that is gone gives nothing', async () => {
    fake.removeIdentity(identity);
    expect((await exchange(issuer.sign(good))).status).toBe(401);
  });
});

test('watching is 403 on the free plan, and says when something changed on the team plan', async () => {
  expect((await ask(`${CONFIG}/secrets/watch`)).status).toBe(403);
  await fake.close();
  fake = await startFakeDoppler({ plan: 'team', pingMs: 5 });
  fake.addConfig('homelab', 'prd');
  const key = fake.serviceToken('homelab', 'prd');
  const response = await fetch(`${fake.url}${CONFIG}/secrets/watch`, { headers: { authorization: `Bearer ${key}` } });
  const seen: string[] = [];
  for await (const chunk of response.body ?? []) {
    for (const [, type = ''] of Buffer.from(chunk)
      .toString()
      .matchAll(/"type":"([\w.]+)"/g))
      seen.push(type);
    if (seen.length === 1) fake.set('homelab', 'prd', 'A', '1');
    if (seen.includes('ping') && seen.includes('secrets.update')) break;
  }
  expect(seen[0]).toBe('connected');
});

test('webhooks are signed over the raw body; modes repeat, delay or spoil them', async () => {
  const received: { readonly signature: unknown; readonly body: string }[] = [];
  await using server = await listen((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      received.push({ signature: request.headers['x-doppler-signature'], body });
      response.writeHead(202).end();
    });
  });
  const webhook = {
    url: server.url,
    project: 'homelab',
    config: 'prd',
    signingSecret: 'signing',
    diff: { updated: ['USER'] },
  };
  expect(await fake.sendWebhook({ ...webhook, mode: 'twice' })).toEqual([202, 202]);
  expect(await fake.sendWebhook({ ...webhook, mode: 'wrongly-signed' })).toEqual([202]);
  expect(received.map(({ signature, body }) => signature === webhookSignature(body, 'signing'))).toEqual([
    true,
    true,
    false,
  ]);
  expect(JSON.parse(received[0]?.body ?? '')).toMatchObject({
    type: 'config.secrets.update',
    diff: { added: [], removed: [], updated: ['USER'] },
  });
});

test('a port that is taken is an error', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => {
    taken.once('listening', resolve);
  });
  const address = taken.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  await expect(startFakeDoppler({ ...(port !== undefined && { port }) })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  taken.close();
});
