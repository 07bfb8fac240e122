import { parseConfig } from '@hikyaku/config';
import { generateIdentity } from '@hikyaku/sealing';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { builtInTypes, loadBuiltIn } from '../providers.ts';
import { exposureOf, knownNames } from './exposure.ts';

test('of what Doppler trusts a cluster for, its own identity is told of where each has one', async () => {
  const ids = { home: '3f1c0a52-7d0e-4c55-9a0b-6f2f6f0c1a10', shed: '8b2d9e61-1f4a-4e0f-8c3d-2a7b5c9d0e21' };
  const exposed = async (identity: unknown, cluster: string) => {
    const { recipient } = await generateIdentity();
    const text = stringify({
      recipients: { home: recipient },
      providers: { shop: { type: 'doppler', project: 'shop', config: 'prd', oidc: { identity } } },
      secrets: [{ name: 'app', namespace: 'web', clusters: ['home'], from: 'shop' }],
    });
    const providers = { types: builtInTypes, load: loadBuiltIn };
    const result = await parseConfig([{ path: 'hikyaku.yaml', text }], { providers });
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    const { sources } = exposureOf(result.config, [], cluster);
    const told = sources.flatMap(({ credentials }) => credentials.map(({ how, revoke }) => ({ how, revoke })));
    return { told, isKnown: knownNames(result.config, []).has(cluster) };
  };
  expect(await exposed(ids, 'home')).toEqual({
    told: [
      {
        how: `tokens of its ServiceAccount, for the service account identity ${ids.home}`,
        revoke: `delete the service account identity ${ids.home}, in the dashboard of Doppler`,
      },
    ],
    isKnown: true,
  });
  expect(await exposed(ids, 'shed')).toMatchObject({
    told: [{ how: expect.stringContaining(ids.shed) }],
    isKnown: true,
  });
  expect((await exposed(ids.home, 'home')).told).toEqual([
    {
      how: `tokens of its ServiceAccount, for the service account identity ${ids.home}`,
      revoke: `take the issuer of that cluster out of the service account identity ${ids.home}, in the dashboard of Doppler`,
    },
  ]);
  expect(await exposed(ids.home, 'shed')).toEqual({ told: [], isKnown: false });
});
