import { ProviderError, SecretValue } from '@hikyaku/core';
import { expect, test } from 'vitest';
import { createLeakFinder } from './leak-finder.ts';

const VALUE = 'pässword/with+signs=7';
const bytes = Buffer.from(VALUE);
const findLeaks = createLeakFinder([{ what: 'the value', bytes, random: true }]);

test.each<[string, unknown, string]>([
  ['the message', new Error(`no good: ${VALUE}`), 'message has the value'],
  [
    'a cause of a cause',
    new Error('a', { cause: new Error('b', { cause: { body: VALUE } }) }),
    'cause.cause.body has the value',
  ],
  [
    'a property that is not shown',
    Object.defineProperty(new Error('a'), 'sent', { value: VALUE }),
    'sent has the value',
  ],
  [
    'a piece of it',
    new ProviderError('INVALID_RESPONSE', `unexpected token in "${VALUE.slice(3, 14)}"`),
    'message has the value, in part',
  ],
  ['base64', { header: `Basic ${Buffer.from(`ann:${VALUE}`).toString('base64')}` }, 'header has the value, as base64'],
  ['base64 for urls', { token: bytes.toString('base64url') }, 'token has the value, as base64'],
  ['a url', { url: `https://x.example/?v=${encodeURIComponent(VALUE)}` }, 'url has the value, URL-encoded'],
  ['hex', { text: bytes.toString('hex') }, 'text has the value, as hex'],
  ['bytes', new Error('a', { cause: { chunk: bytes } }), 'cause.chunk has the value'],
  ['the key of a map', new Map([[VALUE, 1]]), 'the name of a field of it has the value'],
])('it is found in %s', (_, shown, where) => {
  expect(findLeaks(shown)).toContain(where);
});

test('what shows nothing has no leak', () => {
  const circle: Record<string, unknown> = { value: SecretValue.of(VALUE) };
  circle['self'] = circle;
  expect(findLeaks(new ProviderError('UNAVAILABLE', 'it does not answer', { cause: circle }))).toEqual([]);
});

test('a value that is too short to be told from other text is not searched for', () => {
  const find = createLeakFinder([{ what: 'the value', bytes: Buffer.from('value'), random: false }]);
  expect(find(new Error('the value of the secret'))).toEqual([]);
});
