import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { LastGoodConfig } from './last-good-config.ts';
import { AGENT, memoryKube, signal } from './memory-kube.test.kit.ts';

const access = { agent: AGENT, proof: 'policy' } as const;
const files = [{ path: '/etc/hikyaku/hikyaku.yaml', text: 'version: 1\n' }];
const others = [{ path: '/etc/hikyaku/hikyaku.yaml', text: 'version: 1 # 飛脚\n' }];

test('what is kept is there after a restart, and a newer one after it', async () => {
  const { client } = memoryKube();
  const config = new LastGoodConfig(client, access);
  expect(await config.read({ signal })).toBeUndefined();
  await config.keep(files, { signal });
  expect(await new LastGoodConfig(client, access).read({ signal })).toEqual(files);
  await config.keep(others, { signal });
  expect(await new LastGoodConfig(client, access).read({ signal })).toEqual(others);
});

test('the same again is not written, not even by another process', async () => {
  const { client, secrets } = memoryKube();
  await new LastGoodConfig(client, access).keep(files, { signal });
  const again = new LastGoodConfig(client, access);
  for (let times = 0; times < 2; times++) await again.keep(files, { signal });
  expect(secrets.calls.filter((call) => call !== 'GET')).toEqual(['POST']);
});

test('only what was seen is written over', async () => {
  const { client, secrets } = memoryKube();
  const slow = new LastGoodConfig(client, access);
  await slow.keep(files, { signal });
  secrets.meanwhile = (call) => {
    if (call !== 'PUT') return;
    secrets.meanwhile = () => {};
    const data = { 'files.json.gz': gzipSync(JSON.stringify(files)).toString('base64') };
    secrets.put({ metadata: { namespace: AGENT, name: 'hikyaku-last-config' }, type: 'Opaque', data });
  };
  await slow.keep(others, { signal });
  expect(await slow.read({ signal })).toEqual(others);
  expect(secrets.calls.filter((call) => call === 'PUT')).toHaveLength(2);
});

test.each<[string, Readonly<Record<string, string>>]>([
  ['no entry', {}],
  ['no archive', { 'files.json.gz': 'AAAA' }],
  ['no files', { 'files.json.gz': gzipSync('[]').toString('base64') }],
  ['something else', { 'files.json.gz': gzipSync('[{"path":1}]').toString('base64') }],
  ['more than a config', { 'files.json.gz': gzipSync(Buffer.alloc(17 * 1024 * 1024)).toString('base64') }],
])('a Secret with %s counts as none, and is written over', async (_, data) => {
  const { client, secrets } = memoryKube();
  secrets.put({ metadata: { namespace: AGENT, name: 'hikyaku-last-config' }, type: 'Opaque', data });
  const config = new LastGoodConfig(client, access);
  expect(await config.read({ signal })).toBeUndefined();
  await config.keep(files, { signal });
  expect(await new LastGoodConfig(client, access).read({ signal })).toEqual(files);
});
