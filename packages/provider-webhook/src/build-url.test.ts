import { expect, test } from 'vitest';
import { buildUrl } from './build-url.ts';
import { parseTemplate } from './template.ts';
import { parseUrlTemplate } from './url-template.ts';

function build(name: string, url = '/secrets/${name}', { base = 'https://nas.lan/api', query = {} } = {}): string {
  return buildUrl(
    {
      base,
      url: parseUrlTemplate(url),
      query: new Map(Object.entries(query).map(([key, text]) => [key, parseTemplate(String(text))])),
    },
    new Map([
      ['name', name],
      ['namePath', name],
      ['version', undefined],
    ]),
  ).href;
}

test.each([
  ['DB_PASSWORD', 'DB_PASSWORD'],
  ['a/b', 'a%2Fb'],
  ['a b', 'a%20b'],
  ['a+b', 'a%2Bb'],
  ['a?b=c&d#e', 'a%3Fb%3Dc%26d%23e'],
  ['%2e%2e', '%252e%252e'],
  ['../../etc', '..%2F..%2Fetc'],
  ['a\\b', 'a%5Cb'],
  ['//evil.example', '%2F%2Fevil.example'],
  ['@evil.example', '%40evil.example'],
  ['a\r\nHost: evil', 'a%0D%0AHost%3A%20evil'],
  ['a\tb', 'a%09b'],
  ['飛脚', '%E9%A3%9B%E8%84%9A'],
  ['...', '...'],
  ['${name}', '%24%7Bname%7D'],
])('the name %j stays one segment', (name, segment) => {
  expect(build(name)).toBe(`https://nas.lan/api/secrets/${segment}`);
});

test.each(['.', '..'])('the name %j is refused: it would ask for something else', (name) => {
  expect(() => build(name)).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG' }));
  expect(() => build(name, '/${name}/secrets')).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG' }));
});

test('neither is a dot segment made of a value and the text beside it, nor an empty segment', () => {
  expect(() => build('.', '/.${name}')).toThrow('`.` or `..`');
  expect(() => build('.', '/%2e${name}')).toThrow('`.` or `..`');
  expect(() => build('')).toThrow('empty');
  expect(() => build('\ud800')).toThrow('not well-formed');
});

test('namePath keeps the slashes of a name, and nothing more', () => {
  expect(build('team/a b', '/secrets/${namePath}')).toBe('https://nas.lan/api/secrets/team/a%20b');
  for (const name of ['../x', 'a/../../x', 'a/./b', '/a', 'a/', 'a//b', '..'])
    expect(() => build(name, '/secrets/${namePath}'), name).toThrow(
      expect.objectContaining({ code: 'INVALID_CONFIG' }),
    );
});

test('a value never adds a parameter', () => {
  const hostile = 'a&admin=true#x+y=z';
  for (const url of [
    build(hostile, '/find?name=${name}&limit=1'),
    build(hostile, '/find?limit=1', { query: { name: '${name}' } }),
  ]) {
    expect(new URL(url).searchParams.size).toBe(2);
    expect(Object.fromEntries(new URL(url).searchParams)).toEqual({ limit: '1', name: hostile });
  }
});

test('a parameter with a variable that has no value is left out', () => {
  expect(build('A', '/a', { query: { version: '${version}', name: '${name}' } })).toBe('https://nas.lan/api/a?name=A');
  expect(build('A', '/a/${version:-latest}')).toBe('https://nas.lan/api/a/latest');
  expect(build('A', '?name=${name}')).toBe('https://nas.lan/api?name=A');
});

test.each(['https://nas.lan', 'https://nas.lan/', 'https://nas.lan:8443/a/b/', 'https://[2001:db8::1]:8443/api'])(
  'everything is below %s',
  (base) => {
    const url = new URL(build('..%2f..', '/x/${name}', { base }));
    expect(url.origin).toBe(new URL(base).origin);
    expect(url.pathname).toBe(`${new URL(base).pathname.replace(/\/$/, '')}/x/..%252f..`);
  },
);

test.each([
  'https://evil.example/x',
  'HTTPS://evil.example',
  'http:evil',
  'javascript:x',
  '//evil.example/x',
  '/\\evil.example',
  '\\\\evil.example',
  '/a\\..\\b',
  '/..//evil.example',
  '/a/../b',
  '/a/%2e%2e/b',
  '/a/.%2E',
  '/./a',
  '.evil.example',
  '@evil.example',
  ':8443/x',
  'secrets/${name}',
  '${name}',
  '/a b',
  '/a\tb',
  '/a\nb',
  '/\t/evil.example',
  '/a#b',
  '/%zz',
  '/飛脚',
])('%j is no url of an operation', (url) => {
  expect(() => parseUrlTemplate(url)).toThrow(expect.objectContaining({ name: 'TemplateError' }));
});
