import * as z from 'zod';
import { describe, expect, test } from 'vitest';
import { dopplerConfig } from './doppler-config.ts';
import doppler from './index.ts';

function problems(config: object): string {
  const result = dopplerConfig.safeParse(config);
  return result.success ? '' : z.prettifyError(result.error);
}

test('nothing is needed: a service token knows its config', () => {
  expect(dopplerConfig.parse({})).toEqual({ url: 'https://api.doppler.com', managedSecrets: false });
});

test('project and config go together', () => {
  expect(problems({ project: 'homelab', config: 'prd' })).toBe('');
  expect(problems({ project: 'homelab' })).toContain('go together');
  expect(problems({ config: 'prd' })).toContain('go together');
});

test.each(['http://localhost:8080', 'http://127.0.0.1:1', 'http://[::1]:1', 'https://doppler.example/base/'])(
  '%s may be asked',
  (url) => {
    expect(problems({ url })).toBe('');
  },
);

test.each(['http://doppler.example', 'http://127.0.0.1.example', 'ftp://localhost'])(
  '%s would show the token on the way',
  (url) => {
    expect(problems({ url })).toContain('must be https, or http for a loopback host');
  },
);

test.each(['https://user:pass@doppler.example', 'https://doppler.example/?a=1', 'https://doppler.example/#a'])(
  '%s is no base of paths',
  (url) => {
    expect(problems({ url })).toContain('no user, query or fragment');
  },
);

describe('an identity', () => {
  const identity = '0190f1e2-6c1a-7b3c-9d4e-5f6071829304';
  const both = { project: 'homelab', config: 'prd' };

  test('needs project and config, as it opens more than one', () => {
    expect(problems({ ...both, oidc: { identity } })).toBe('');
    expect(problems({ oidc: { identity } })).toContain('needs `project` and `config`');
    expect(problems({ ...both, oidc: {} })).toContain('must be the id of a service account identity, a UUID');
    expect(problems({ ...both, oidc: { identity: 'mine' } })).toContain('a UUID');
    expect(problems({ ...both, oidc: { identity: { home: identity } } })).toBe('');
    expect(problems({ ...both, oidc: { identity: { home: 'mine' } } })).toContain('a UUID');
    expect(problems({ ...both, oidc: { identity: {} } })).toContain('or one for each cluster');
  });

  test('is shown to the origin of the url only', () => {
    const audience = 'https://api.doppler.com';
    expect(problems({ ...both, oidc: { identity, audience } })).toBe('');
    for (const [url, other] of [
      ['https://evil.example', audience],
      [audience, 'https://evil.example'],
      [audience, `${audience}/`],
      [audience, `${audience}:443`],
      [audience, 'kubernetes'],
    ])
      expect(problems({ ...both, url, oidc: { identity, audience: other } })).toContain('must be the origin of `url`');
  });

  test('uses no credential', () => {
    const config = dopplerConfig.parse({ ...both, oidc: { identity } });
    expect(doppler.describe(config)).toMatchObject({ credentials: [], origins: ['https://api.doppler.com'] });
  });
});

test('a word that does not exist is an error', () => {
  expect(problems({ projct: 'homelab' })).toContain('projct');
});

test('editors get a JSON Schema with a text for each word', () => {
  const schema = z.toJSONSchema(dopplerConfig, { io: 'input' });
  expect(schema.dependentRequired).toEqual({
    project: ['config'],
    config: ['project'],
    oidc: ['project', 'config'],
  });
  expect(schema.additionalProperties).toBe(false);
  for (const property of Object.values(schema.properties ?? {})) expect(property).toHaveProperty('description');
});

test('a description names the data and the only origin, and no credential', () => {
  const config = dopplerConfig.parse({
    project: 'homelab',
    config: 'prd',
    url: 'https://doppler.example/base/',
    ca: '/etc/ca.pem',
  });
  expect(doppler.describe(config)).toEqual({
    identity: 'doppler https://doppler.example/base homelab/prd',
    origins: ['https://doppler.example'],
    ca: '/etc/ca.pem',
  });
  expect(doppler.describe(dopplerConfig.parse({})).identity).toBe(
    'doppler https://api.doppler.com config of the token',
  );
});
