import type { SecretObject } from '@hikyaku/kube-client';
import { expect, test } from 'vitest';
import { IdentitySecret } from './identity-secret.ts';
import { AGENT, memoryKube, signal, withPolicy } from './memory-kube.test.kit.ts';
import { AGENT_LABEL } from './ownership.ts';

const ID = 'hikyaku/hikyaku-identity';
const MINE = '# created: now\nAGE-SECRET-KEY-1MINE\n';
const OTHER = 'AGE-SECRET-KEY-1OTHER\n';
const OURS = { [AGENT_LABEL]: AGENT };

function open() {
  const kube = memoryKube();
  withPolicy(kube.secrets, { readable: true });
  const secret = new IdentitySecret({ client: kube.client, access: { agent: AGENT, proof: 'policy' } });
  return { ...kube, secret };
}

function identityOf(text: string, signingKey?: string) {
  return { keyFiles: new Map([['age.agekey', text]]), ...(signingKey && { signingKey }) };
}

function secretOf(data: Readonly<Record<string, string>>, more: Partial<SecretObject['metadata']> = {}): SecretObject {
  const encoded = Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
  return {
    metadata: { namespace: AGENT, name: 'hikyaku-identity', labels: OURS, ...more },
    type: 'Opaque',
    data: Object.fromEntries(encoded),
  };
}

test('what was made is read again, and of two that make one the first counts', async () => {
  const { secret, secrets } = open();
  expect(await secret.read({ signal })).toBeUndefined();
  const mine = identityOf(MINE, 'PEM');
  expect(await secret.create(mine, { signal })).toEqual(mine);
  expect(await secret.create(identityOf(OTHER), { signal })).toEqual(mine);
  expect(await secret.read({ signal })).toEqual(mine);
  expect(secrets.live.get(ID)?.metadata.labels).toMatchObject(OURS);
});

test.each<[string, Readonly<Record<string, string>>, string]>([
  ['no entry', {}, 'has no entry ending with .agekey'],
  ['an entry of another name', { key: MINE }, 'has no entry ending with .agekey'],
  ['an entry that is no key', { 'age.agekey': 'a value' }, 'holds no age identity under age.agekey'],
  ['one of two', { 'age.agekey': MINE, 'b.agekey': '' }, 'holds no age identity under b.agekey'],
])('a Secret with %s is an error that says what to do, and stays as it is', async (_, data, message) => {
  const { secret, secrets } = open();
  secrets.put(secretOf(data));
  const before = secrets.live.get(ID);
  for (const attempt of [
    secret.read({ signal }),
    secret.create(identityOf(MINE), { signal }),
    secret.addSigningKey('PEM', { signal }),
  ]) {
    await expect(attempt).rejects.toMatchObject({ code: 'INVALID' });
    await expect(attempt).rejects.toThrow(message);
    await expect(attempt).rejects.toThrow('Put the right one back; or delete it');
    await expect(attempt).rejects.not.toThrow(/a value|SECRET/);
  }
  expect(secrets.live.get(ID)).toBe(before);
});

test('the newest key comes first: the one that was never rotated last', async () => {
  const { secret, secrets } = open();
  secrets.put(secretOf({ 'age-2026-01-02.agekey': MINE, 'age.agekey': OTHER, 'age-2026-11-01.agekey': MINE }));
  const names = [...((await secret.read({ signal }))?.keyFiles.keys() ?? [])];
  expect(names).toEqual(['age-2026-11-01.agekey', 'age-2026-01-02.agekey', 'age.agekey']);
});

test('a signing key is added once, and nothing is lost by it', async () => {
  const { secret, secrets } = open();
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': MINE };
  secrets.put(secretOf({ 'age.agekey': MINE, note: 'mine' }, { annotations }));
  // Somebody rotates in between.
  secrets.meanwhile = (call) => {
    if (call !== 'PUT') return;
    secrets.meanwhile = () => {};
    secrets.put(secretOf({ 'age.agekey': MINE, note: 'mine', 'age-2026.agekey': OTHER }, { annotations }), 'again');
  };
  const added = await secret.addSigningKey('PEM', { signal });
  expect([...added.keyFiles.values()]).toEqual([OTHER, MINE]);
  expect(added.signingKey).toBe('PEM');
  expect(Object.keys(secrets.live.get(ID)?.data ?? {}).toSorted()).toEqual([
    'age-2026.agekey',
    'age.agekey',
    'note',
    'service-principal.pem',
  ]);
  expect(secrets.live.get(ID)?.metadata.annotations).toEqual({});
  expect((await secret.addSigningKey('ANOTHER', { signal })).signingKey).toBe('PEM');
});

test('no signing key comes into a Secret that is not ours', async () => {
  const { secret, secrets } = open();
  secrets.put(secretOf({ 'age.agekey': MINE }, { labels: {} }));
  await expect(secret.addSigningKey('PEM', { signal })).rejects.toMatchObject({ code: 'FOREIGN' });
  expect(secrets.calls).not.toContain('PUT');
});
