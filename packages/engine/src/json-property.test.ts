import { describe, expect, test } from 'vitest';
import { jsonProperty } from './json-property.ts';

describe('numbers stay as they were written', () => {
  test.each(['1.50', '9007199254740993', '1e400', '-0', '1E+2', '0.1000', '123456789012345678901234567890'])(
    '%s',
    (number) => {
      expect(jsonProperty(`{"n": ${number}}`, 'n')).toEqual({ value: number });
    },
  );

  test('also deep in an object that is picked whole', () => {
    const text = '{ "db": { "port": 5432.0, "ids": [9007199254740993, 1e400], "name": "x" } }';
    expect(jsonProperty(text, 'db')).toEqual({
      value: '{"port":5432.0,"ids":[9007199254740993,1e400],"name":"x"}',
    });
  });
});

test.each<[text: string, path: string, value: string]>([
  ['{"a": "x"}', 'a', 'x'],
  ['{"a": ""}', 'a', ''],
  ['{"a": true, "b": false}', 'b', 'false'],
  ['{"a": {"b": {"c": "deep"}}}', 'a.b.c', 'deep'],
  ['{"hosts": ["one", "two"]}', 'hosts.1', 'two'],
  ['{"hosts": [{"ip": "::1"}]}', 'hosts.0.ip', '::1'],
  ['["top"]', '0', 'top'],
  ['{"a": [1, "b", null]}', 'a', '[1,"b",null]'],
  ['{"a": {}}', 'a', '{}'],
  ['{"a": "飛脚\\n"}', 'a', '飛脚\n'],
  ['{"0": "key"}', '0', 'key'],
  ['{"__proto__": "own"}', '__proto__', 'own'],
  ['{"__proto__": {"a": "own"}}', '__proto__.a', 'own'],
  ['{"constructor": 7}', 'constructor', '7'],
  ['{"length": "5 m"}', 'length', '5 m'],
  ['{"a": 1, "a": 2}', 'a', '2'],
])('%s at %s is %j', (text, path, value) => {
  expect(jsonProperty(text, path)).toEqual({ value });
});

test.each<[text: string, path: string]>([
  ['{}', 'a'],
  ['{"a": {}}', 'a.b'],
  ['{"a": "text"}', 'a.b'],
  ['{"a": "text"}', 'a.length'],
  ['{"a": "text"}', 'a.0'],
  ['{"a": 1.5}', 'a.rawJSON'],
  ['{"a": null}', 'a.b'],
  ['{}', '__proto__'],
  ['{}', 'constructor'],
  ['{}', 'constructor.name'],
  ['{}', 'toString'],
  ['[1]', 'length'],
  ['[1]', '1'],
  ['[1]', '-1'],
  ['[1]', '00'],
  ['[1]', 'map'],
  ['5', 'a'],
  ['null', 'a'],
  ['{"a.b": 1}', 'a.b'],
])('%s has nothing at %s', (text, path) => {
  expect(jsonProperty(text, path)).toEqual({ absent: true });
});

test('null is a problem, not the text null', () => {
  expect(jsonProperty('{"a": {"b": null}}', 'a.b')).toEqual({ problem: 'has null at a.b' });
});

test.each(['', 'hunter2', '{"hunter2": ', '{"a": hunter2}', '{"a": 1} hunter2', '[01]', '\uFEFF{"hunter2": 1}'])(
  '%j is not JSON, and the problem does not quote it',
  (text) => {
    expect(jsonProperty(text, 'a')).toEqual({ problem: 'is not JSON' });
  },
);

test('JSON nested deeper than the stack is a problem, not a crash', () => {
  const deep = `{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`;
  expect(jsonProperty(deep, 'a')).toEqual({ problem: 'is not JSON' });
});
