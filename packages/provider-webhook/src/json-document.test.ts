import { isProviderError } from '@hikyaku/core';
import { describe, expect, test } from 'vitest';
import { JsonDocument } from './json-document.ts';

function parse(text: string | Uint8Array): JsonDocument {
  return JsonDocument.parse(Buffer.from(text), 'the answer of nas.lan');
}

function textAt(text: string, path: string): string | undefined {
  const document = parse(text);
  const found = document.findOne(path);
  return found && document.textOf(found);
}

test.each(['1.5', '0.4', '9007199254740993', '1e400', '1.50', '-0', '1E+2', '123456789012345678901234567890.10'])(
  'the number %s arrives as it was written',
  (number) => {
    expect(textAt(`{"a": [0, ${number} ]}`, '$.a[1]')).toBe(number);
    expect(textAt(`{"a":{"b" : ${number}\n}}`, '$.a')).toBe(`{"b":${number}}`);
  },
);

test.each([
  ['{"a":"b"}', '$.a', 'b'],
  ['{"a":"\\u00e9\\n\\"]}"}', '$.a', 'é\n"]}'],
  ['{"a":true,"b":false}', '$.b', 'false'],
  ['{"a": { "b" : [ 1 , "x y" ] } }', '$.a', '{"b":[1,"x y"]}'],
  ['[]', '$', '[]'],
  ['"text"', '$', 'text'],
  ['{"a":1,"a":2.0}', '$.a', '2.0'],
  ['{"__proto__":{"x":0.40}}', "$['__proto__'].x", '0.40'],
  ['{"a b":1,"":2}', "$['']", '2'],
  ['[1,[2,3.0]]', '$[-1][-1]', '3.0'],
  ['[{"n":"a","v":1.0},{"n":"b","v":2.0}]', "$[?@.n=='b'].v", '2.0'],
  ['[{"v":1},{"v":2.50}]', '$[?@.v>2].v', '2.50'],
  ['\ufeff{"a":"b"}', '$.a', 'b'],
])('in %j, %s is %j', (text, path, value) => {
  expect(textAt(text, path)).toBe(value);
});

test('nothing found and null are two things', () => {
  const document = parse('{"a":null}');
  expect(document.findOne('$.b')).toBeUndefined();
  const found = document.findOne('$.a');
  expect(found && document.textOf(found)).toBeUndefined();
});

test('several values where one is wanted are an error that says how many', () => {
  expect(() => parse('[1,2,3]').findOne('$[*]')).toThrow('finds 3 values');
});

test.each([
  '',
  '{',
  '{"a":1}x',
  "{'a':1}",
  '<html></html>',
  'NaN',
  Buffer.of(0x22, 0xff, 0x22),
  '"'.repeat(99),
  '"\\'.repeat(99),
])('%j is not JSON', (text) => {
  expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'INVALID_RESPONSE' }));
});

test('half a character in a string is an error, not another character', () => {
  expect(() => textAt('{"a":"\\ud800"}', '$.a')).toThrow('not well-formed');
});

/** Runs long enough to be an attack; the limit is far above what a slow machine needs. */
function inTime<T>(run: () => T): T {
  const startedAt = performance.now();
  try {
    return run();
  } finally {
    expect(performance.now() - startedAt).toBeLessThan(3000);
  }
}

function attempt<T>(run: () => T): T | string {
  try {
    return run();
  } catch (error) {
    if (isProviderError(error)) return error.code;
    throw error;
  }
}

describe('hostile documents and paths end soon', () => {
  const MiB = 1024 * 1024;

  test.each([
    ['deep lists', '['.repeat(2 * MiB) + ']'.repeat(2 * MiB)],
    ['deep lists without an end', '['.repeat(4 * MiB)],
    ['strings without an end', '"\\'.repeat(2 * MiB)],
    ['many values', `[${'0,'.repeat(2 * MiB - 2)}0]`],
    ['many mappings', `[${'{},'.repeat(MiB)}{}]`],
  ])('%s', (_, text) => {
    inTime(() => expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'INVALID_RESPONSE' })));
  });

  const wide = `{"a":[${'1.25,'.repeat(190_000)}0],"b":[${'1.25,'.repeat(9000)}0],"c":"${'x'.repeat(MiB)}","d":"${'x'.repeat(MiB)}"}`;

  test.each([
    '$.a[?$.c==$.d]',
    '$.a[?$.a==$.a]',
    '$.a[?count($..*)>1]',
    '$..[?$..[?$..[?@==1]]]',
    '$..*..*..*..*',
    `$${'[*,*]'.repeat(60)}`,
    `$.a${'[*,*,*,*,*,*,*,*]'.repeat(20)}`,
    `$.a[?${'$.a[0]==$.a[1] || '.repeat(20)}@==3]`,
    `$.a[?length($.a)>1]`,
  ])('%s', (path) => {
    const document = parse(wide);
    inTime(() => {
      const outcome = attempt(() => document.find(path).length);
      expect(outcome).toSatisfy((value) => typeof value === 'number' || value === 'INVALID_RESPONSE');
    });
  });

  test('a number behind many others is found', () => {
    inTime(() => expect(textAt(wide, '$.a[189999]')).toBe('1.25'));
  });
});
