import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import sakura from './index.ts';
import { sakuraConfig } from './sakura-config.ts';

const vault = '110000000000';

function problems(config: object): string {
  const result = sakuraConfig.safeParse({ vault, ...config });
  return result.success ? '' : z.prettifyError(result.error);
}

test('a vault is all that is needed', () => {
  expect(sakuraConfig.parse({ vault })).toEqual({
    vault,
    url: 'https://secure.sakura.ad.jp/cloud/zone/tk1a/api/cloud/1.1',
    requestsPerMinute: 60,
    rereadAfter: 12 * 3_600_000,
  });
  expect(sakuraConfig.safeParse({}).success).toBe(false);
});

test('a vault that is a number says how to write it', () => {
  expect(problems({ vault: 110_000_000_000 })).toContain('put the 12 digits of the vault id in quotes');
});

test.each(['', '11000000000', '1100000000000', 'my-vault', '11000000000a'])('%j is no vault id', (text) => {
  expect(problems({ vault: text })).toContain('must be the id of a vault: 12 digits, in quotes');
});

test.each(['http://localhost:8080', 'http://127.0.0.1:1', 'https://sakura.example/api/cloud/1.1/'])(
  '%s may be asked',
  (url) => {
    expect(problems({ url })).toBe('');
  },
);

test.each(['http://secure.sakura.ad.jp', 'http://127.0.0.1.example', 'ftp://localhost'])(
  '%s would show the API key on the way',
  (url) => {
    expect(problems({ url })).toContain('must be https, or http for a loopback host');
  },
);

test.each(['https://user:pass@sakura.example', 'https://sakura.example/?a=1', 'https://sakura.example/#a'])(
  '%s is no base of paths',
  (url) => {
    expect(problems({ url })).toContain('no user, query or fragment');
  },
);

test.each([0, 101, 1.5, '60'])('%j requests a minute are an error', (requestsPerMinute) => {
  expect(problems({ requestsPerMinute })).not.toBe('');
});

test.each([
  ['10m', 600_000],
  ['12h', 43_200_000],
  ['20d', 1_728_000_000],
])('%s is a time to read again after', (rereadAfter, ms) => {
  expect(sakuraConfig.parse({ vault, rereadAfter }).rereadAfter).toBe(ms);
});

test.each(['9m', '21d', '12', '1w', '-1h', '', '0h', '1h30m'])('%j is not', (rereadAfter) => {
  expect(problems({ rereadAfter })).toContain('must be a duration from `10m` to `20d`');
});

test('a word that does not exist is an error', () => {
  expect(problems({ zone: 'is1a' })).toContain('zone');
});

describe('a service principal', () => {
  const problemsWith = (more: object): string =>
    problems({ servicePrincipal: { id: '112800000000', kid: '9f', ...more } });

  test('has the id of a key, or one for each cluster', () => {
    expect(problemsWith({})).toBe('');
    expect(problemsWith({ kid: { home: '9f', cabin: '41' } })).toBe('');
    expect(problemsWith({ kid: {} })).toContain('must be the id of a key, or one for each cluster');
    expect(problemsWith({ kid: 'a b' })).toContain('must be the id of a key');
    expect(problemsWith({ kid: { home: '' } })).toContain('must be the id of a key');
  });

  test('that is a number says how to write it', () => {
    expect(problemsWith({ id: 112_800_000_000 })).toContain('put the id in quotes');
  });

  test.each(['https://evil.example/token', 'https://secure.sakura.ad.jp:8443/token', 'http://localhost/token'])(
    'cannot get its access tokens at %s while they are used elsewhere',
    (tokenUrl) => {
      expect(problemsWith({ tokenUrl })).toContain('must be on the host of `url`');
    },
  );

  test('cannot use its access tokens elsewhere than where they were given out', () => {
    const servicePrincipal = {
      id: '112800000000',
      kid: '9f',
      tokenUrl: 'https://secure.sakura.ad.jp/cloud/api/iam/1.0/service-principals/oauth2/token',
    };
    expect(problems({ servicePrincipal })).toBe('');
    expect(problems({ servicePrincipal, url: 'https://evil.example' })).toContain('must be on the host of `url`');
  });

  test('uses no credential, and reaches no other origin', () => {
    const config = sakuraConfig.parse({ vault, servicePrincipal: { id: '112800000000', kid: '9f' } });
    expect(sakura.describe(config)).toMatchObject({ credentials: [], origins: ['https://secure.sakura.ad.jp'] });
  });
});

test('editors get a JSON Schema with a text for each word', () => {
  const schema = z.toJSONSchema(sakuraConfig, { io: 'input' });
  expect(schema.required).toEqual(['vault']);
  expect(schema.additionalProperties).toBe(false);
  expect(schema.properties?.['rereadAfter']).toMatchObject({
    type: 'string',
    pattern: expect.any(String),
    default: '12h',
  });
  for (const property of Object.values(schema.properties ?? {})) expect(property).toHaveProperty('description');
});

test('a description names the data and the only origin, and no credential', () => {
  const config = sakuraConfig.parse({ vault, url: 'https://sakura.example/base/', ca: '/etc/ca.pem' });
  expect(sakura.describe(config)).toEqual({
    identity: `sakura https://sakura.example/base ${vault}`,
    origins: ['https://sakura.example'],
    ca: '/etc/ca.pem',
  });
});

test('the API key is looked for where the tools of SAKURA look for it', () => {
  expect(sakura.credentials).toEqual([
    { path: 'accessToken', default: { env: 'SAKURA_ACCESS_TOKEN' } },
    { path: 'accessTokenSecret', default: { env: 'SAKURA_ACCESS_TOKEN_SECRET' } },
  ]);
});
