import { expect, test } from 'vitest';
import { AGENT, memoryKube, signal } from './memory-kube.test.kit.ts';
import { OWN } from './ownership.ts';
import { noticesIn, putNotices } from './passed-notices.ts';

const NOTICE = '{"at":"2026-01-01T00:00:00.000Z"}';

function world(data: Readonly<Record<string, string>> = {}) {
  const { client, configMaps } = memoryKube();
  const metadata = { namespace: AGENT, name: OWN.request, labels: { kept: 'yes' } };
  configMaps.put({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
  const live = () => configMaps.live.get(`${AGENT}/${OWN.request}`);
  const put = (sources: readonly string[]) =>
    putNotices(client, { agent: AGENT }, { sources, at: new Date(Date.UTC(2026, 0, 1)) }, { signal });
  return { configMaps, live, put };
}

test('notices stand beside what people ask, all by one write', async () => {
  const { put, live, configMaps } = world({ '0123456789abcdef': '{}' });
  await put(['nas', 'homelab']);
  expect(live()).toMatchObject({
    metadata: { labels: { kept: 'yes' } },
    data: { '0123456789abcdef': '{}', 'notice.nas': NOTICE, 'notice.homelab': NOTICE },
  });
  expect(configMaps.calls).toEqual(['GET', 'PUT']);
});

test('somebody who writes at the same time loses nothing', async () => {
  const { put, live, configMaps } = world();
  configMaps.meanwhile = (call) => {
    if (call !== 'PUT') return;
    configMaps.meanwhile = () => {};
    const object = live();
    if (object !== undefined) configMaps.put({ ...object, data: { theirs: '{}' } }, object.metadata.uid);
  };
  await put(['nas']);
  expect(Object.keys(live()?.data ?? {})).toEqual(['theirs', 'notice.nas']);
});

test('without the ConfigMap nothing is passed on', async () => {
  const { put, configMaps } = world();
  configMaps.live.clear();
  await expect(put(['nas'])).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('what else stands there is no notice', () => {
  const data = { 'notice.nas': NOTICE, 'notice.NAS': NOTICE, 'notice.': NOTICE, '0123456789abcdef': '{}' };
  expect([...noticesIn({ data })]).toEqual([['nas', NOTICE]]);
  expect(noticesIn({}).size).toBe(0);
});
