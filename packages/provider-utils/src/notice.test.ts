import { inspect } from 'node:util';
import { SecretValue } from '@hikyaku/core';
import { expect, test } from 'vitest';
import { signNotice, verifyNotice } from './notice.ts';

const secret = SecretValue.of(`whsec_${Buffer.alloc(32, 7).toString('base64')}`);
const another = SecretValue.of(`whsec_${Buffer.alloc(32, 8).toString('base64')}`);
const body = Buffer.from('{"type":"secrets.changed","timestamp":"2026-01-01T00:00:00Z"}');
const now = Date.UTC(2026, 0, 1);
const headers = signNotice(body, { id: 'msg_1', now, secret });

test('the signature is that of Standard Webhooks', () => {
  // The example of the specification's reference libraries.
  const known = signNotice('{"test": 2432232314}', {
    id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    now: 1_614_265_330_000,
    secret: SecretValue.of('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'),
  });
  expect(known).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

test('a notice is genuine with its secret, also while that is being replaced', () => {
  for (const secrets of [[secret], [another, secret]])
    expect(verifyNotice(body, { headers: { ...headers }, secrets, now })).toEqual({ genuine: true, id: 'msg_1' });
  const both = `${signNotice(body, { id: 'msg_1', now, secret: another })['webhook-signature']} ${headers['webhook-signature']}`;
  expect(
    verifyNotice(body, { headers: { ...headers, 'webhook-signature': both }, secrets: [secret], now }).genuine,
  ).toBe(true);
});

test.each<[string, Record<string, string | string[] | undefined>]>([
  ['another id', { 'webhook-id': 'msg_2' }],
  ['another time', { 'webhook-timestamp': String(now / 1000 + 1) }],
  ['no id', { 'webhook-id': undefined }],
  ['two ids', { 'webhook-id': ['msg_1', 'msg_1'] }],
  ['an id with a dot', { 'webhook-id': 'msg.1' }],
  ['a time that is none', { 'webhook-timestamp': '1e9' }],
  ['an empty signature', { 'webhook-signature': 'v1,' }],
  ['half a signature', { 'webhook-signature': headers['webhook-signature'].slice(0, 20) }],
  ['another scheme', { 'webhook-signature': headers['webhook-signature'].replace('v1,', 'v2,') }],
  ['no scheme', { 'webhook-signature': headers['webhook-signature'].slice(3) }],
])('%s is not genuine', (_, changed) => {
  expect(verifyNotice(body, { headers: { ...headers, ...changed }, secrets: [secret], now }).genuine).toBe(false);
});

test('another body, another secret and no secret are not genuine', () => {
  expect(verifyNotice(Buffer.from(`${body} `), { headers: { ...headers }, secrets: [secret], now }).genuine).toBe(
    false,
  );
  expect(verifyNotice(body, { headers: { ...headers }, secrets: [another], now }).genuine).toBe(false);
  expect(verifyNotice(body, { headers: { ...headers }, secrets: [], now }).genuine).toBe(false);
});

test.each([
  [300_000, true],
  [301_000, false],
  [-300_000, true],
  [-301_000, false],
])('%d ms after it was sent: genuine is %s', (laterMs, genuine) => {
  const verdict = verifyNotice(body, { headers: { ...headers }, secrets: [secret], now: now + laterMs });
  expect(verdict.genuine).toBe(genuine);
});

test.each(['whsec_', 'whsec_c2hvcnQ=', 'plain', `whsec_${Buffer.alloc(65).toString('base64')}`])(
  'the secret %j is none: it signs nothing and opens nothing',
  (text) => {
    const bad = SecretValue.of(text);
    expect(() => signNotice(body, { id: 'msg_1', now, secret: bad })).toThrow(TypeError);
    expect(verifyNotice(body, { headers: { ...headers }, secrets: [bad], now }).genuine).toBe(false);
  },
);

test('what is refused is not quoted', () => {
  const verdict = verifyNotice(body, {
    headers: { ...headers, 'webhook-id': 's3cr3t!', 'webhook-signature': 's3cr3t' },
    secrets: [secret],
    now,
  });
  expect(inspect(verdict)).not.toContain('s3cr3t');
});
