import { expect, test } from 'vitest';
import { etagOf, isEtag, isStrongEtag, sameEtag } from './etag.ts';

test.each([
  ['"a"', true, true],
  ['""', true, true],
  ['W/"a"', true, false],
  ['a', false, false],
  ['"a', false, false],
  ['"a b"', false, false],
  ['"a"\r\nx: y', false, false],
  [`"${'a'.repeat(511)}"`, false, false],
])('%j: an ETag: %s, a strong one: %s', (text, etag, strong) => {
  expect([isEtag(text), isStrongEtag(text)]).toEqual([etag, strong]);
});

test('a weak ETag is the same as the strong one', () => {
  expect(sameEtag('W/"a"', '"a"')).toBe(true);
  expect(sameEtag('W/"a"', '"b"')).toBe(false);
});

test('what cannot be sent back is not taken from an answer', () => {
  expect(etagOf({ headers: new Map([['etag', 'W/"a"']]) })).toBe('W/"a"');
  expect(etagOf({ headers: new Map([['etag', 'a']]) })).toBeUndefined();
  expect(etagOf({ headers: new Map() })).toBeUndefined();
});
