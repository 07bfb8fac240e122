import * as z from 'zod';
import { expect, test } from 'vitest';
import { problemsOf } from './connect.test.kit.ts';
import webhook from './index.ts';
import { templatedConfig } from './templated-config.ts';

const url = 'https://nas.lan/api';
const read = { url: '/secrets/${name}' };

test('a url and one way to read are enough', () => {
  expect(problemsOf({ url, read })).toBe('');
  expect(problemsOf({ url, readAll: { url: '/secrets' } })).toBe('');
  expect(problemsOf({ url })).toContain('needs `read` or `readAll`');
});

test.each([
  [
    'an unknown variable',
    { read: { url: '/secrets/${nmae}' } },
    'unknown variable `nmae`; known here: `name`, `namePath`, `version`, at character 10',
    'read.url',
  ],
  [
    'an unclosed variable',
    { read: { url: '/secrets/${name' } },
    'without its `}` (write `$${` for a plain `${`), at character 10',
    'read.url',
  ],
  [
    'an unknown variable in a query',
    { read: { ...read, query: { v: '${nam}' } } },
    'unknown variable `nam`',
    'read.query.v',
  ],
  [
    'an unknown variable in a header',
    { read: { ...read, headers: { 'X-A': '${foo}' } } },
    'unknown variable `foo`',
    'read.headers',
  ],
  [
    'an unknown variable in a body',
    { write: { ...read, body: { a: ['x', '${valeu}'], b: '${value}' } } },
    'unknown variable `valeu`',
    'write.body.a[1]',
  ],
  [
    'a variable without value in a path',
    { read: { url: '/s/${name}/${version}' } },
    'must say what stands for `version`',
    'read.url',
  ],
  [
    'the value of a secret in a url',
    { write: { url: '/s/${name}/${value}' } },
    'unknown variable `value`',
    'write.url',
  ],
  [
    'the value of a secret in a header',
    { write: { ...read, headers: { 'X-V': '${value}' }, body: { v: '${value}' } } },
    'unknown variable `value`',
    'write.headers',
  ],
  ['a wrong JSONPath', { read: { ...read, result: '$.data[' } }, 'is not a JSONPath (RFC 9535)', 'read.result'],
  [
    'a JSONPath of many for a list',
    { readAll: { url: '/s', result: '$.items[*]' } },
    'must name one value',
    'readAll.result',
  ],
  ['no name in the url', { read: { url: '/secrets' } }, 'needs the name of the secret somewhere', 'read'],
  ['no value in a write', { write: { url: '/s/${name}', body: { a: 'b' } } }, 'needs the value somewhere', 'write'],
  ['a body with GET', { read: { ...read, body: { a: 'b' } } }, 'needs a `method` that takes one', 'read.body'],
  [
    'a text without a content type',
    { write: { ...read, body: '${value}' } },
    'needs `headers: { content-type: … }`',
    'write.body',
  ],
  [
    'a JSON text',
    { write: { ...read, headers: { 'content-type': 'application/json' }, body: '{"v":"${value}"}' } },
    'must be a mapping for application/json',
    'write.body',
  ],
  [
    'an XML text',
    { write: { ...read, headers: { 'content-type': 'text/xml' }, body: '<v>${value}</v>' } },
    'values are not escaped in such a text',
    'write.body',
  ],
  [
    'a mapping that is no JSON',
    { write: { ...read, headers: { 'content-type': 'text/xml' }, body: { v: '${value}' } } },
    'must be a text for text/xml',
    'write.body',
  ],
  [
    'a list in a form',
    { write: { ...read, headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: { v: ['${value}'] } } },
    'must be text',
    'write.body.v',
  ],
  [
    'a variable in a name',
    { write: { ...read, body: { '${name}': '${value}' } } },
    'must not have a variable in a name',
    'write.body',
  ],
  [
    'a number that JSON cannot keep',
    { write: { ...read, body: { n: 2 ** 53, v: '${value}' } } },
    'must be in quotes',
    'write.body.n',
  ],
  ['a number in a query', { read: { ...read, query: { limit: 10 } } }, 'expected string', 'read.query.limit'],
  [
    'a credential among plain headers',
    { read: { ...read, headers: { Authorization: 'Bearer x' } } },
    'it is a credential',
    'read.headers.Authorization',
  ],
  [
    'a header of ours',
    { read: { ...read, headers: { Host: 'evil.example' } } },
    'is set by hikyaku itself',
    'read.headers.Host',
  ],
  [
    'a header with a line break',
    { read: { ...read, headers: { 'X-A': 'a\r\nHost: b' } } },
    'visible ASCII',
    'read.headers["X-A"]',
  ],
  ['a header name with a space', { read: { ...read, headers: { 'X A': 'b' } } }, 'no header may have', 'read.headers'],
  [
    'a header twice',
    { read: { ...read, headers: { 'X-A': 'b', 'x-a': 'c' } } },
    'must not be there twice',
    'read.headers',
  ],
  ['a cursor that is not sent', { list: { url: '/n', next: '$.next' } }, 'needs `${next}`', 'list'],
  ['a cursor that is not known', { list: { url: '/n', query: { c: '${next}' } } }, 'needs `next`', 'list'],
  ['names without values', { readAll: { url: '/s', name: '$.name' } }, 'needs `name` and `value`', 'readAll'],
  ['versions of a mapping', { readAll: { url: '/s', version: '$.v' } }, 'needs `name` and `value`', 'readAll.version'],
  ['versions without names', { list: { url: '/n', version: '$.v' } }, 'needs `name`', 'list.version'],
  ['a list beside readAll', { list: { url: '/n' }, readAll: { url: '/s' } }, 'may not be beside `readAll`', 'list'],
  [
    'two ways to be somebody',
    { basic: { username: 'ann' }, oauth: { tokenUrl: url, clientId: 'x' } },
    'may not be beside `basic`',
    'oauth',
  ],
  [
    'a word of OAuth twice',
    { oauth: { tokenUrl: url, clientId: 'x', parameters: { grant_type: 'password' } } },
    'have their own words',
    'oauth.parameters',
  ],
  ['a user name with a colon', { basic: { username: 'a:b' } }, 'must be a user name', 'basic.username'],
  ['a timeout without unit', { timeout: '10' }, 'must be seconds', 'timeout'],
  ['a timeout that is too long', { timeout: '301s' }, 'at most `300s`', 'timeout'],
  ['a word that does not exist', { read: { ...read, jsonPath: '$' } }, 'Unrecognized key: "jsonPath"', 'read'],
])('%s is an error at its place', (_, config, message, place) => {
  const problems = problemsOf({ url, read, ...config });
  expect(problems).toContain(message);
  expect(problems).toContain(`→ at ${place}`);
});

