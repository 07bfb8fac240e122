import { expect, test } from 'vitest';
import { AGENT, memoryKube, signal } from './memory-kube.test.kit.ts';
import { publishIdentity, readPublishedIdentity } from './published-identity.ts';

const access = { agent: AGENT, proof: 'policy' } as const;
const IDENTITY = { recipients: ['age1new', 'age1old'], fingerprints: ['aa', 'bb'], servicePrincipalPublicKey: 'PEM' };

test('the public half is written where it differs, into a ConfigMap that is there', async () => {
  const { client, configMaps } = memoryKube();
  expect(await publishIdentity(client, access, IDENTITY, { signal })).toBe(false);
  configMaps.put({ metadata: { namespace: AGENT, name: 'hikyaku-identity' } });
  expect(await publishIdentity(client, access, IDENTITY, { signal })).toBe(true);
  expect(await readPublishedIdentity(client, access, { signal })).toEqual(IDENTITY);
  expect(configMaps.live.get('hikyaku/hikyaku-identity')?.data?.['recipient']).toBe('age1new\nage1old\n');
  expect(await publishIdentity(client, access, IDENTITY, { signal })).toBe(true);
  expect(configMaps.calls.filter((call) => call !== 'GET')).toEqual(['PUT']);
});

test('with the rights of a person the ConfigMap is made', async () => {
  const { client } = memoryKube();
  expect(await publishIdentity(client, { agent: AGENT, proof: 'look' }, IDENTITY, { signal })).toBe(true);
  expect(await readPublishedIdentity(client, access, { signal })).toEqual(IDENTITY);
});
