import { expect, test } from 'vitest';
import { JsonPath } from './json-path.ts';

test.each(['$', '$.a', "$['a b'][0]", '$.a[-1]'])('%s names one value', (path) => {
  expect(JsonPath.compile(path).isSingular).toBe(true);
});

test.each(['$.*', '$..a', '$[0,1]', '$[0:2]', "$[?@.a=='b']"])('%s may find many', (path) => {
  expect(JsonPath.compile(path).isSingular).toBe(false);
});

test.each([
  ['a.b', 1],
  ['', 1],
  ['$.a[', 5],
  ['$.a[?@.b', 4],
  ['$.a b', 5],
  ['$[01]', 3],
  ['$[?foo(@)]', 4],
  ['$[?match(@, "(a+)+$")]', 4],
  ["$[?search(@.b, 'x')]", 4],
  [`$.${'a'.repeat(500)}`, 500],
  [`$[?${'('.repeat(400)}@`, 403],
  ['$[?@.* == 1]', 4],
])('%j is an error with a position', (path, at) => {
  const problem = expect.objectContaining({ name: 'JsonPathError', at });
  expect(() => JsonPath.compile(path)).toThrow(problem);
});

test('regular expressions are refused with their reason', () => {
  expect(() => JsonPath.compile("$[?match(@, 'a')]")).toThrow('can take for ever');
});

test('a path can be used again after it took too long', () => {
  const path = JsonPath.compile('$..*');
  const wide = Array.from({ length: 500 }, () => Array.from({ length: 500 }, () => [1, 2, 3]));
  expect(() => path.find(wide)).toThrow(expect.objectContaining({ name: 'JsonPathLimitError' }));
  expect(path.find([1, [2]])).toHaveLength(3);
});