test.each([
  'https://good.example@evil.example/',
  'https://user:pass@nas.lan/',
  'https://nas.lan/?a=1',
  'https://nas.lan/#a',
  'https:\\\\evil.example',
  'https:/evil.example',
  'https:///evil.example',
  'https://nas.lan\\@evil.example',
  'https://nas.lan/\t',
  'ht\ntps://nas.lan',
  'https://${name}.lan',
  'https://nas.lan/${name}',
  'ftp://nas.lan',
  'nas.lan',
  '//nas.lan',
])('%j is no base', (address) => {
  expect(problemsOf({ url: address, read })).toContain('→ at url');
});

test.each(['http://nas.lan', 'http://10.0.0.1/api', 'http://127.0.0.1.example', 'http://[::2]'])(
  '%s is plain http, which must be asked for in words',
  (address) => {
    expect(problemsOf({ url: address, read })).toContain('allowPlainHttp: true');
    expect(problemsOf({ url: address, read, allowPlainHttp: true })).toBe('');
    const oauth = { tokenUrl: address, clientId: 'x' };
    expect(problemsOf({ url, read, oauth })).toContain('→ at oauth.tokenUrl');
  },
);

test.each(['http://localhost:8080', 'http://127.0.0.1', 'http://[::1]:1/api'])(
  '%s stays on this machine',
  (address) => {
    expect(problemsOf({ url: address, read })).toBe('');
  },
);

test('the config is plain data', () => {
  const config = templatedConfig.parse({
    url,
    read: { ...read, result: '$.a' },
    write: { ...read, body: { a: ['${value}', 1, null] } },
  });
  expect(structuredClone(config)).toEqual(config);
});

test('editors get a JSON Schema with a text for each word', () => {
  const schema = z.toJSONSchema(templatedConfig, { io: 'input' });
  for (const property of Object.values(schema.properties ?? {})) expect(property).toHaveProperty('description');
  const { read: operation } = schema.properties ?? {};
  expect(operation).toMatchObject({ additionalProperties: false, required: ['url'] });
});

test('a word of the other kind is an error: the hikyaku protocol needs no templates', () => {
  const result = webhook.config['~standard'].validate({ protocol: 'hikyaku', url, read });
  expect(result).toMatchObject({ issues: [{ keys: ['read'] }] });
  expect(webhook.config['~standard'].validate({ protocol: 'soap', url, read })).toMatchObject({
    issues: [{ path: ['protocol'], message: expect.stringContaining('must be `hikyaku`, or be left out') }],
  });
});

test('a description names the data and every origin, and no credential', () => {
  const config = templatedConfig.parse({
    url: `${url}/`,
    read,
    oauth: { tokenUrl: 'https://login.example/token', clientId: 'me' },
    ca: '/ca.pem',
  });
  expect(webhook.describe(config)).toEqual({
    identity: expect.stringMatching(/^webhook https:\/\/nas\.lan\/api [\w-]{22}$/),
    origins: ['https://nas.lan', 'https://login.example'],
    ca: '/ca.pem',
  });
});

test('another way to read is other data; another account, write or timeout is not', () => {
  const identityOf = (config: object): string =>
    webhook.describe(templatedConfig.parse({ url, read, ...config })).identity;
  const identity = identityOf({});
  expect(identityOf({ timeout: '5s', basic: { username: 'ann' }, delete: { url: '/${name}' } })).toBe(identity);
  for (const other of [
    { read: { ...read, result: '$.a' } },
    { read: { ...read, decode: 'base64' } },
    { read: { ...read, query: { a: 'b' } } },
    { read: { ...read, method: 'POST', body: { a: 'b' } } },
    { read: { ...read, method: 'POST', body: { a: 'c' } } },
    { list: { url: '/names' } },
    { url: 'https://nas.lan/other' },
  ])
    expect(identityOf(other)).not.toBe(identity);
});
