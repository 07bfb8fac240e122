import { defineProvider } from '@hikyaku/core';
import type { Provider } from '@hikyaku/core';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import type { SourceConfig } from './config.ts';
import { knownFrom } from './example-providers.test.kit.ts';
import { parseConfig } from './parse-config.ts';
import { formatProblems } from './problem.ts';

/** As many origins as it is told, and no token where it goes by an identity. */
const place = defineProvider({
  type: 'place',
  config: z.strictObject({ urls: z.array(z.url()).default(['https://a.lan']), identity: z.string().optional() }),
  credentials: [{ path: 'token', default: { env: 'PLACE_TOKEN' } }, { path: 'headers.*' }],
  describe: ({ urls, identity }) => ({
    identity: 'place',
    origins: urls.map((url) => new URL(url).origin),
    ...(identity !== undefined && { credentials: ['headers.*'] }),
  }),
  connect() {
    throw new Error('a config never connects');
  },
});

const providers = knownFrom(new Map([['place', place as Provider]]));
const RECIPIENTS = `{ home: age1${'q'.repeat(58)}, edge: { keys: [] }, me: { key: age1${'z'.repeat(58)}, backup: true } }`;

async function read(words: string): Promise<SourceConfig | readonly string[]> {
  const text = `secrets: []\nrecipients: ${RECIPIENTS}\nproviders:\n  a: { type: place, ${words} }\n`;
  const result = await parseConfig([{ path: 'f', text }], { providers });
  if (!result.ok) return formatProblems(result.problems).split('\n');
  return result.config.sources.get('a') ?? [];
}

async function credentialsOf(words: string): Promise<Readonly<Record<string, unknown>>> {
  const source = await read(words);
  if ('length' in source) throw new Error(source.join());
  return Object.fromEntries(source.credentials);
}

const ARMOR = '-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n';
const SEALED = JSON.stringify(ARMOR);

describe('a credential', () => {
  test('may be sealed, and says whether it must be bound', async () => {
    expect(
      await credentialsOf(`token: { sealed: ${SEALED} }, headers: { A: { sealed: ${SEALED}, unbound: true } }`),
    ).toEqual({
      token: { sealed: { text: ARMOR, unbound: false, position: { file: 'f', line: 4, column: 38 } } },
      'headers.A': { sealed: { text: ARMOR, unbound: true, position: expect.anything() } },
    });
  });

  test('may be sealed for each cluster alone', async () => {
    const { token } = await credentialsOf(
      `token: { perCluster: { home: { sealed: ${SEALED} }, edge: { sealed: ${SEALED}, unbound: true } } }`,
    );
    expect(token).toEqual({
      perCluster: new Map([
        ['home', { text: ARMOR, unbound: false, position: expect.anything() }],
        ['edge', { text: ARMOR, unbound: true, position: expect.anything() }],
      ]),
    });
  });

  test('may be a token of the ServiceAccount, for the origin of the source', async () => {
    const audience = 'https://a.lan';
    expect(await credentialsOf('token: { serviceAccountToken: {} }')).toEqual({
      token: { serviceAccountToken: { audience } },
    });
    const two = 'urls: ["https://a.lan", "https://b.lan:8443/x"]';
    expect(
      await credentialsOf(`${two}, headers: { A: { serviceAccountToken: { audience: "https://b.lan:8443" } } }`),
    ).toMatchObject({
      'headers.A': { serviceAccountToken: { audience: 'https://b.lan:8443' } },
    });
  });

  test.each([
    [
      'two forms',
      `token: { env: A, sealed: ${SEALED} }`,
      '`token` needs exactly one of `env`, `file`, `secretRef`, `sealed`, `perCluster` and `serviceAccountToken`',
    ],
    [
      'text that is not sealed',
      'token: { sealed: abc }',
      'providers.a.token.sealed: `sealed` must be an age file in armor, as `hikyaku seal` writes it',
    ],
    ['`unbound: false`', `token: { sealed: ${SEALED}, unbound: false }`, '`unbound` must be `true`, or be left out'],
    [
      '`unbound` beside another form',
      'token: { env: A, unbound: true }',
      '`unbound` only goes with `sealed`; remove it',
    ],
    ['`unbound` alone', 'token: { unbound: true }', '`token` needs exactly one of'],
    ['no cluster', 'token: { perCluster: {} }', '`perCluster` must name at least one cluster'],
    [
      'text for a cluster',
      'token: { perCluster: { home: abc } }',
      '`home`: a credential does not belong in the file; `hikyaku seal providers.a.token --cluster home` seals it',
    ],
    [
      'another form for a cluster',
      `token: { perCluster: { home: { sealed: ${SEALED}, env: A } } }`,
      'unknown key `env`',
    ],
    [
      'an unknown cluster',
      `token: { perCluster: { hoem: { sealed: ${SEALED} } } }`,
      'f:4:44: providers.a.token.perCluster.hoem: there is no recipient `hoem`; did you mean `home`?',
    ],
    [
      'a backup key as a cluster',
      `token: { perCluster: { me: { sealed: ${SEALED} } } }`,
      '`me` is a backup key, and no cluster',
    ],
    [
      '`oidc`',
      'token: { oidc: { identity: x } }',
      'f:4:30: providers.a.token.oidc: `oidc` is no form of `token`; `oidc: { identity: ID }` stands beside `type: doppler`',
    ],
    [
      '`servicePrincipal`',
      'token: { servicePrincipal: {} }',
      '`servicePrincipal: { id: ID, kid: KEY }` stands beside `type: sakura`',
    ],
    [
      'an audience elsewhere',
      'token: { serviceAccountToken: { audience: "https://evil.lan" } }',
      '`audience` must be where the source sends its requests, so that nobody else can use the token; `https://a.lan`',
    ],
    [
      'an audience with a path',
      'token: { serviceAccountToken: { audience: "https://a.lan/" } }',
      '`audience` must be where the source sends its requests',
    ],
    [
      'no audience of two',
      'urls: ["https://a.lan", "https://b.lan"], token: { serviceAccountToken: {} }',
      'the source has several origins: `audience` says which one the token is for; `https://a.lan` or `https://b.lan`',
    ],
    [
      'a source without an origin',
      'urls: [], token: { serviceAccountToken: {} }',
      'this source goes to no origin that a token could be for',
    ],
    [
      'a bare token as a header',
      'headers: { authorization: { serviceAccountToken: {} } }',
      'a header `Authorization` would hold the token alone, without `Bearer`; write it under `token:` of the source',
    ],
    [
      'a name that a shell would run',
      'headers: { "X-`id`": abc }',
      'X-`id``: a credential does not belong in the file; `hikyaku seal` seals it; or use',
    ],
    [
      'a name that would move the cursor',
      'headers: { "X\\e[2J": { env: A } }',
      'a name here has characters that cannot be shown; remove them',
    ],
    [
      'a name that turns the direction of writing around',
      'headers: { "X\\u202eA": { env: A } }',
      'a name here has characters that cannot be shown; remove them',
    ],
    [
      'what the source does not use',
      'identity: x, token: { env: A }',
      'f:4:34: providers.a.token: `token` is not used by a source that is configured like this one; remove it',
    ],
  ])('%s is refused', async (_, words, expected) => {
    expect(await read(words)).toEqual([expect.stringContaining(expected)]);
  });

  test('a field that is not in use has no default', async () => {
    expect(await credentialsOf('')).toEqual({ token: { env: 'PLACE_TOKEN' } });
    expect(await credentialsOf('identity: x, headers: { A: { env: B } }')).toEqual({ 'headers.A': { env: 'B' } });
  });
});
