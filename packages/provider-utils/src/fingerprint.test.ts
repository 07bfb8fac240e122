import { expect, test } from 'vitest';
import { fingerprint } from './fingerprint.ts';

test('equal parts have one fingerprint, and others another', () => {
  expect(fingerprint('a', ['b', null])).toBe(fingerprint('a', ['b', null]));
  expect(fingerprint('a', 'b')).not.toBe(fingerprint('ab'));
  expect(fingerprint('a')).toMatch(/^[\w-]{22}$/);
});
