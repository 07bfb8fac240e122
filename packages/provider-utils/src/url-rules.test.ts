import { expect, test } from 'vitest';
import { baseUrl, isPlainUrl, isSafeUrl } from './url-rules.ts';

test.each([
  'https://vault.lan',
  'http://localhost:8080',
  'http://vault.localhost',
  'http://127.9.9.9',
  'http://[::1]:1',
])('a credential may travel to %s', (url) => expect(isSafeUrl(url)).toBe(true));

test.each(['http://vault.lan', 'http://10.0.0.1', 'http://localhost.evil.example', 'http://[::2]', 'ftp://localhost'])(
  'a credential may not travel to %s',
  (url) => expect(isSafeUrl(url)).toBe(false),
);

test('a base has no user, query or fragment', () => {
  expect(isPlainUrl('https://vault.lan/v1')).toBe(true);
  for (const url of ['https://ann@vault.lan', 'https://:x@vault.lan', 'https://vault.lan?a', 'https://vault.lan#a'])
    expect(isPlainUrl(url) && !url.endsWith('?')).toBe(false);
});

test('a base ends without a slash', () => {
  expect(baseUrl('https://api.example')).toBe('https://api.example');
  expect(baseUrl('HTTPS://api.example:443/v1//')).toBe('https://api.example/v1');
});
