import { parseConfig } from '@hikyaku/config';
import type { Config } from '@hikyaku/config';
import { SecretValue } from '@hikyaku/core';
import { selfSignedCertificate } from '@hikyaku/provider-utils/testing';
import { generateIdentity, seal } from '@hikyaku/sealing';
import { beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { builtInTypes, loadBuiltIn } from '../providers.ts';
import { changesBetween } from './lint-changes.ts';

let key: string;

beforeAll(async () => {
  key = (await generateIdentity()).recipient;
});

async function configOf(source: object): Promise<Config> {
  const text = stringify({
    recipients: { home: key, cabin: { keys: [] } },
    providers: { s: source },
    secrets: [{ name: 'app', namespace: 'web', from: 's' }],
  });
  const providers = { types: builtInTypes, load: loadBuiltIn };
  const result = await parseConfig([{ path: 'hikyaku.yaml', text }], { providers });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.config;
}

/** `! kind what` for what lets somebody do more, `· kind what` for the rest. */
async function changes(before: object, now: object): Promise<readonly string[]> {
  const found = await changesBetween(await configOf(before), await configOf(now));
  return found.map(({ kind, what, more }) => `${more ? '!' : '·'} ${kind} ${what}`);
}

test('one more value of a cluster is told of, and one that is gone', async () => {
  const sealed = await seal(SecretValue.of('x'), {
    recipients: new Map([['home', [key]]]),
    binding: { use: 'doppler/token', to: ['https://api.doppler.com'] },
    now: Date.UTC(2026, 2, 1),
  });
  const source = (...names: readonly string[]) => ({
    type: 'doppler',
    token: { perCluster: Object.fromEntries(names.map((name) => [name, { sealed }])) },
  });
  expect(await changes(source('home'), source('home', 'cabin'))).toEqual([
    '! credential providers.s.token.perCluster.cabin is new, sealed on 2026-03-01',
  ]);
  expect(await changes(source('home', 'cabin'), source('home'))).toEqual([
    '· credential providers.s.token.perCluster.cabin is gone',
  ]);
  // Told of as a whole.
  expect(await changes({ type: 'doppler', token: { sealed } }, source('home'))).toEqual([
    '! credential providers.s.token is sealed for each cluster and was sealed',
  ]);
  expect(await changes(source('home'), { type: 'doppler', token: { sealed } })).toEqual([
    '! credential providers.s.token is sealed and was sealed for each cluster',
  ]);
});

test('other certificates than before are another destination', async () => {
  const { cert } = selfSignedCertificate();
  const source = (more: object) => ({ type: 'doppler', token: { env: 'TOKEN' }, ...more });
  expect(await changes(source({ ca: cert }), source({ ca: `${cert}\n` }))).toEqual([]);
  expect(await changes(source({}), source({ ca: cert }))).toEqual([
    expect.stringMatching(
      /^! destination providers\.s\.token is sent to https:\/\/api\.doppler\.com with certificates sha256-[\w-]{43} and was sent to https:\/\/api\.doppler\.com$/,
    ),
  ]);
  expect(await changes(source({ ca: '/etc/ssl/nas.pem' }), source({ ca: '/tmp/other.pem' }))).toEqual([
    '! destination providers.s.token is sent to https://api.doppler.com with the CA file /tmp/other.pem and was sent to https://api.doppler.com with the CA file /etc/ssl/nas.pem',
  ]);
});

test('another identity of one cluster is another credential', async () => {
  const one = '3f1c0a52-7d0e-4c55-9a0b-6f2f6f0c1a10';
  const other = '8b2d9e61-1f4a-4e0f-8c3d-2a7b5c9d0e21';
  const source = (identity: unknown) => ({ type: 'doppler', project: 'p', config: 'prd', oidc: { identity } });
  expect(await changes(source({ home: one, cabin: one }), source({ cabin: one, home: one }))).toEqual([]);
  expect(await changes(source({ home: one }), source({ home: other }))).toEqual([
    `! credential providers.s.oidc is the service account identities ${other} of home and was the service account identities ${one} of home`,
  ]);
});
