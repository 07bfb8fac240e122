import { expect, test } from 'vitest';
import { matchGlob } from './glob.ts';

test.each<[glob: string, name: string, captures: readonly string[] | undefined]>([
  ['DB_URL', 'DB_URL', []],
  ['DB_URL', 'DB_URLS', undefined],
  ['DB_URL', 'db_url', undefined],
  ['', '', []],
  ['', 'A', undefined],
  ['*', '', ['']],
  ['*', 'anything/at all', ['anything/at all']],
  ['DB_*', 'DB_', ['']],
  ['DB_*', 'DB_USER', ['USER']],
  ['DB_*', 'MY_DB_USER', undefined],
  ['*_KEY', 'API_KEY', ['API']],
  ['*_KEY', 'KEY', undefined],
  ['tls/*', 'tls/a/b.crt', ['a/b.crt']],
  ['*-*', 'a-b-c', ['a', 'b-c']],
  ['a*b*c', 'a1b2c', ['1', '2']],
  ['a*b*c', 'abbc', ['', 'b']],
  ['**', 'ab', ['', 'ab']],
  ['a*a', 'a', undefined],
  ['ab*ba', 'aba', undefined],
  ['*ab*ab', 'ab', undefined],
  ['?', 'x', []],
  ['?', '', undefined],
  ['?', 'xy', undefined],
  ['K?Y_*', 'KEY_1', ['1']],
  ['*?', 'ab', ['a']],
  // Nothing of a regular expression means anything.
  ['a.c', 'abc', undefined],
  ['[ab]', 'a', undefined],
  ['(a+)+$', '(a+)+$', []],
  ['a\\*', 'a\\b', ['b']],
])('the glob %j on %j gives %j', (glob, name, captures) => {
  expect(matchGlob(glob, name)).toEqual(captures);
});

test.each([
  ['*a'.repeat(200), 'a'.repeat(10_000) + 'b'],
  ['*a'.repeat(200), 'b'.repeat(10_000)],
  [`${'*'.repeat(5_000)}x`, 'a'.repeat(10_000)],
  [`*${'a'.repeat(5_000)}b*`, 'a'.repeat(10_000)],
  [`*${'?'.repeat(5_000)}b*`, 'a'.repeat(10_000)],
])('a hostile pattern takes bounded time (%#)', (glob, name) => {
  const started = performance.now();
  expect(matchGlob(glob, name)).toBeUndefined();
  expect(performance.now() - started).toBeLessThan(1_000);
});
